"""What every tracked file promises: no machine's paths, no hubs, errors that are matched."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 500

# Assembled, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of one machine": re.compile(
        "|".join(("/" + "work/", "/" + "root/", "/" + "home/[a-z]+/", "/" + "opt/wheels", "/" + "opt/pypi"))
    ),
    "a word about who wrote it": re.compile(
        "|".join(("session " + "helper", "co-authored" + "-by", "as an " + "ai\\b", "language " + "model")),
        re.IGNORECASE,
    ),
    "a package registry's host": re.compile(
        "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(org|com)"))
    ),
    "a debugger": re.compile("|".join(("breakpoint" + r"\(\)", r"\bpdb\." + "set_trace"))),
}


def tracked() -> list[Path]:
    """Every text file of the repository that git tracks; of an unpacked archive, every source file."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        names = [name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [
            str(path.relative_to(ROOT))
            for top in ("engine", "dashboard", "tests", "benchmarks", "static")
            for path in (ROOT / top).rglob("*")
            if path.is_file()
        ]
    binary = {".png", ".jpg", ".ico", ".fits", ".woff2", ".gz", ".pyc"}
    return [ROOT / name for name in names if Path(name).suffix not in binary and (ROOT / name).is_file()]


FILES = tracked()
SOURCES = [path for path in FILES if path.suffix in {".py", ".js", ".css"}]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = FORBIDDEN[what]
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in FILES
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, f"{what}:\n" + "\n".join(found)


def test_no_source_file_is_a_hub() -> None:
    long = {
        name_of(path): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > LONGEST
    }
    assert not long, f"over {LONGEST} lines, give each idea its own file: {long}"


def test_every_raises_says_which_error() -> None:
    bare = re.compile(r"pytest\.raises\((?![^)]*match=)[^)]*\)")
    found = [
        f"{name_of(path)}: {match.group(0)}"
        for path in FILES
        if path.suffix == ".py" and "tests" in path.parts
        for match in bare.finditer(path.read_text())
        if "typer.Exit" not in match.group(0) and path != Path(__file__).resolve()
    ]
    assert not found, "pytest.raises without match= accepts the wrong error:\n" + "\n".join(found)


def test_every_file_ends_with_one_newline() -> None:
    wrong = [
        name_of(path) for path in SOURCES if (text := path.read_text()) and not re.search(r"[^\n]\n\Z", text)
    ]
    assert not wrong
