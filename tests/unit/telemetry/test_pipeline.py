"""The queue between the application and the disk: bounded, counted, and never in the application's way."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.dialects.own import calls_in
from otel_llmcost.errors import SpoolError
from otel_llmcost.telemetry.delivery import RefusedError
from otel_llmcost.telemetry.pipeline import MAX_BATCH, Pipeline
from otel_llmcost.telemetry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_llmcost.spool import Frame


class Sink:
    """A delivery that keeps what it takes, and fails as often as it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.frames = 0
        self.failures: list[Exception] = []
        self.before: Callable[[], object] = lambda: None
        self.at_close: Callable[[], object] = lambda: None
        self.is_closed = False

    def deliver(self, frame: Frame) -> None:
        self.before()
        if self.failures:
            raise self.failures.pop(0)
        self.frames += 1
        self.calls += [call.span_id for call in calls_in(frame.payload)]

    def tend(self, now_ns: int) -> bool:
        return False

    def forget(self) -> None:
        self.calls.clear()

    def close(self) -> None:
        self.is_closed = True
        self.at_close()


def call(number: int, feature: str = "search") -> LLMCall:
    return LLMCall(
        trace_id=f"{number + 1:032x}",
        span_id=f"{number + 1:016x}",
        started_at_ns=1_790_000_000_000_000_000,
        provider="openai",
        attribution=Attribution(feature=feature),
        scope_name="otel_llmcost.openai",
    )


def put(pipeline: Pipeline, *numbers: int) -> None:
    for number in numbers:
        pipeline.put(call(number), to_attributes(call(number)))


def without_a_worker(pipeline: Pipeline) -> Pipeline:
    """Leave a pipeline to who flushes it: however late the test is, nobody takes or tries a part of it before."""
    pipeline._worker = threading.current_thread()
    return pipeline


def spans(*numbers: int) -> list[str]:
    return [f"{number + 1:016x}" for number in numbers]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_so()


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def make(sink: Sink, tmp_path: Path) -> Iterator[Callable[..., Pipeline]]:
    made: list[Pipeline] = []

    def make(**settings: int) -> Pipeline:
        made.append(Pipeline(Settings(data_dir=tmp_path, **settings), lambda: {"service.name": "shop"}, sink))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()


def test_calls_arrive_by_themselves(make, sink: Sink) -> None:
    put(make(), 1, 2, 3)

    until(lambda: sink.calls == spans(1, 2, 3))


def test_a_flush_delivers_at_once_and_says_so(make, sink: Sink) -> None:
    pipeline = without_a_worker(make())
    put(pipeline, *range(MAX_BATCH + 10))

    assert pipeline.flush()
    assert sink.calls == spans(*range(MAX_BATCH + 10))
    assert sink.frames == 2


def test_a_flush_of_nothing_succeeds_and_starts_nothing(make) -> None:
    threads = set(threading.enumerate())  # one of an earlier test may end meanwhile

    assert make().flush()
    assert set(threading.enumerate()) <= threads


def test_a_flush_sees_what_others_told_also_in_the_hands_of_the_worker(make, sink: Sink) -> None:
    pipeline = make()
    reading, told = threading.Event(), threading.Event()

    def read() -> LLMCall:
        reading.set()
        told.wait(60)
        return call(1)

    pipeline.hear(read)
    assert reading.wait(60)
    assert not pipeline.flush(timeout_s=0)
    told.set()
    assert pipeline.flush()
    assert sink.calls == spans(1)


