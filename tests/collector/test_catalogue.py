"""The dated catalogue says who pays for calls as they are taken in, by the day on which each began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.config import parse_config
from otel_llmcost.ledger.catalogue import load
from tests.collector.conftest import running
from tests.collector.telling import TRACES, a_call, call, request_of

if TYPE_CHECKING:
    from otel_llmcost.store import Store

DAY = timedelta(days=1)


@pytest.mark.long
def test_a_reorganisation_does_not_rewrite_last_quarter(store: Store, tmp_path: Path) -> None:
    """Loaded before a quarter as growth's, in the middle of it as payments'; calls of both halves arrive afterwards."""
    moved = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 45 * DAY
    for team, since in (("growth", moved - 45 * DAY), ("payments", moved)):
        found = parse_config(f"features: {{moving: {{team: {team}}}}}".encode(), Path("llmcost.yaml")).catalogue
        assert found is not None
        load(store, found, today=since.date(), actor="test")
    before, after, named = (
        a_call(started_at_ns=int(at.timestamp()) * 10**9, attribution=Attribution(feature="moving", team=team))
        for at, team in ((moved - DAY / 24, ""), (moved, ""), (moved, "platform"))
    )
    with running(tmp_path, store) as up:
        call(up.grpc, request_of([before, after, named]), TRACES)
        up.stored([before, after, named])
    told = store.query("SELECT trace_id, team FROM llm_calls WHERE feature = 'moving'")
    assert dict(told) == {before.trace_id: "growth", after.trace_id: "payments", named.trace_id: "platform"}


def test_the_file_is_enough_where_nothing_was_loaded(store: Store, tmp_path: Path) -> None:
    (tmp_path / "llmcost.yaml").write_text("features: {only_in_the_file: {team: growth}}")
    said = a_call(attribution=Attribution(feature="only_in_the_file"))
    with running(tmp_path, store) as up:
        call(up.grpc, request_of([said]), TRACES)
        up.stored([said])
    assert store.query("SELECT team FROM llm_calls WHERE feature = 'only_in_the_file'").rows == (("growth",),)
