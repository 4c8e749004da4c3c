"""From segments into the store: what was accepted waits or is set aside by name, and is never dropped."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from llmcost_collector import intake
from llmcost_collector.intake import Intake, Source
from llmcost_collector.metrics import Held, Meters

from otel_llmcost.errors import StoreError, StoreRefusedError, StoreUnreachableError
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.spool import Frame, SegmentWriter, Spool
from otel_llmcost.store.engine import RowsRefusedError
from tests.collector.telling import a_call, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from otel_llmcost.call import LLMCall
    from otel_llmcost.store import PricedCall

WITHIN_S = 180


@dataclass
class MoodyStore:
    """A store that takes what it likes.

    Attributes:
        refuses: Trace ids; a batch that holds one is refused whole, for what is in its rows.
        fault: What every write and query raises; None while all is well.
        taken: The trace ids that were written, and `derived`, in their order.
    """

    refuses: set[str] = field(default_factory=set)
    fault: StoreError | None = None
    taken: list[str] = field(default_factory=list)
    is_embedded: bool = False

    def write(self, rows: Sequence[PricedCall]) -> int:
        if self.fault is not None:
            raise self.fault
        ids = [row.call.trace_id for row in rows]
        if self.refuses & set(ids):
            msg = "the store refuses every row"
            raise RowsRefusedError(msg)
        self.taken += ids
        return len(ids)

    def query(self, sql: str) -> None:
        if self.fault is not None:
            raise self.fault

    def derive(self) -> None:
        self.taken.append("derived")

    def take_handed(self) -> int:
        return 0

    def derived_ago_s(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


@dataclass
class Stage:
    """An intake that runs in a thread, its store and where its segments are."""

    store: MoodyStore
    place: Path
    intake: Intake

    def seal(self, *calls: LLMCall) -> Path:
        """Leave a segment with a call in each frame, there all at once: an open one may pass for a dead writer's."""
        writer = SegmentWriter(self.place / "elsewhere")
        for call in calls:
            writer.append(Frame(time.time_ns(), request_of([call])))
        sealed = writer.seal()
        assert sealed is not None
        path = sealed.rename(self.place / sealed.name)
        self.intake.wake()
        return path

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + WITHIN_S
        while not is_so():
            assert time.monotonic() < deadline_s, "it did not come"
            time.sleep(0.01)

    def names(self, directory: str) -> list[str]:
        return sorted(path.name for path in (self.place / directory).glob("*.segment"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    store, pricer = MoodyStore(), Pricer(load_rate_table())
    any_store: Any = store
    meters = Meters(Held, {})
    draining = Intake(
        connect=lambda: any_store,
        sources=(Source(Spool(tmp_path), is_journal=True),),
        pricer=lambda: pricer,
        attributed=lambda call: call,
        meters=meters,
    )
    thread = threading.Thread(target=draining.run)
    thread.start()
    try:
        yield Stage(store, tmp_path, draining)
    finally:
        draining.stop(0)
        thread.join()
        meters.close()


def test_a_segment_is_acknowledged_once_its_calls_are_written(stage: Stage) -> None:
    calls = [a_call(), a_call()]
    path = stage.seal(*calls)
    stage.until(lambda: stage.names("acknowledged") == [path.name])
    assert stage.store.taken == [call.trace_id for call in calls]


@pytest.mark.long
@pytest.mark.parametrize("fault", [StoreUnreachableError("away"), StoreRefusedError("the password is wrong")])
def test_a_store_that_takes_nothing_is_waited_for(stage: Stage, fault: StoreError) -> None:
    stage.store.fault = fault
    mine = a_call()
    path = stage.seal(mine)
    stage.until(lambda: stage.intake.progress.fault == str(fault))
    assert path.exists()
    stage.store.fault = None
    stage.until(lambda: stage.store.taken == [mine.trace_id])
    stage.until(lambda: stage.intake.progress.fault == "")
    assert stage.names("corrupt") == []


def test_rollups_are_derived_and_all_is_well_again_long_before_everything_that_waited_is_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH_CALLS", 1)
    stage.store.is_embedded, stage.store.fault = True, StoreUnreachableError("away")
    calls = [a_call() for _ in range(5)]
    for each in calls:
        stage.seal(each)
    stage.until(lambda: stage.intake.progress.fault == "away")
    stage.store.fault = None
    stage.until(lambda: calls[-1].trace_id in stage.store.taken)
    assert stage.store.taken[:2] == [calls[0].trace_id, "derived"]


def test_a_segment_that_alone_is_refused_is_set_aside_only_once_others_are_taken(stage: Stage) -> None:
    odd, good = a_call(), a_call()
    stage.store.refuses = {odd.trace_id}
    poison = stage.seal(odd)
    stage.until(lambda: "refuses every row" in stage.intake.progress.fault)
    assert poison.exists()
    assert stage.names("corrupt") == []
    sound = stage.seal(good)
    stage.until(lambda: stage.names("corrupt") == [poison.name])
    assert stage.names("acknowledged") == [sound.name]
    assert stage.store.taken == [good.trace_id]


def test_a_damaged_segment_is_taken_as_far_as_it_can_be_read_and_kept(stage: Stage) -> None:
    first, second = a_call(), a_call()
    writer = SegmentWriter(stage.place / "elsewhere")
    for call in (first, second):
        writer.append(Frame(time.time_ns(), request_of([call])))
    sealed = writer.seal()
    assert sealed is not None
    data = bytearray(sealed.read_bytes())
    data[40] ^= 255  # in the first frame
    sealed.write_bytes(data)
    path = sealed.rename(stage.place / sealed.name)
    stage.until(lambda: stage.names("acknowledged") == [path.name])
    assert stage.store.taken == [second.trace_id]
    assert stage.names("corrupt") == [path.name]
