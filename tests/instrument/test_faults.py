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
from otel_llmcost.telemetry import runtime
from tests.instrument.faults import failing_at, forgetting, seams_of
from tests.instrument.google_sdk import LEAVES_SOCKETS
from tests.instrument.test_surfaces import ASKED, _chat_answer
from tests.instrument.uses import ASYNC_WAYS, USES, WAYS, outcome_of, without_what_was_asked_for
from tests.support.replay import malformed_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

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
    *LEAVES_SOCKETS,
]

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
            return way(self._use, client)

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
        for _ in range(5):
            await asyncio.sleep(0)


def _without_a_worker() -> None:
    """Have nothing depend on how late the worker is; what it would do, a flush does in this thread."""
    pipeline = runtime.started().pipeline
    pipeline.flush()
    pipeline._worker, pipeline._due_s = threading.current_thread(), math.inf


def _faults(application: Application, forget: Callable[[], None], *, only_new: bool) -> tuple[list[str], int]:
    """Have our code fail at each seam, one run each; return what the application saw of it, and how many seams.

    Args:
        application: The application.
        forget: Empties our caches.
        only_new: Whether a seam is tried only in the first way of use that comes to it.
    """
    faults: list[str] = []
    tried: set[Seam] = set()
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
        forget()
        seams = [seam for seam in seams_of(run) if not (only_new and seam in tried)]
        tried.update(seams)
        number += len(seams)
        expected = without_what_was_asked_for(bare[0])
        for seam in seams:
            forget()
            application.requests()
            seen, is_met = failing_at(seam, run)
            if not is_met:
                faults.append(f"{way}: {seam}: was not met again")
            elif without_what_was_asked_for(seen) != expected:
                faults.append(f"{way}: {seam}: {seen}")
            elif application.requests() > bare[1]:
                faults.append(f"{way}: {seam}: asked more than once")
    return faults, number


def _tried(name: str, server: ReplayServer, forget: Callable[[], None], *, only_new: bool) -> None:
    faults, number = _faults(Application(USES[name], server), forget, only_new=only_new)
    assert not faults, "\n".join(["", *faults])
    assert number > 60, "the seams of a call are more than that"


@pytest.mark.parametrize("name", SHORT)
def test_a_fault_of_ours_changes_nothing_for_the_application(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    _tried(name, server, forget, only_new=True)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in USES if name not in SHORT])
def test_a_fault_of_ours_changes_nothing_for_an_application_of_the_other_sdks(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    _tried(name, server, forget, only_new=True)


@pytest.mark.long
@pytest.mark.parametrize("name", SHORT)
def test_a_fault_of_ours_changes_nothing_in_any_way_of_use(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    """A seam that several ways come to may be guarded in one of them only."""
    _tried(name, server, forget, only_new=False)


def _around_calls(tracer: Tracer) -> list[Any]:
    """Name who pays in each way there is, and do what else passes our code; return what the application sees."""
    with feature("search", tags={"plan": "pro"}), session("conv"), request() as action:
        said = {"gen_ai.operation.name": "chat"}
        with tracer.start_as_current_span("chat", attributes=said), ThreadPoolExecutor(1) as pool:
            summed = pool.submit(sum, [1, 2]).result()
        action.reject("useless")
    extracted = W3CBaggagePropagator().extract({"baggage": "theirs=1"}, Context())
    counted, listed = request()(_count)(), list(feature("listing")(_list)())
    return [summed, dict(baggage.get_all(extracted)), counted, listed]


def _count() -> int:
    return 4


def _list() -> Iterator[int]:
    yield from (5, 6)


def test_a_fault_of_ours_changes_nothing_around_calls(telemetry: Telemetry, forget: Callable[[], None]) -> None:
    tracer = telemetry.provider.get_tracer("the application's")

    def run() -> Any:
        return contextvars.copy_context().run(outcome_of, lambda: _around_calls(tracer))

    expected = [3, {"theirs": "1"}, 4, [5, 6]]
    _without_a_worker()
    assert run() == expected
    forget()
    seams = seams_of(run)
    assert len(seams) > 30
    for seam in seams:
        forget()
        assert failing_at(seam, run) == (expected, True), str(seam)
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
