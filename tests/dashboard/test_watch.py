"""What watches over a fit in its worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dashboard.jobs.watch import CANCEL_FLAG, Reason, Watch, claim


def test_a_fit_says_that_it_stops_as_soon_as_it_notices(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    assert claim(tmp_path, 1)
    with Watch(tmp_path, 1, said.append) as watch:
        assert not watch.should_stop()
        (tmp_path / CANCEL_FLAG).touch()
        assert [watch.should_stop(), watch.should_stop()] == [True, True]
        assert watch.reason is Reason.CANCELLED
    assert [one for one in said if one["type"] != "beat"] == [{"type": "stopping"}]
