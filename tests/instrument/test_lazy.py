"""Streams that ask when they are read: whoever asked for the stream pays, whoever reads it, wherever and whenever."""

from __future__ import annotations

import asyncio
import inspect
import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider

from otel_llmcost import feature, request
from tests.instrument import wire_google as wire
from tests.instrument.google_sdk import LEAVES_SOCKETS, async_client, client
from tests.instrument.wire_cohere import ASKED, ASKED_1, NDJSON
from tests.instrument.wire_cohere import events as cohere_events
from tests.instrument.wire_cohere import lines as cohere_lines
from tests.support.replay import ReplayServer, stream_answer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # older releases use what pydantic has deprecated since
    import cohere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.instrument.conftest import Telemetry

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),  # by the SDK
    pytest.mark.filterwarnings("ignore:Inheritance class .* from ClientSession is discouraged:DeprecationWarning"),
    *LEAVES_SOCKETS,
]

GOOGLE: dict[str, Any] = {"model": "gemini-3-flash-preview", "contents": "Hello"}
STREAM = "/v1beta/models/gemini-3-flash-preview:streamGenerateContent"
CHAT = GOOGLE["model"]

SYNC: dict[str, tuple[Callable[[str], Any], Callable[[Any], Any]]] = {
    "google": (client, lambda asking: asking.models.generate_content_stream(**GOOGLE)),
    "google chat": (client, lambda asking: asking.chats.create(model=CHAT).send_message_stream("Hello")),
    "cohere v2": (lambda url: cohere.ClientV2("test", base_url=url), lambda asking: asking.chat_stream(**ASKED)),
    "cohere v1": (lambda url: cohere.Client("test", base_url=url), lambda asking: asking.chat_stream(**ASKED_1)),
}
ASYNC: dict[str, tuple[Callable[[str], Any], Callable[[Any], Any]]] = {
    "google": (async_client, lambda asking: asking.models.generate_content_stream(**GOOGLE)),
    "google chat": (async_client, lambda asking: asking.chats.create(model=CHAT).send_message_stream("Hello")),
    "cohere v2": (lambda url: cohere.AsyncClientV2("test", base_url=url), lambda asking: asking.chat_stream(**ASKED)),
    "cohere v1": (lambda url: cohere.AsyncClient("test", base_url=url), lambda asking: asking.chat_stream(**ASKED_1)),
}


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    server.answer_with(stream_answer(wire.stream(), chunk_size=11), path=STREAM)
    server.answer_with(stream_answer(cohere_events(), chunk_size=11), path="/v2/chat")
    server.answer_with(stream_answer(cohere_lines(), chunk_size=11, content_type=NDJSON), path="/v1/chat")
    return server


@pytest.mark.parametrize("sdk", SYNC)
def test_whoever_asked_for_a_stream_pays_and_not_whoever_reads_it(
    sdk: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    make, ask = SYNC[sdk]
    with make(provider.url) as asking:
        with (
            feature("asks", team="growth"),
            TracerProvider().get_tracer("app").start_as_current_span("asking") as parent,
        ):
            stream = ask(asking)
        with feature("reads"):
            before = context.get_current()
            assert list(stream)
            assert context.get_current() is before
    call = telemetry.call()
    assert (call.attribution.feature, call.attribution.team, call.feature_source) == ("asks", "growth", "span")
    asked_by = parent.get_span_context()
    assert (call.trace_id, call.parent_span_id) == (f"{asked_by.trace_id:032x}", f"{asked_by.span_id:016x}")


@pytest.mark.parametrize("sdk", ASYNC)
async def test_whoever_asked_for_an_async_stream_pays_and_not_whoever_reads_it(
    sdk: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    make, ask = ASYNC[sdk]
    async with make(provider.url) as asking:
        with feature("asks"):
            stream = ask(asking)
            stream = await stream if inspect.isawaitable(stream) else stream

        async def read() -> list[Any]:
            with feature("reads"):
                return [piece async for piece in stream]

        assert await asyncio.create_task(read())
    assert telemetry.call().attribution.feature == "asks"


@pytest.mark.parametrize("sdk", SYNC)
def test_a_stream_that_is_read_in_another_thread_is_paid_by_whoever_asked(
    sdk: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    make, ask = SYNC[sdk]
    with make(provider.url) as asking, ThreadPoolExecutor(1) as pool:
        with feature("asks"):
            stream = ask(asking)
        assert pool.submit(list, stream).result()
    assert telemetry.call().attribution.feature == "asks"


def test_two_streams_that_are_read_by_turns_are_paid_by_whoever_asked(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    with client(provider.url) as asking:
        streams: list[Iterator[Any]] = []
        for name in ("one", "two"):
            with feature(name):
                streams.append(asking.models.generate_content_stream(**GOOGLE))
        for pieces in zip(*streams, strict=True):
            assert len(pieces) == 2
    assert sorted(call.attribution.feature for call in telemetry.calls()) == ["one", "two"]


def test_a_stream_belongs_to_the_request_in_which_it_was_asked_for(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    with cohere.ClientV2("test", base_url=provider.url) as asking:
        with request() as action:
            stream = asking.chat_stream(**ASKED)
        with request():
            list(stream)
    assert telemetry.call().attribution.request_id == action.request_id


def test_what_a_tool_asks_for_itself_is_paid_by_the_tool(telemetry: Telemetry, server: ReplayServer) -> None:
    """Inside a step of the stream the SDK calls a tool, which may ask on behalf of another feature."""
    called = json.dumps(wire.content(wire.call_of("look_up", place="Bern")))
    server.answer_with(
        stream_answer(f"data: {called}\n\n"), stream_answer(wire.stream()), stream_answer(wire.stream()), path=STREAM
    )

    with client(server.url) as asking:

        def look_up(place: str) -> str:
            """Look a place up."""
            with feature("tool"):
                return f"{place}: {len(list(asking.models.generate_content_stream(**GOOGLE)))}"

        look_up.__annotations__ = {"place": str, "return": str}  # older releases do not evaluate texts
        with feature("asks"):
            stream = asking.models.generate_content_stream(**GOOGLE, config={"tools": [look_up]})
        with feature("reads"):
            assert list(stream)
    assert [call.attribution.feature for call in telemetry.calls()] == ["asks", "tool", "asks"]
