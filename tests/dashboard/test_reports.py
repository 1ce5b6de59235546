"""Reports: what they say, that nothing in them acts, and that their notebooks run and give the same numbers."""

from __future__ import annotations

import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

import engine
from dashboard.cli import app
from dashboard.reports.compose import call, corner_names, report, variable
from dashboard.reports.document import Code, Document, Fit, Heading, Listing, Note, Prose, Table
from dashboard.reports.export import as_bytes, as_notebook, literal, write
from dashboard.reports.html import html
from dashboard.reports.inputs import gathered
from dashboard.reports.markup import markdown
from dashboard.reports.pdf import pdf
from dashboard.reports.read import portable, read_fit, report_of_folder
from tests.dashboard.notebooks import executed

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a comparison of an optimizer with two samplers of a kind."""
    folder = tmp_path_factory.mktemp("compared")
    problem = engine.load(engine.write_example("disk", folder / "example"))
    rows = []
    for fitter, options in {"lm": {}, "laplace": {"draws": 200}, "gradient": {"max_steps": 40}}.items():
        engine.write_run(folder / fitter, problem, engine.fit(problem, fitter, seed=3, **options))
        rows.append({"fitter": fitter, "folder": fitter})
    (folder / "compare.json").write_text(json.dumps({"fitters": rows}))
    return folder


@pytest.fixture(scope="module")
def document(compared: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    return report_of_folder(compared, tmp_path_factory.mktemp("scratch"))


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.styles = ""
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        self.styles += data if self._within == "style" else ""


def test_a_report_opens_with_what_matters_and_closes_with_where_it_comes_from(document: Document) -> None:
    titles = [block.text for block in document.blocks if isinstance(block, Heading) and block.level == 2]
    assert titles == ["Result", "The fits, to run again", "Provenance", "Citation", "Fit description"]
    notes = [block.text for block in document.blocks if isinstance(block, Note)]
    assert notes[0].startswith("Levenberg-Marquardt. Converged")
    assert "agree" in notes[1]
    table = next(block for block in document.blocks if isinstance(block, Table))
    assert ("bulge.center.x", "61.2166", "", "pixel", "= disk.center.x") in table.rows
    page = html(document)
    for fact in ("0.9956", "sha256", "torch", "@software{residua", "degrees of freedom", "seed"):
        assert fact in page


def test_the_html_asks_for_nothing(document: Document) -> None:
    page = html(document)
    inside = Elements(page)
    addresses = [
        one[key] for _, one in inside.found for key in ("src", "href", "srcset", "data") if key in one
    ]
    assert all(str(address).startswith("#") for address in addresses), addresses
    assert not {"link", "iframe", "img", "object", "base"} & {tag for tag, _ in inside.found}
    assert "@import" not in inside.styles
    assert "url(" not in inside.styles
    assert "default-src 'none'" in page
    assert page.count("<figure>") == 7
    assert len(page) < 15_000_000


def hostile(tmp_path: Path) -> Document:
    """A report of a fit whose every text is a script."""
    rng = np.random.default_rng(1)
    hdu = fits.PrimaryHDU(rng.normal(10, 1, (40, 40)))
    hdu.header["OBJECT"] = SCRIPT
    hdu.header["BUNIT"] = SCRIPT
    name = "evil <script>alert(1) $x_2$ `a`.fits"
    hdu.writeto(tmp_path / name)
    description = {
        "residua": 1,
        "images": [{"name": SCRIPT, "data": str(tmp_path / name), "sigma": 1.0}],
        "components": [{"name": "sky", "model": "flat sky"}],
    }
    problem = engine.load(description)
    one = Fit(f"{SCRIPT} & co", "evil", problem, engine.fit(problem, "lm", seed=1))
    told, inputs = gathered(problem.describe(), {}, tmp_path)
    notes = [
        Prose(
            f"{SCRIPT} ![x](http://example.org/a.png) [y](javascript:alert(2)) <img src=x onerror=alert(3)> $a<b$"
        ),
        Listing(f"{SCRIPT}\n```\n{SCRIPT}"),
        Table((SCRIPT,), ((f"a|b {SCRIPT}",),), SCRIPT),
        Code(f"x = {SCRIPT!r}"),
    ]
    return report(SCRIPT, [one], told, inputs=inputs, middle=notes)


def test_text_of_files_and_people_is_text_in_html(tmp_path: Path) -> None:
    page = html(hostile(tmp_path))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    for tag, attributes in Elements(page).found:
        assert tag != "img"
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert not str(attributes.get("href", "#")).startswith("javascript")
        assert "src" not in attributes


def test_text_of_files_and_people_is_text_in_a_notebook(tmp_path: Path) -> None:
    book = json.loads(as_notebook(hostile(tmp_path)))
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            outside = re.sub(
                r"^(`{3,})\n.*?^\1$", "", "".join(cell["source"]), flags=re.DOTALL | re.MULTILINE
            )
            assert not re.search(r"(?<!\\)<(script|img)", outside)
            assert not re.search(r"(?<!\\)!\[", outside)
            # What a strict Markdown renderer that lets HTML through would make of it.
            from markdown_it import MarkdownIt

            shown = MarkdownIt("commonmark", {"html": True}).enable("table").render("".join(cell["source"]))
            assert "<script" not in shown
            assert "<img" not in shown


def test_the_names_of_files_are_harmless_in_a_zip(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (path,) = write(hostile(tmp_path), tmp_path / "out", ["zip"])
    names = zipfile.ZipFile(path).namelist()
    assert names[:2] == ["report/report.ipynb", "report/fit.yaml"]
    assert all(re.fullmatch(r"report/(data/)?[A-Za-z0-9._-]+", name) for name in names)


def test_names_that_only_differ_in_what_is_taken_out_stay_apart(tmp_path: Path) -> None:
    for name in ("a b.fits", "a;b.fits"):
        fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / name)
    entry = {"data": f"{tmp_path}/a b.fits[0]", "mask": f"{tmp_path}/a;b.fits", "weight": np.ones((3, 3))}
    told, inputs = gathered({"images": [entry]}, {}, tmp_path)
    assert told["images"][0] == {
        "data": "data/a_b.fits[0]",
        "mask": "data/2-a_b.fits",
        "weight": "data/weight.fits",
    }
    assert set(inputs) == {"data/a_b.fits", "data/2-a_b.fits", "data/weight.fits"}


def test_the_pdf_is_one(document: Document, tmp_path: Path) -> None:
    content = pdf(document)
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 4
    assert pdf(hostile(tmp_path)).startswith(b"%PDF")


@pytest.mark.parametrize("kind", ["docx", ""])
def test_other_kinds_are_refused(document: Document, kind: str) -> None:
    with pytest.raises(ValueError, match="A report is written as html, ipynb, zip, pdf"):
        as_bytes(document, kind)


def test_an_exported_notebook_runs_and_gives_the_same_numbers(
    document: Document, compared: Path, tmp_path: Path
) -> None:
    (path,) = write(portable(document), tmp_path, ["zip"])
    zipfile.ZipFile(path).extractall(tmp_path)
    folder = tmp_path / "report"
    found = executed((folder / "report.ipynb").read_text(), folder)
    for name in ("lm", "laplace", "gradient"):
        expected = engine.read_run(compared / name)
        assert found[name]["chi2_dof"] == pytest.approx(expected.chi2_dof, rel=1e-9)
        np.testing.assert_allclose(found[name]["values"], expected.values, rtol=1e-6, atol=1e-9)


def test_the_notebook_in_a_runs_folder_goes_back_to_its_start(compared: Path) -> None:
    fit = read_fit(compared / "lm")
    start = engine.load(compared / "example" / "fit.yaml")
    np.testing.assert_allclose(fit.problem.values, start.values)
    assert not np.allclose(fit.problem.values, fit.result.values)


def test_the_call_of_a_fit_names_what_differs() -> None:
    problem = engine.load(engine.example("disk"))
    result = engine.fit(problem, "lm", max_steps=3, seed=5)
    assert call(Fit("a", "a", problem, result)) == 'engine.fit(problem, "lm", seed=5, max_steps=3)'
    chain = engine.fit(problem, "gradient+lm", seed=5, gradient={"max_steps": 2})
    code = call(Fit("a", "a", problem, chain))
    again = eval(code, {"engine": engine, "problem": problem})
    np.testing.assert_array_equal(again.values, chain.values)


def test_variables_are_python_names_that_differ() -> None:
    assert variable("iterative-parameters", ()) == "iterative_parameters"
    assert variable("lm", ("lm",)) == "lm_2"
    assert variable("2 tries", ()) == "fit_2_tries"
    assert variable("problem", ()) == "problem_2"
    assert variable("!!", ()) == "fit"


def test_a_corner_plot_of_many_parameters_takes_the_brightest(document: Document) -> None:
    problem = engine.load(engine.example("seed"))
    names = corner_names(Fit("a", "a", problem, engine.fit(problem, "lm")))
    assert len(names) == 8
    assert "sersic 0.n" in names
    assert not any(".center." in name for name in names)


def test_plain_text_stays_plain_in_markdown() -> None:
    hard = r"a_b *c* `d` [e](f) <g> $h$ | # i \ ~j~"
    assert markdown(literal(hard)).strip() == markdown_of_text(hard)


def markdown_of_text(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<p>{escaped}</p>"


def test_the_command_line_reports(compared: Path) -> None:
    finished = CliRunner().invoke(app, ["report", str(compared / "lm"), "--pdf", "--zip", "--json"])
    assert finished.exit_code == 0, finished.output
    names = [Path(path).name for path in json.loads(finished.stdout)["files"]]
    assert names == ["report.html", "report.ipynb", "report.pdf", "report.zip"]
    assert all((compared / "lm" / name).stat().st_size > 1000 for name in names)


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    finished = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert finished.exit_code == 2
    assert "holds no finished run" in finished.stderr


def test_the_fit_command_writes_its_report(tmp_path: Path) -> None:
    description = engine.write_example("disk", tmp_path / "example")
    arguments = ["fit", str(description), "--out", str(tmp_path / "out"), "-q"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert {"report.html", "report.ipynb"} <= {path.name for path in (tmp_path / "out").iterdir()}
    other = [*arguments[:3], str(tmp_path / "bare"), "-q", "--no-report"]
    assert CliRunner().invoke(app, other).exit_code == 0
    assert not (tmp_path / "bare" / "report.html").exists()
