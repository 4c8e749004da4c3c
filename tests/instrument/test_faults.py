"""Wherever our own code fails, in whatever use of whatever SDK, the application sees what it would see without us."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_llmcost import feature, request, session
from otel_llmcost.attribution import losses
from otel_llmcost.instrument import _stainless
from tests.instrument.faults import failing_at, seams_of
from tests.instrument.further_uses import FURTHER_USES
from tests.instrument.google_sdk import LEAVES_SOCKETS
from tests.instrument.runs import (
    Application,
    forget,
    garbage_is_collected_when_we_say,
    try_each_seam,
    without_a_worker,
)
from tests.instrument.sessions import Live, Realtime
from tests.instrument.test_google_live import certificate
from tests.instrument.test_surfaces import ASKED, _chat_answer
from tests.instrument.uses import USES
from tests.instrument.ways import outcome_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from opentelemetry.trace import Tracer

    from tests.instrument.conftest import Telemetry
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

__all__ = ["certificate", "forget", "garbage_is_collected_when_we_say"]

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


@pytest.mark.parametrize("name", SHORT)
def test_a_fault_of_ours_changes_nothing_for_the_application(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    try_each_seam(Application(USES[name], server), forget, tried=set())


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in USES if name not in SHORT])
def test_a_fault_of_ours_changes_nothing_for_an_application_of_the_other_sdks(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    try_each_seam(Application(USES[name], server), forget, tried=set())


@pytest.mark.long
@pytest.mark.parametrize("name", SHORT)
def test_a_fault_of_ours_changes_nothing_in_any_way_of_use(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    """A seam that several ways come to may be guarded in one of them only."""
    try_each_seam(Application(USES[name], server), forget, tried=None)


@pytest.mark.long
@pytest.mark.parametrize("name", USES)
def test_a_late_fault_of_ours_changes_nothing_for_the_application(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    """Once a stream is under way, a step of it that fails meets what the steps before have left."""
    try_each_seam(Application(USES[name], server), forget, tried=set(), is_late=True, at_least=10)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in ALIKE else []) for name in FURTHER_USES]
)
def test_a_fault_of_ours_changes_nothing_for_an_application_that_does_more_than_chat(
    name: str, telemetry: Telemetry, server: ReplayServer, forget: Callable[[], None]
) -> None:
    try_each_seam(Application(FURTHER_USES[name], server), forget, tried=set(), at_least=20)


def test_a_fault_of_ours_changes_nothing_of_a_realtime_session(
    telemetry: Telemetry, forget: Callable[[], None]
) -> None:
    try_each_seam(Realtime(), forget, tried=set(), at_least=20)


def test_a_fault_of_ours_changes_nothing_of_a_live_session(
    telemetry: Telemetry, forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    try_each_seam(Live(), forget, tried=set(), at_least=20)


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
    without_a_worker()
    assert run() == expected
    forget()
    seams = seams_of(run)
    assert len(seams) > 30
    for seam, times in seams.items():
        for time in range(1, times + 1):
            forget()
            assert failing_at(seam, run, time=time) == (expected, True), f"{seam}, time {time}"
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
