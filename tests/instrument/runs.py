"""Runs an application in each of its ways, once for every place where our own code may fail, and compares what it sees.

The places are found, not listed: `faults` says how. Our caches are emptied before each run, so that what only the first
call of a process passes is among them.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import pytest

import otel_llmcost
from otel_llmcost import feature, request
from otel_llmcost.instrument._call import in_progress
from otel_llmcost.telemetry import runtime
from tests.instrument.faults import InjectedError, failing_at, forgetting, seams_of
from tests.instrument.ways import ASYNC_WAYS, WAYS, outcome_of, without_what_was_asked_for
from tests.support.replay import malformed_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.instrument.faults import Seam
    from tests.instrument.ways import Use
    from tests.support.replay import ReplayServer


class Runs(Protocol):
    """An application that can be run in several ways."""

    def ways(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield each way of use, and what runs it and returns what is seen."""

    def requests(self) -> int:
        """Return how many requests the provider has got since this was asked last."""


@pytest.fixture(scope="module", autouse=True)
def garbage_is_collected_when_we_say() -> Iterator[None]:
    """Have a run meet the same seams each time, and none of what the run before it has left."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def forget() -> Callable[[], None]:
    """Return what empties our caches."""
    gc.unfreeze()  # what is frozen is not found
    found = forgetting()
    gc.freeze()
    return found


class Application:
    """An application that uses one SDK in every way, in one process.

    Args:
        use: How it uses the SDK.
        server: The provider.
    """

    def __init__(self, use: Use, server: ReplayServer) -> None:
        self._use, self._server = use, server

    def ways(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield each way of use, and what runs it and returns what is seen."""
        with self._use.client(self._server) as client:
            for name, way in WAYS.items():
                self._prepare(name)
                yield name, lambda way=way: contextvars.copy_context().run(outcome_of, lambda: self._asked(way, client))
        with asyncio.Runner() as runner:
            opening = self._use.async_client(self._server)
            client = runner.run(opening.__aenter__())
            for name, way in ASYNC_WAYS.items():
                self._prepare(name)
                yield (
                    name,
                    lambda way=way: outcome_of(
                        lambda: runner.run(_to_its_end(way(self._use, client)), context=contextvars.copy_context())
                    ),
                )
            runner.run(opening.__aexit__(None, None, None))

    def _asked(self, way: Callable[[Use, Any], Any], client: Any) -> Any:
        with feature("search"), request():
            try:
                return way(self._use, client)
            finally:
                _assert_nothing_in_progress()
                _do_what_the_worker_would()

    def _prepare(self, way: str) -> None:
        odd = {"refused": self._use.error, "malformed": malformed_json()}
        self._server.answer_with(odd.get(way.rpartition(" ")[2], self._use.answer))

    def requests(self) -> int:
        """Return how many requests the provider has got since this was asked last."""
        number = len(self._server.requests)
        self._server.requests.clear()
        return number


async def _to_its_end(use: Awaitable[Any]) -> Any:
    """Have the event loop close, before a run is over, what generators an SDK leaves in it."""
    try:
        return await use
    finally:
        _assert_nothing_in_progress()
        for _ in range(5):
            await asyncio.sleep(0)
        _do_what_the_worker_would()


def _assert_nothing_in_progress() -> None:
    """Assert that no call is left entered: inside of it no other one would be recorded."""
    assert in_progress.get() is None


def _do_what_the_worker_would() -> None:
    """Do what was left to the worker; the calls that it would deliver are dropped."""
    process = runtime.current()
    with suppress(InjectedError):
        while process is not None and process.pipeline._batch():
            pass


def _left_open(timeout_s: float = 30.0) -> int:
    """Return how many calls are still open or held back once nobody reads on, and the worker has done what waits.

    Args:
        timeout_s: Seconds for an SDK to let go of a stream that is left: litellm keeps it in threads for a moment.
    """
    process, deadline = runtime.started(), time.monotonic() + timeout_s
    while True:
        _do_what_the_worker_would()
        left = len(process.open_calls) + len(process.pipeline.held)
        if not left or time.monotonic() > deadline:
            break
        gc.collect()
    process.open_calls.clear()
    process.pipeline.held.clear()
    return left


def without_a_worker() -> None:
    """Have nothing depend on how late the worker is; what it would do, a flush does in this thread."""
    pipeline = runtime.started().pipeline
    pipeline.flush()
    pipeline._worker, pipeline._due_s = threading.current_thread(), math.inf


def _faults(
    application: Runs, forget: Callable[[], None], *, tried: set[Seam] | None, is_late: bool
) -> tuple[list[str], int]:
    """Have our code fail at each seam, one run each; return what the application saw of it, and how many seams."""
    faults: list[str] = []
    number = 0
    for way, run in application.ways():
        otel_llmcost.uninstrument()
        application.requests()
        bare = run(), application.requests()
        assert bare[1], f"{way}: nothing was asked: {bare[0]}"
        otel_llmcost.instrument()
        without_a_worker()
        gc.collect()
        assert run() == bare[0], way
        assert not _left_open(), way
        forget()
        seams = {seam: times for seam, times in seams_of(run).items() if tried is None or seam not in tried}
        if is_late:
            seams = {seam: times for seam, times in seams.items() if times > 1}
        if tried is not None:
            tried.update(seams)
        number += len(seams)
        expected = without_what_was_asked_for(bare[0])
        for seam, times in seams.items():
            forget()
            application.requests()
            seen, is_met = failing_at(seam, run, time=times if is_late else 1)
            if not is_met and not is_late:  # how often a stream's pieces come differs from run to run
                faults.append(f"{way}: {seam}: was not met again")
            elif without_what_was_asked_for(seen) != expected:
                faults.append(f"{way}: {seam}: {seen}")
            elif application.requests() > bare[1]:
                faults.append(f"{way}: {seam}: asked more than once")
            if left := _left_open():
                faults.append(f"{way}: {seam}: {left} calls are left open")
    return faults, number


def try_each_seam(
    application: Runs,
    forget: Callable[[], None],
    *,
    tried: set[Seam] | None,
    is_late: bool = False,
    at_least: int = 60,
) -> None:
    """Assert that the application sees no fault of ours, wherever it happens.

    Args:
        application: The application.
        forget: Empties our caches.
        tried: The seams that were tried and are not tried again; None tries each in every way of use.
        is_late: Whether a seam fails the last time that it is passed, and not the first.
        at_least: So many seams there have to be, or the application does not pass our code.
    """
    faults, number = _faults(application, forget, tried=tried, is_late=is_late)
    assert not faults, "\n".join(["", *faults])
    assert number > at_least, "the seams of a call are more than that"
