"""From the segments into the store, step by step: nothing stops it, nothing that was accepted is lost unsaid."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from llmcost_collector import intake as module
from llmcost_collector.intake import Intake, Source
from llmcost_collector.metrics import Held, Meters

from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.spool import Frame, SegmentWriter, Spool
from otel_llmcost.store.engine import RowsRefusedError
from tests.collector.telling import a_call, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from otel_llmcost.call import LLMCall
    from otel_llmcost.store import PricedCall, Store

WITHIN_S = 180
PRICER = Pricer(load_rate_table())


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as spool:
        yield spool


def intake_of(spool: Spool, store: Callable[[], Store], *, is_journal: bool = True) -> Intake:
    meters = Meters(Held, {"OTEL_METRICS_EXPORTER": "none"})
    return Intake(store, (Source(spool, is_journal),), lambda: PRICER, lambda call: call, meters)


def spooled(directory: Path, *calls: LLMCall) -> Path:
    writer = SegmentWriter(directory)
    writer.append(Frame(time.time_ns(), request_of(calls)))
    path = writer.seal()
    assert path is not None
    return path


def held(store: Store, *calls: LLMCall) -> int:
    ids = {"ids": [call.trace_id for call in calls]}
    return len(store.query("SELECT 1 FROM llm_calls WHERE trace_id IN {ids:Array(String)}", ids))


@pytest.mark.long
def test_an_error_that_nobody_expected_does_not_end_it(store: Store, tmp_path: Path) -> None:
    mine, failures = a_call(), [KeyError("unforeseen")]

    def opened() -> Store:
        if failures:
            raise failures.pop()
        return store

    spooled(tmp_path, mine)
    intake = intake_of(Spool(tmp_path), opened)
    thread = threading.Thread(target=intake.run)
    thread.start()
    deadline_s = time.monotonic() + WITHIN_S
    while not held(store, mine):
        assert thread.is_alive()
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    intake.stop(WITHIN_S)
    thread.join(WITHIN_S)
    assert not failures
    assert not thread.is_alive()


def test_a_batch_ends_at_so_many_bytes_and_keeps_none_of_them(
    store: Store, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [spooled(tmp_path, a_call()) for _ in range(3)]
    monkeypatch.setattr(module, "BATCH_BYTES", paths[0].stat().st_size)
    portions, is_more = intake_of(spool, lambda: store)._gathered()
    assert (len(portions), is_more) == (2, True)
    assert [(portion.frames, portion.segment.frames) for portion in portions] == [(1, []), (1, [])]


def test_a_quota_that_runs_out_rejects_no_segment(
    store: Store, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, evil = a_call(), a_call(request_model="evil")
    paths = [spooled(tmp_path, good), spooled(tmp_path, evil)]
    refusals = [RowsRefusedError("of the batch"), RowsRefusedError("of the segment"), StoreRefusedError("quota")]
    real = store.write

    def write(rows: Sequence[PricedCall]) -> int:
        if any(row.call.request_model == "evil" for row in rows) and refusals:
            raise refusals.pop(0)
        return real(rows)

    monkeypatch.setattr(store, "write", write)
    intake = intake_of(spool, lambda: store)
    with pytest.raises(StoreRefusedError, match="quota"):
        intake._turn()
    assert [path.exists() for path in paths] == [False, True]
    assert not list((tmp_path / "corrupt").iterdir())
    intake._turn()
    assert held(store, good, evil) == 2


def test_a_segment_whose_rows_are_refused_again_and_again_is_set_aside(
    store: Store, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.write

    def write(rows: Sequence[PricedCall]) -> int:
        if any(row.call.request_model == "evil" for row in rows):
            msg = "evil"
            raise RowsRefusedError(msg)
        return real(rows)

    monkeypatch.setattr(store, "write", write)
    good, path = a_call(), spooled(tmp_path, a_call(request_model="evil"))
    intake = intake_of(spool, lambda: store)
    with pytest.raises(RowsRefusedError):
        intake._turn()
    assert path.exists()
    spooled(tmp_path, good)
    intake._turn()
    assert held(store, good) == 1
    assert (tmp_path / "corrupt" / path.name).exists()


def test_what_is_wrong_with_an_open_segment_is_told_once_it_is_sealed(
    store: Store, spool: Spool, tmp_path: Path
) -> None:
    writer, mine = SegmentWriter(tmp_path), a_call()
    writer.append(Frame(time.time_ns(), b"no request"))
    writer.append(Frame(time.time_ns(), request_of([mine])))
    intake = intake_of(spool, lambda: store, is_journal=False)
    for _ in range(2):
        intake._turn()
    assert held(store, mine) == 1
    assert b'reason="corrupt"' not in intake.meters.page()[2]
    path = writer.seal()
    assert path is not None
    intake._turn()
    (line,) = (line for line in intake.meters.page()[2].splitlines() if b'reason="corrupt"' in line)
    assert line.endswith(b" 1.0")
    assert (tmp_path / "corrupt" / path.name).exists()
