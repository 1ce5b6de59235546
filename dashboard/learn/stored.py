"""The runs that pages open with: made by ``make tutorials``, kept beside the lessons, read here."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from dashboard.learn.execute import Output

RUNS = Path(__file__).parent / "runs"


@lru_cache(maxsize=64)
def stored(key: str) -> dict[str, Any]:
    """The stored run of a lesson: ``fingerprint``, ``versions``, ``seconds``, ``cells`` (outputs by name), ``numbers``.

    Empty of cells where the lesson was not run yet.
    """
    path = RUNS / key / "run.json"
    if not path.is_file():
        return {"fingerprint": "", "versions": {}, "seconds": {}, "cells": {}, "numbers": {}}
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for outputs in record["cells"].values():
        for output in outputs:
            if output["kind"] == "figure":
                output["svg"] = (RUNS / key / output.pop("file")).read_text(encoding="utf-8")
    return record


def write(key: str, record: dict[str, Any]) -> None:
    """Store a run: figures as SVG files, all else in run.json."""
    folder = RUNS / key
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    cells: dict[str, list[Output]] = {}
    for name, outputs in record["cells"].items():
        cells[name] = []
        for number, output in enumerate(outputs):
            kept = dict(output)
            if kept["kind"] == "figure":
                kept["file"] = f"{name}-{number}.svg"
                text = "\n".join(line.rstrip() for line in kept.pop("svg").splitlines()) + "\n"
                (folder / kept["file"]).write_text(text, encoding="utf-8")
            cells[name].append(kept)
    text = json.dumps({**record, "cells": cells}, indent=1, ensure_ascii=False) + "\n"
    (folder / "run.json").write_text(text, encoding="utf-8")