def test_what_cannot_be_delivered_waits_for_the_next_try(make, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = without_a_worker(make())
    sink.failures = [SpoolError("no space"), SpoolError("no space")]
    put(pipeline, 1)

    assert not pipeline.flush()
    assert not pipeline.flush()
    assert pipeline.flush()
    assert sink.calls == spans(1)
    assert caplog.messages == ["no space"]


def test_what_is_refused_is_dropped_counted_and_does_not_hold_up_the_rest(
    make, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = make()
    sink.failures = [RefusedError("never again")]
    put(pipeline, 1)
    assert pipeline.flush()
    put(pipeline, 2)
    assert pipeline.flush()
    pipeline.close()

    assert sink.calls == spans(2)
    assert pipeline.dropped == {"refused": 1}
    assert caplog.messages == ["never again", "1 calls could not be kept: never again"]


def test_a_full_queue_drops_the_newest_and_counts_them(make, sink: Sink) -> None:
    pipeline = make(max_queue_size=5)
    with pipeline._work_lock:  # the worker is busy
        put(pipeline, *range(20))
        assert pipeline.dropped["queue_full"] >= 14
    pipeline.flush()

    assert set(pipeline.dropped) == {"queue_full"}
    assert len(sink.calls) + pipeline.dropped["queue_full"] == 20
    assert sink.calls == spans(*range(len(sink.calls)))
    assert pipeline.taken == 20


def test_what_waits_for_a_dead_receiver_is_bounded_and_counted(make, sink: Sink) -> None:
    pipeline = without_a_worker(make(max_queue_size=5))
    sink.failures = [SpoolError("no space")] * 6
    for number in range(0, 12, 2):
        put(pipeline, number, number + 1)
        pipeline.flush()
    assert pipeline.flush()

    assert sink.calls == spans(8, 9, 10, 11)
    assert pipeline.dropped == {"undelivered": 8}


def test_what_is_left_at_the_end_is_counted(make, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = make()
    sink.failures = [SpoolError("no space")] * 100
    put(pipeline, 1, 2)
    pipeline.close()

    assert sink.is_closed
    assert pipeline.dropped == {"undelivered": 2}
    assert caplog.messages[-1] == "2 calls could not be kept: no space"


def test_the_share_of_named_calls_is_known(make) -> None:
    pipeline = make()
    put(pipeline, 1, 2)
    unnamed = call(3, feature="")
    pipeline.put(unnamed, to_attributes(unnamed))

    assert (pipeline.taken, pipeline.named) == (3, 2)


def test_work_for_later_is_done_by_the_worker_and_its_failure_costs_no_call(make, sink: Sink) -> None:
    pipeline = make()
    done = threading.Event()
    put(pipeline, 1)
    pipeline.later(lambda: 1 / 0)
    pipeline.later(done.set)
    put(pipeline, 2)

    assert pipeline.flush()
    assert done.is_set()
    assert sink.calls == spans(1, 2)


def test_a_call_that_cannot_be_encoded_is_counted_and_the_next_ones_arrive(make, sink: Sink) -> None:
    pipeline = make()
    broken = call(1)
    broken.trace_id = "no hex"
    pipeline.put(broken, {})
    pipeline.flush()
    put(pipeline, 2)
    pipeline.flush()

    assert sink.calls == spans(2)
    assert pipeline.dropped == {"unencodable": 1}


def test_many_threads_put_and_flush_and_each_call_arrives_once(make, sink: Sink) -> None:
    pipeline = make()

    def work(first: int) -> None:
        for number in range(first, first + 300):
            put(pipeline, number)
            if number % 50 == 0:
                pipeline.flush()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 1200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.flush()

    assert sorted(sink.calls) == spans(*range(1200))


def test_the_worker_gets_in_while_the_application_computes(make, sink: Sink) -> None:
    """Short releases of the GIL, such as the SDKs' random ids make, would wake it in vain for as long as they come."""
    pipeline = make()
    for number in range(100_000):
        pipeline.put(call(number), to_attributes(call(number)))
        os.urandom(16)
        if sink.calls:
            break
    assert sink.calls


def test_after_a_fork_nothing_of_the_parent_is_delivered_again(make, sink: Sink) -> None:
    pipeline = make()
    put(pipeline, 1)
    pipeline.after_fork()
    assert pipeline.taken == 0
    put(pipeline, 2)
    assert pipeline.flush()

    assert sink.calls == spans(2)


def test_a_fork_waits_for_what_the_worker_reads_and_encodes(make, sink: Sink) -> None:
    """What the worker holds at a fork, such as the lock of an import, nobody in the child would ever give back."""
    pipeline = make()
    reading, told = threading.Event(), threading.Event()
    had_read_at_the_fork: list[bool] = []

    def read() -> LLMCall:
        reading.set()
        told.wait(60)
        return call(1)

    def fork() -> None:
        pipeline.before_fork()
        had_read_at_the_fork.append(told.is_set())
        pipeline.after_fork_in_parent()

    pipeline.hear(read)
    assert reading.wait(60)
    forking = threading.Thread(target=fork)
    forking.start()
    forking.join(0.2)
    told.set()
    forking.join(60)
    assert pipeline.flush()

    assert had_read_at_the_fork == [True]
    assert sink.calls == spans(1)


def test_a_fork_does_not_wait_for_a_receiver_that_does_not_answer(make, sink: Sink) -> None:
    pipeline = make()
    entered, go = threading.Event(), threading.Event()
    sink.before = lambda: (entered.set(), go.wait(60))
    put(pipeline, 1)
    assert entered.wait(60)
    pipeline.before_fork()
    has_turn = pipeline._forking == threading.get_ident()
    pipeline.after_fork_in_parent()
    go.set()
    assert pipeline.flush()

    assert has_turn
    assert sink.calls == spans(1)


def test_a_call_that_comes_while_the_end_is_sealed_is_not_lost(make, sink: Sink) -> None:
    """Such as one of a thread that goes on after `uninstrument`."""
    pipeline = make()
    put(pipeline, 1)
    sink.at_close = lambda: put(pipeline, 2)
    pipeline.close()

    until(lambda: sink.calls == spans(1, 2))
    assert sink.calls == spans(1, 2)
    assert not pipeline.dropped


@pytest.mark.long
def test_calls_behind_a_delivery_that_does_not_end_are_counted_as_lost(
    make, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = make()
    entered, go = threading.Event(), threading.Event()
    sink.before = lambda: (entered.set(), go.wait(20))
    put(pipeline, 1)
    assert entered.wait(20)
    put(pipeline, 2, 3)
    pipeline.close()
    go.set()

    assert pipeline.dropped == {"undelivered": 3}
    assert "3 calls could not be kept" in caplog.text


def test_calls_after_the_end_still_arrive(make, sink: Sink) -> None:
    """Such as those of another library's exit handler, or of a program that goes on after `uninstrument`."""
    pipeline = make()
    put(pipeline, 1)
    until(lambda: sink.calls == spans(1))
    worker = pipeline._worker
    pipeline.close()
    until(lambda: not worker.is_alive())
    put(pipeline, 2)

    until(lambda: sink.calls == spans(1, 2))


def test_calls_that_were_never_flushed_by_the_worker_leave_no_worker_behind(make, sink: Sink) -> None:
    pipeline = make()
    put(pipeline, 1)
    worker = pipeline._worker
    pipeline.close()

    until(lambda: not worker.is_alive())
    assert sink.calls == spans(1)


def test_a_log_that_is_closed_does_not_stop_the_worker(make, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    class Closed:
        def __call__(self, record: object) -> bool:
            message = "I/O operation on closed file"
            raise ValueError(message)

    pipeline = without_a_worker(make())
    sink.failures = [SpoolError("no space")]
    closed = Closed()
    caplog.handler.addFilter(closed)
    try:
        put(pipeline, 1)
        assert not pipeline.flush()
        assert pipeline.flush()
    finally:
        caplog.handler.removeFilter(closed)
    assert sink.calls == spans(1)
