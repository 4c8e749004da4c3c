"""A small run of the crash test: `make crash` is the large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.collector.crash.run import Plan, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.server
@pytest.mark.long
def test_each_call_is_stored_once_whoever_is_killed_and_however_often_it_is_sent(library: Path, tmp_path: Path) -> None:
    outcome = run(Plan(calls=4_000, collector_kills=3, server_kills=1, seed=11), tmp_path, library)
    assert outcome.stored.calls == outcome.sent.calls
    assert outcome.stored.hours == outcome.sent.hours
    assert outcome.stored.sessions == outcome.sent.sessions
    assert sum("killed" in line for line in outcome.log) == 4
    assert outcome.by_column > outcome.one_by_one
