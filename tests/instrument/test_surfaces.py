"""Whatever surface of an SDK is used, the application gets what it gets without us, and the call is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

import otel_llmcost
from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.support.replay import Answer, Received, ReplayServer, json_answer, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrument.conftest import Telemetry

CHAT = Usage(input_tokens=1200, cache_read_tokens=1024, output_tokens=340, reasoning_tokens=256)
RESPONSE = Usage(input_tokens=900, cache_read_tokens=512, output_tokens=77, reasoning_tokens=64, web_search=2)
MESSAGE = Usage(
    input_tokens=1320,
    cache_read_tokens=1000,
    cache_write_5m_tokens=100,
    cache_write_1h_tokens=200,
    output_tokens=50,
)
STREAMED_MESSAGE = Usage(
    input_tokens=1320,
    cache_read_tokens=1000,
    cache_write_5m_tokens=100,
    cache_write_1h_tokens=200,
    output_tokens=50,
    web_search=1,
)
ASKED: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}
ASKED_RESPONSE: dict[str, Any] = {"model": "gpt-5", "input": "Hello"}
ASKED_MESSAGE: dict[str, Any] = {
    "model": "claude-sonnet-4-5-20250929",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "Hello"}],
}


class City(BaseModel):
    city: str


def _chat_answer(received: Received) -> Answer:
    """Answer as the provider does: a stream tells its usage only when asked."""
    asked = received.json
    if not asked.get("stream"):
        return json_answer(wire.chat())
    with_usage = (asked.get("stream_options") or {}).get("include_usage", False)
    return stream_answer(wire.chat_stream(with_usage=with_usage), chunk_size=11)


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer every surface, streams in pieces that split events and characters."""
    server.answer_with(_chat_answer, path="/v1/chat/completions")
    server.answer_with(
        lambda r: (
            stream_answer(wire.response_stream(), chunk_size=11)
            if r.json.get("stream")
            else json_answer(wire.response())
        ),
        path="/v1/responses",
    )
    server.answer_with(json_answer(wire.embeddings(2000)), path="/v1/embeddings")
    server.answer_with(
        lambda r: (
            stream_answer(wire.message_stream(), chunk_size=11) if r.json.get("stream") else json_answer(wire.message())
        ),
        path="/v1/messages",
    )
    return server


def _dumped(items: Any) -> list[Any]:
    return [item.model_dump() if hasattr(item, "model_dump") else item for item in items]


def _streamed(stream: Any) -> list[Any]:
    with stream as events:
        return _dumped(events)


def _chat_helper(client: openai.OpenAI) -> list[Any]:
    chat: Any = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    with chat.stream(**ASKED) as stream:
        events = [event.type for event in stream]
        return [events, stream.get_final_completion().choices[0].message.content]


def _streaming_lines(api: Any) -> Callable[..., list[Any]]:
    def read(**asked: Any) -> list[Any]:
        with api.with_streaming_response.create(**asked) as response:
            return list(response.iter_lines())

    return read


def _streaming_parse(api: Any, **asked: Any) -> list[Any]:
    with api.with_streaming_response.create(**asked) as response:
        return _dumped([response.parse()])


def _parse(client: openai.OpenAI) -> list[Any]:
    chat: Any = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    return [chat.parse(**ASKED, response_format=City).choices[0].message.parsed.model_dump()]


def _message_helper(client: anthropic.Anthropic) -> list[Any]:
    with client.messages.stream(**ASKED_MESSAGE) as stream:
        return ["".join(stream.text_stream), stream.get_final_message().usage.output_tokens]


OPENAI: dict[str, tuple[Callable[[Any], list[Any]], Usage]] = {
    "chat": (lambda c: _dumped([c.chat.completions.create(**ASKED)]), CHAT),
    "chat.parse": (_parse, CHAT),
    "chat.raw": (lambda c: _dumped([c.chat.completions.with_raw_response.create(**ASKED).parse()]), CHAT),
    "chat.raw.text": (lambda c: [c.chat.completions.with_raw_response.create(**ASKED).text], CHAT),
    "chat.streaming.parse": (lambda c: _streaming_parse(c.chat.completions, **ASKED), CHAT),
    "chat.streaming.lines": (lambda c: _streaming_lines(c.chat.completions)(**ASKED), CHAT),
    "chat.stream": (lambda c: _streamed(c.chat.completions.create(**ASKED, stream=True)), CHAT),
    "chat.stream.helper": (_chat_helper, CHAT),
    "chat.stream.raw": (
        lambda c: _streamed(c.chat.completions.with_raw_response.create(**ASKED, stream=True).parse()),
        CHAT,
    ),
    "chat.stream.lines": (lambda c: _streaming_lines(c.chat.completions)(**ASKED, stream=True), CHAT),
    "responses": (lambda c: _dumped([c.responses.create(**ASKED_RESPONSE)]), RESPONSE),
    "responses.stream": (lambda c: _streamed(c.responses.create(**ASKED_RESPONSE, stream=True)), RESPONSE),
    "embeddings": (
        lambda c: _dumped([c.embeddings.create(model="text-embedding-3-small", input="x", encoding_format="float")]),
        Usage(input_tokens=9),
    ),
}
ANTHROPIC: dict[str, tuple[Callable[[Any], list[Any]], Usage]] = {
    "messages": (lambda c: _dumped([c.messages.create(**ASKED_MESSAGE)]), MESSAGE),
    "messages.beta": (lambda c: _dumped([c.beta.messages.create(**ASKED_MESSAGE)]), MESSAGE),
    "messages.raw": (lambda c: _dumped([c.messages.with_raw_response.create(**ASKED_MESSAGE).parse()]), MESSAGE),
    "messages.streaming.parse": (lambda c: _streaming_parse(c.messages, **ASKED_MESSAGE), MESSAGE),
    "messages.stream": (lambda c: _streamed(c.messages.create(**ASKED_MESSAGE, stream=True)), STREAMED_MESSAGE),
    "messages.stream.helper": (_message_helper, STREAMED_MESSAGE),
    "messages.stream.lines": (lambda c: _streaming_lines(c.messages)(**ASKED_MESSAGE, stream=True), STREAMED_MESSAGE),
}
SURFACES = [("openai", name) for name in OPENAI] + [("anthropic", name) for name in ANTHROPIC]

