"""What each SDK is used by, and what its provider answers."""

from __future__ import annotations

import inspect
import warnings
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anthropic
import openai

from otel_llmcost.instrument.bedrock import BedrockInstrumentor
from tests.instrument import (
    bedrock_wire,
    google_sdk,
    wire,
    wire_cohere,
    wire_google,
    wire_mistral,
    wire_ollama,
)
from tests.instrument.test_compatible_sdks import client_of
from tests.instrument.test_surfaces import ASKED, ASKED_MESSAGE, ASKED_RESPONSE, _chat_answer
from tests.instrument.ways import Use, either, events
from tests.support.replay import (
    Answer,
    Received,
    anthropic_error,
    json_answer,
    openai_error,
    refusing_stream_options,
)

try:
    from mistralai.client import Mistral
except ImportError:  # before 2.0
    from mistralai import Mistral  # type: ignore[attr-defined, no-redef]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # older releases use what pydantic has deprecated since
    import cohere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.support.replay import ReplayServer


def _stainless(kind: Any, async_kind: Any, path: str, api: Callable[[Any], Any], **more: Any) -> Use:
    """Return the use of an SDK that Stainless generates; each time by a client that our code has not met."""
    asked = more.pop("asked")

    def opened(client: Any) -> Callable[[ReplayServer], Any]:
        return lambda server: client(base_url=f"{server.url}{path}", api_key="test", max_retries=0)

    return Use(
        client=opened(kind),
        async_client=opened(async_kind),
        ask=lambda client: api(client.with_options()).create(**asked),
        stream=lambda client: api(client.with_options()).create(**asked, stream=True),
        **more,
    )


def _openai_raw() -> Use:
    """Return the use of OpenAI's SDK by an application that wants no objects, but texts and lines."""

    def lines(client: Any) -> Any:
        api = client.with_options().chat.completions.with_streaming_response
        block = api.create(**ASKED, stream=True)
        return _async_lines(block) if hasattr(block, "__aenter__") else _lines(block)

    raw = _openai(lambda client: client.chat.completions.with_raw_response, asked=ASKED, **_CHAT)
    return replace(raw, stream=lines)


def _lines(block: Any) -> Iterator[str]:
    with block as response:
        yield from response.iter_lines()


async def _async_lines(block: Any) -> AsyncIterator[str]:
    async with block as response:
        async for line in response.iter_lines():
            yield line


def _openai(api: Callable[[Any], Any], **more: Any) -> Use:
    return _stainless(openai.OpenAI, openai.AsyncOpenAI, "/v1", api, **more)


def _compatible(name: str) -> Use:
    def anew(client: Any) -> Any:
        warms = "warm_tcp_connection" in inspect.signature(client.with_options).parameters  # by a request of its own
        return client.with_options(**({"warm_tcp_connection": False} if warms else {}))

    return Use(
        client=lambda server: client_of(name, server.url),
        async_client=lambda server: client_of(name, server.url, is_async=True),
        ask=lambda client: anew(client).chat.completions.create(**ASKED),
        stream=lambda client: anew(client).chat.completions.create(**ASKED, stream=True),
        **_CHAT,
    )


def _google(ask: Callable[[Any], Any], stream: Callable[[Any], Any], answer: Callable[[Received], Answer]) -> Use:
    return Use(
        client=lambda server: google_sdk.client(server.url),
        async_client=lambda server: google_sdk.async_client(server.url),
        ask=ask,
        stream=stream,
        answer=answer,
        error=json_answer(wire_google.error(400, "INVALID_ARGUMENT"), 400),
    )


def _bedrock(plain: str, streamed: str, asked: dict[str, Any], **more: Any) -> Use:
    def asking(operation: str) -> Callable[[Any], Any]:
        def ask(client: Any) -> Any:
            BedrockInstrumentor.patch._places.clear()  # so that our code has not met this client
            return getattr(client, operation)(**asked)

        return ask

    return Use(
        client=lambda server: closing(bedrock_wire.client(server)),
        async_client=bedrock_wire.async_client,
        ask=asking(plain),
        stream=asking(streamed),
        error=bedrock_wire.error("ThrottlingException", 429),
        **more,
    )


def _cohere(kind: Any, async_kind: Any, asked: dict[str, Any], answer: Callable[[Received], Answer]) -> Use:
    return Use(
        client=lambda server: kind(api_key="test", base_url=server.url),
        async_client=lambda server: async_kind(api_key="test", base_url=server.url),
        ask=lambda client: client.chat(**asked),
        stream=lambda client: client.chat_stream(**asked),
        answer=answer,
        error=json_answer({"message": "no"}, 400),
    )


