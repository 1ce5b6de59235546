"""`residua clean`: from settings to what was removed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dashboard.commands import talk
from dashboard.configuration import gathered
from dashboard.jobs.limits import megabytes
from dashboard.settings import SettingError
from dashboard.store import StoreError
from dashboard.store.clean import CONTENT, RUN, TEMPORARY, UPLOAD, Leftover, clean

_NOUNS = {
    CONTENT: ("content of no file", "contents of no file"),
    RUN: ("folder of no run", "folders of no run"),
    UPLOAD: ("upload that was never finished", "uploads that were never finished"),
    TEMPORARY: ("temporary file of a run that ended", "temporary files of runs that ended"),
}


def run(given: Mapping[str, Any], dry_run: bool, as_json: bool) -> None:
    """Clean what the settings name; prints what was, or would be, removed."""
    try:
        settings = gathered(given)
        found = clean(settings.data_path, settings.database, dry_run=dry_run)
    except (StoreError, SettingError) as error:
        talk.refuse(str(error), as_json)
    if as_json:
        records = [{"kind": one.kind, "path": str(one.path), "bytes": one.size} for one in found]
        print(json.dumps({"dry_run": dry_run, "leftovers": records}))
    else:
        print(sentence(found, dry_run))


def sentence(found: list[Leftover], dry_run: bool) -> str:
    """What was, or would be, removed."""
    if not found:
        return "Nothing to remove: everything in the data folder is referred to."
    counts = Counter(one.kind for one in found)
    parts = [f"{counts[kind]} {nouns[counts[kind] > 1]}" for kind, nouns in _NOUNS.items() if counts[kind]]
    verb = "Would remove" if dry_run else "Removed"
    return f"{verb} {', '.join(parts)}: {megabytes(sum(one.size for one in found))}."