pytestmark = pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")


def _cell(sdk: str, name: str, mode: str, how: str = "") -> Any:
    """Return the cell that a surface fills: raw ones are told apart by their names."""
    parts = {*name.split("."), how}
    surface = "beta.messages" if "beta" in parts else name.partition(".")[0]
    shape = "raw" if parts & {"raw", "streaming", "lines"} else "stream" if "stream" in parts else "plain"
    return pytest.mark.cell(provider=sdk, surface=surface, mode=mode, shape=shape)


@pytest.mark.parametrize(
    ("sdk", "surface"),
    [pytest.param(sdk, name, id=name, marks=_cell(sdk, name, "sync")) for sdk, name in SURFACES],
)
def test_a_surface_gives_what_it_gives_uninstrumented_and_is_told_once(
    sdk: str, surface: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    use, usage = OPENAI[surface] if sdk == "openai" else ANTHROPIC[surface]

    def given() -> list[Any]:
        if sdk == "openai":
            with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="test", max_retries=0) as client:
                return use(client)
        with anthropic.Anthropic(base_url=provider.url, api_key="test", max_retries=0) as client:
            return use(client)

    instrumented = given()
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == given()
    assert len(provider.requests) == 2
    assert call.usage == usage
    assert call.usage_quality is UsageQuality.REPORTED
    assert not call.error_type
    assert len(telemetry.spans()) == 1


ASYNC_OPENAI = {
    "chat": ("chat.completions", ASKED, CHAT),
    "chat.stream": ("chat.completions", {**ASKED, "stream": True}, CHAT),
    "responses": ("responses", ASKED_RESPONSE, RESPONSE),
    "responses.stream": ("responses", {**ASKED_RESPONSE, "stream": True}, RESPONSE),
    "messages": ("messages", ASKED_MESSAGE, MESSAGE),
    "messages.stream": ("messages", {**ASKED_MESSAGE, "stream": True}, STREAMED_MESSAGE),
}


async def _given_async(url: str, path: str, asked: dict[str, Any], *, how: str) -> list[Any]:
    is_openai = path != "messages"
    client: Any = (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="test", max_retries=0)
        if is_openai
        else anthropic.AsyncAnthropic(base_url=url, api_key="test", max_retries=0)
    )
    api: Any = client
    for name in path.split("."):
        api = getattr(api, name)
    async with client:
        if how == "lines":
            async with api.with_streaming_response.create(**asked) as response:
                return [line async for line in response.iter_lines()]
        answer = await api.create(**asked)
        if not asked.get("stream"):
            return _dumped([answer])
        return _dumped([event async for event in answer])


@pytest.mark.parametrize(
    ("surface", "how"),
    [
        pytest.param(
            name,
            how,
            id=f"{name}-{how}",
            marks=_cell("anthropic" if "messages" in name else "openai", name, "async", how),
        )
        for name in ASYNC_OPENAI
        for how in ("parsed", "lines")
    ],
)
async def test_an_async_surface_gives_what_it_gives_uninstrumented_and_is_told_once(
    surface: str, how: str, telemetry: Telemetry, provider: ReplayServer
) -> None:
    path, asked, usage = ASYNC_OPENAI[surface]
    instrumented = await _given_async(provider.url, path, asked, how=how)
    call = telemetry.call()
    otel_llmcost.uninstrument()
    assert instrumented == await _given_async(provider.url, path, asked, how=how)
    assert (call.usage, call.usage_quality) == (usage, UsageQuality.REPORTED)
    assert len(telemetry.spans()) == 1


def test_an_application_that_asks_for_the_usage_of_a_stream_sees_it(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    asked: Any = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="test") as client:
        chunks = list(client.chat.completions.create(**asked))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 1540
    assert telemetry.call().usage == CHAT


def test_an_application_that_refuses_the_usage_of_a_stream_is_obeyed(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    asked: Any = {**ASKED, "stream": True, "stream_options": {"include_usage": False}}
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="test") as client:
        list(client.chat.completions.create(**asked))
    assert provider.requests[0].json["stream_options"] == {"include_usage": False}
    assert telemetry.call().usage_quality is UsageQuality.MISSING


def test_the_request_of_the_application_is_not_changed_by_asking_for_the_usage(
    telemetry: Telemetry, provider: ReplayServer
) -> None:
    options: dict[str, Any] = {"include_obfuscation": False}
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="test") as client:
        list(client.chat.completions.create(**ASKED, stream=True, stream_options=options))  # type: ignore[call-overload]
    assert options == {"include_obfuscation": False}
    assert provider.requests[0].json["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert telemetry.call().usage == CHAT