@asynccontextmanager
async def _async_mistral(server: ReplayServer) -> AsyncIterator[Any]:
    """Open a client, and have its asynchronous methods called as the others are."""
    async with Mistral(api_key="test", server_url=server.url) as client:
        yield SimpleNamespace(
            chat=SimpleNamespace(complete=client.chat.complete_async, stream=client.chat.stream_async)
        )


_CHAT: dict[str, Any] = {"answer": _chat_answer, "error": openai_error(429, "slow down")}
_ASKED_GOOGLE = {"model": "gemini-3-flash-preview", "contents": "Hello"}
_ASKED_INTERACTION = {"model": "gemini-3-flash-preview", "input": "Hello"}
_ASKED_MISTRAL = {"model": "mistral-small-latest", "messages": wire_mistral.MESSAGES}

USES: dict[str, Use] = {
    "openai": _openai(lambda client: client.chat.completions, asked=ASKED, **_CHAT),
    "openai, raw": _openai_raw(),
    "openai, where usage cannot be asked for": _openai(
        lambda client: client.chat.completions,
        asked=ASKED,
        answer=refusing_stream_options(events(wire.chat_stream(with_usage=False))),
        error=openai_error(422, "no"),
    ),
    "openai's responses": _openai(
        lambda client: client.responses,
        asked=ASKED_RESPONSE,
        answer=either(wire.response(), events(wire.response_stream())),
        error=openai_error(400, "no"),
    ),
    "anthropic": _stainless(
        anthropic.Anthropic,
        anthropic.AsyncAnthropic,
        "",
        lambda client: client.messages,
        asked=ASKED_MESSAGE,
        answer=either(wire.message(), events(wire.message_stream())),
        error=anthropic_error(429, "slow down"),
    ),
    **{name: _compatible(name) for name in ("groq", "together", "cerebras")},
    "google-genai": _google(
        lambda client: client.models.generate_content(**_ASKED_GOOGLE),
        lambda client: client.models.generate_content_stream(**_ASKED_GOOGLE),
        either(wire_google.content(), events(wire_google.stream())),
    ),
    "bedrock's Converse": _bedrock(
        "converse",
        "converse_stream",
        bedrock_wire.ASKED,
        answer=either(bedrock_wire.converse(), bedrock_wire.stream(bedrock_wire.converse_frames())),
        parts=lambda answer: answer["stream"],
    ),
    "bedrock's InvokeModel": _bedrock(
        "invoke_model",
        "invoke_model_with_response_stream",
        bedrock_wire.INVOKED,
        answer=either(bedrock_wire.claude(), bedrock_wire.stream(bedrock_wire.claude_frames())),
        parts=lambda answer: answer["body"],
    ),
    "cohere": _cohere(
        cohere.ClientV2,
        cohere.AsyncClientV2,
        wire_cohere.ASKED,
        either(wire_cohere.CHAT, events(wire_cohere.events())),
    ),
    "cohere's first API": _cohere(
        cohere.Client,
        cohere.AsyncClient,
        wire_cohere.ASKED_1,
        either(wire_cohere.CHAT_1, events(wire_cohere.lines(), content_type=wire_cohere.NDJSON)),
    ),
    "mistralai": Use(
        client=lambda server: Mistral(api_key="test", server_url=server.url),
        async_client=_async_mistral,
        ask=lambda client: client.chat.complete(**_ASKED_MISTRAL),
        stream=lambda client: client.chat.stream(**_ASKED_MISTRAL),
        answer=either(wire_mistral.answer(), events(wire_mistral.events())),
        error=json_answer({"object": "error", "message": "no"}, 400),
    ),
    "ollama": Use(
        client=lambda server: wire_ollama.client(server.url),
        async_client=lambda server: wire_ollama.async_client(server.url),
        ask=lambda client: client.chat(**wire_ollama.ASKED),
        stream=lambda client: client.chat(**wire_ollama.ASKED, stream=True),
        answer=either(wire_ollama.CHAT, wire_ollama.CHAT_STREAM),
        error=json_answer({"error": "no"}, 404),
    ),
}
if find_spec("google.genai._gaos"):
    USES["google-genai's interactions"] = _google(
        lambda client: client.interactions.create(**_ASKED_INTERACTION),
        lambda client: client.interactions.create(**_ASKED_INTERACTION, stream=True),
        either(wire_google.INTERACTION, events(wire_google.INTERACTION_STREAM)),
    )
