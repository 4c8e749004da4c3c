"""Wherever our own code fails, in whatever use of whatever SDK, the application sees what it would see without us.

The places are found, not listed: `faults` says how. Our caches are emptied before each run, so that what only the first
call of a process passes is among them.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

import otel_llmcost
from otel_llmcost import feature, request, session
from otel_llmcost.attribution import losses
from otel_llmcost.instrument import _stainless
from otel_llmcost.instrument._call import in_progress
from otel_llmcost.telemetry import runtime
from tests.instrument.faults import InjectedError, failing_at, forgetting, seams_of
from tests.instrument.further_uses import FURTHER_USES
from tests.instrument.google_sdk import LEAVES_SOCKETS
from tests.instrument.sessions import Live, Realtime
from tests.instrument.test_google_live import certificate
from tests.instrument.test_surfaces import ASKED, _chat_answer
from tests.instrument.uses import ASYNC_WAYS, USES, WAYS, outcome_of, without_what_was_asked_for
from tests.support.replay import malformed_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from opentelemetry.trace import Tracer

    from tests.instrument.conftest import Telemetry
    from tests.instrument.faults import Seam
    from tests.instrument.uses import Use
    from tests.support.replay import ReplayServer

# What the application or its SDK does, with and without us.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Inheritance class .* from ClientSession is discouraged:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*experimental.*"),
    pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning"),
    *LEAVES_SOCKETS,
]

__all__ = ["certificate"]

SHORT = (
    "openai",
    "openai, where usage cannot be asked for",
    "google-genai",
    "bedrock's Converse",
    "cohere",
    "mistralai",
    "ollama",
)
"""One SDK of each make; the others pass the same code of ours, for the most part."""

ALIKE = ("openai's transcriptions", "openai's speech", "bedrock's Converse, over httpx")
"""Uses that pass the same code of ours as others that do more than chat."""


@pytest.fixture(scope="module", autouse=True)
def _garbage_is_collected_when_we_say() -> Iterator[None]:
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


def _left_open() -> int:
    """Return how many calls are still open or held back once nobody reads on, and the worker has done what waits."""
    process = runtime.started()
    for collect in (gc.collect, int):
        _do_what_the_worker_would()
        if not (process.open_calls or process.pipeline.held):
            return 0
        collect()
    left = len(process.open_calls) + len(process.pipeline.held)
    process.open_calls.clear()
    process.pipeline.held.clear()
    return left


def _without_a_worker() -> None:
    """Have nothing depend on how late the worker is; what it would do, a flush does in this thread."""
    pipeline = runtime.started().pipeline
    pipeline.flush()
    pipeline._worker, pipeline._due_s = threading.current_thread(), math.inf


def _faults(
    application: Application | Realtime | Live, forget: Callable[[], None], *, tried: set[Seam] | None, is_late: bool
) -> tuple[list[str], int]:
    """Have our code fail at each seam, one run each; return what the application saw of it, and how many seams.

    Args:
        application: The application.
        forget: Empties our caches.
        tried: The seams that were tried and are not tried again; None tries each in every way of use.
        is_late: Whether a seam fails the last time that it is passed, and not the first.
    """
    faults: list[str] = []
    number = 0
    for way, run in application.ways():
        otel_llmcost.uninstrument()
        application.requests()
        bare = run(), application.requests()
        assert bare[1], f"{way}: nothing was asked: {bare[0]}"
        otel_llmcost.instrument()
        _without_a_worker()
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


def _try(
    application: Application | Realtime | Live,
    forget: Callable[[], None],
    *,
    tried: set[Seam] | None,
    is_late: bool = False,
    at_least: int = 60,
) -> None:
    faults, number = _faults(application, forget, tried=tried, is_late=is_late)
    assert not faults, "\n".join(["", *faults])
    assert number > at_least, "the seams of a call are more than that"


@pytest.mark.parametrize("name", SHORT)
def test_a_fault_of_ours_changes_nothing_for_the_application(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    _try(Application(USES[name], server), forget, tried=set())


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in USES if name not in SHORT])
def test_a_fault_of_ours_changes_nothing_for_an_application_of_the_other_sdks(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    _try(Application(USES[name], server), forget, tried=set())


@pytest.mark.long
@pytest.mark.parametrize("name", SHORT)
def test_a_fault_of_ours_changes_nothing_in_any_way_of_use(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    """A seam that several ways come to may be guarded in one of them only."""
    _try(Application(USES[name], server), forget, tried=None)


@pytest.mark.long
@pytest.mark.parametrize("name", USES)
def test_a_late_fault_of_ours_changes_nothing_for_the_application(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    """Once a stream is under way, a step of it that fails meets what the steps before have left."""
    _try(Application(USES[name], server), forget, tried=set(), is_late=True, at_least=10)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in ALIKE else []) for name in FURTHER_USES]
)
def test_a_fault_of_ours_changes_nothing_for_an_application_that_does_more_than_chat(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    _try(Application(FURTHER_USES[name], server), forget, tried=set(), at_least=20)


def test_a_fault_of_ours_changes_nothing_of_a_realtime_session(
    telemetry: Telemetry, forget: Callable[[], None]
) -> None:
    _try(Realtime(), forget, tried=set(), at_least=20)


def test_a_fault_of_ours_changes_nothing_of_a_live_session(
    telemetry: Telemetry, forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    _try(Live(), forget, tried=set(), at_least=20)


def _around_calls(tracer: Tracer) -> list[Any]:
    """Name who pays in each way there is, and do what else passes our code; return what the application sees."""
    with feature("search", tags={"plan": "pro"}), session("conv"), request() as action:
        said = {"gen_ai.operation.name": "chat"}
        with tracer.start_as_current_span("chat", attributes=said), ThreadPoolExecutor(1) as pool:
            summed = pool.submit(sum, [1, 2]).result()
        action.reject("useless")
    extracted = W3CBaggagePropagator().extract({"baggage": "theirs=1"}, Context())
    counted, listed = request()(_count)(), list(feature("listing")(_list)())
    return [summed, dict(baggage.get_all(extracted)), counted, listed, asyncio.run(_around_async_calls())]


async def _around_async_calls() -> list[int]:
    async with session("conv", agent="planner"):
        return [await feature("counting")(_count_later)(), *[each async for each in feature("listing")(_list_later)()]]


def _count() -> int:
    return 4


def _list() -> Iterator[int]:
    yield from (5, 6)


async def _count_later() -> int:
    return 7


async def _list_later() -> AsyncIterator[int]:
    yield 8
    yield 9


def test_a_fault_of_ours_changes_nothing_around_calls(telemetry: Telemetry, forget: Callable[[], None]) -> None:
    tracer = telemetry.provider.get_tracer("the application's")

    def run() -> Any:
        return contextvars.copy_context().run(outcome_of, lambda: _around_calls(tracer))

    expected = [3, {"theirs": "1"}, 4, [5, 6], [7, 8, 9]]
    _without_a_worker()
    assert run() == expected
    forget()
    seams = seams_of(run)
    assert len(seams) > 30
    for seam, times in seams.items():
        for time in range(1, times + 1):
            forget()
            assert failing_at(seam, run, time=time)[0] == expected, f"{seam}, time {time}"
    assert losses.pop("fault") > 0


def test_a_failing_handler_of_the_applications_own_log_is_no_fault_of_a_call(
    telemetry: Telemetry, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_record: Any) -> bool:
        msg = "the filter is broken"
        raise RuntimeError(msg)

    log = logging.getLogger("otel_llmcost")
    log.addFilter(refuse)
    monkeypatch.setattr(_stainless, "_asked", lambda *_: 1 / 0)
    server.answer_with(_chat_answer)
    try:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
            assert client.chat.completions.create(**ASKED).choices
    finally:
        log.removeFilter(refuse)
