"""`residua report`, and the reports that `fit` and `compare` write: the same files as from the dashboard."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from dashboard.reports.export import write
from dashboard.reports.read import portable, report_of_folder


def report(folder: Path, kinds: Sequence[str]) -> list[Path]:
    """Write reports of a run's or a comparison's folder into it, and return their paths."""
    with tempfile.TemporaryDirectory(prefix="residua-report-") as scratch:
        document = report_of_folder(folder, Path(scratch))
        inside = [kind for kind in kinds if kind != "zip"]
        written = write(document, folder, inside)
        if "zip" in kinds:
            written += write(portable(document), folder, ["zip"])
    return written
