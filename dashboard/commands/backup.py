"""`residua backup` and `residua restore`: from settings to a sentence."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from dashboard.commands import talk
from dashboard.configuration import gathered
from dashboard.settings import SettingError, Settings
from dashboard.store import StoreError
from dashboard.store.backup import Report, back_up, restore

Copy = Callable[[Settings, Callable[[int], None]], Report]


def backup(folder: Path, given: Mapping[str, Any], quiet: bool, as_json: bool) -> Report:
    """Back up what the settings name; prints what was done. SIGTERM ends it as Ctrl-C does: nothing stays behind."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        return _run(
            lambda settings, count: back_up(settings.data_path, settings.database, folder, count),
            "Backed up",
            folder,
            given,
            quiet,
            as_json,
        )
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def put_back(folder: Path, given: Mapping[str, Any], quiet: bool, as_json: bool) -> Report:
    """Restore into what the settings name; prints what was done."""
    return _run(
        lambda settings, count: restore(folder, settings.data_path, settings.database, count),
        "Restored",
        folder,
        given,
        quiet,
        as_json,
    )


def _run(copy: Copy, verb: str, folder: Path, given: Mapping[str, Any], quiet: bool, as_json: bool) -> Report:
    try:
        settings = gathered(given)
        with talk.Progress("Copying", None, quiet or as_json) as progress:
            report = copy(settings, progress.count)
    except (StoreError, SettingError) as error:
        talk.refuse(str(error), as_json)
        raise
    if as_json:
        import json

        print(json.dumps({**asdict(report), "folder": str(folder)}))
    else:
        print(_sentences(verb, folder, report))
    return report


def _sentences(verb: str, folder: Path, report: Report) -> str:
    counts = ", ".join(
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((report.projects, "project"), (report.files, "file"), (report.runs, "run"))
    )
    preposition = "to" if verb == "Backed up" else "from"
    text = f"{verb} {counts} ({report.bytes / 1e6:.1f} MB) {preposition} {folder}"
    if report.damaged:
        text += (
            f"\nMissing or changed on disk, so not usable: {', '.join(report.damaged)}. "
            "Upload such a file again, which mends it; run such a fit again."
        )
    return text
