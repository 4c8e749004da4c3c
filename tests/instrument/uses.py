"""How an application uses each SDK: it asks, reads a stream to its end or leaves it early, and is refused."""

from __future__ import annotations

import gc
import inspect
import re
import warnings
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
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
from tests.support.replay import (
    Answer,
    Received,
    anthropic_error,
    json_answer,
    openai_error,
    refusing_stream_options,
    stream_answer,
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


@dataclass(frozen=True, kw_only=True)
class Use:
    """How an SDK is used. The async side of it is used alike, and what it returns is awaited.

    Attributes:
        client: Opens a client that asks a server, as a context manager; async_client likewise.
        ask: Asks by a client, and returns the answer.
        stream: Asks for a stream, and returns what can be iterated.
        answer: What the provider answers; where a stream is asked for, in pieces that split events and characters.
        error: How it refuses.
        parts: Returns what can be iterated, where that is not what `stream` returns, or promises.
    """

    client: Callable[[ReplayServer], Any]
    async_client: Callable[[ReplayServer], Any]
    ask: Callable[[Any], Any]
    stream: Callable[[Any], Any]
    answer: Callable[[Received], Answer]
    error: Answer
    parts: Callable[[Any], Any] = lambda answer: answer


# --- what every SDK is used for ---


def _whole(use: Use, client: Any) -> Any:
    return _seen(use.ask(client))


def _read(use: Use, client: Any) -> Any:
    return [_seen(part) for part in use.parts(use.stream(client))]


def _left(use: Use, client: Any) -> Any:
    parts = use.parts(use.stream(client))
    first = _seen(next(iter(parts)))
    parts.close() if hasattr(parts, "close") else parts.__exit__(None, None, None)
    return [first]


def _tripped(use: Use, client: Any) -> Any:
    """Raise an exception of the application's in the middle of a stream."""
    for _ in use.parts(use.stream(client)):
        raise LookupError
    return None


def _abandoned(use: Use, client: Any) -> Any:
    first = _seen(next(iter(use.parts(use.stream(client)))))
    gc.collect()
    return [first]


async def _async_whole(use: Use, client: Any) -> Any:
    answer = await use.ask(client)
    if hasattr(body := answer.get("body") if isinstance(answer, dict) else None, "read"):
        return await body.read()
    return _seen(answer)


async def _async_read(use: Use, client: Any) -> Any:
    return [_seen(part) async for part in use.parts(await _awaited(use.stream(client)))]


async def _async_left(use: Use, client: Any) -> Any:
    parts = use.parts(await _awaited(use.stream(client)))
    first = _seen(await anext(aiter(parts)))
    close = getattr(parts, "aclose", None) or getattr(parts, "close", None)
    await _awaited(close() if close else parts.__aexit__(None, None, None))
    return [first]


async def _awaited(promised: Any) -> Any:
    return await promised if inspect.isawaitable(promised) else promised


def _seen(part: Any) -> Any:
    """Return what an application sees of an answer or of a part of it, but for the time of day."""
    if hasattr(part, "http_request"):  # a raw answer
        return part.text
    part = part.data if hasattr(part, "data") else part
    part = part.model_dump() if hasattr(part, "model_dump") else part
    if isinstance(part, dict):
        return {key: _seen(value) for key, value in part.items() if str(key).lower() != "date"}
    if isinstance(part, list):
        return [_seen(each) for each in part]
    return part.read() if hasattr(part, "read") else part


WAYS: dict[str, Callable[[Use, Any], Any]] = {
    "whole": _whole,
    "read": _read,
    "left": _left,
    "abandoned": _abandoned,
    "tripped": _tripped,
    "malformed": _whole,
    "refused": _whole,
    "stream refused": _read,
}
ASYNC_WAYS: dict[str, Callable[[Use, Any], Any]] = {
    "async whole": _async_whole,
    "async read": _async_read,
    "async left": _async_left,
    "async malformed": _async_whole,
    "async refused": _async_whole,
    "async stream refused": _async_read,
}


def outcome_of(run: Callable[[], Any]) -> Any:
    """Return what a run gives or raises, but for the time of day."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - whatever the application sees is compared
        return type(error).__name__, re.sub(r"'date': '[^']*'", "", str(error), flags=re.IGNORECASE)


def without_what_was_asked_for(seen: Any) -> Any:
    """Leave out the chunk that tells the usage which we asked for: hiding it is what our failing code did."""
    if not isinstance(seen, list):
        return seen
    kept = []
    for item in seen:
        if isinstance(item, dict) and item.get("object") == "chat.completion.chunk":
            if item["choices"]:
                kept.append({key: value for key, value in item.items() if key != "usage"})
        elif not (isinstance(item, str) and '"choices": []' in item):
            kept.append(item.replace(', "usage": null', "") if isinstance(item, str) else item)
    return [item for item in kept if item != ""]  # the empty line behind that chunk


# --- the SDKs ---


def _either(whole: object, streamed: Answer) -> Callable[[Received], Answer]:
    """Answer as a whole or in pieces, as the body or the path asks."""

    def answer(received: Received) -> Answer:
        is_stream = (received.json or {}).get("stream") or "stream" in received.path.lower()
        return streamed if is_stream else json_answer(whole)

    return answer


def _events(body: str, **more: Any) -> Answer:
    return stream_answer(body, chunk_size=11, **more)


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
        answer=refusing_stream_options(_events(wire.chat_stream(with_usage=False))),
        error=openai_error(422, "no"),
    ),
    "openai's responses": _openai(
        lambda client: client.responses,
        asked=ASKED_RESPONSE,
        answer=_either(wire.response(), _events(wire.response_stream())),
        error=openai_error(400, "no"),
    ),
    "anthropic": _stainless(
        anthropic.Anthropic,
        anthropic.AsyncAnthropic,
        "",
        lambda client: client.messages,
        asked=ASKED_MESSAGE,
        answer=_either(wire.message(), _events(wire.message_stream())),
        error=anthropic_error(429, "slow down"),
    ),
    **{name: _compatible(name) for name in ("groq", "together", "cerebras")},
    "google-genai": _google(
        lambda client: client.models.generate_content(**_ASKED_GOOGLE),
        lambda client: client.models.generate_content_stream(**_ASKED_GOOGLE),
        _either(wire_google.content(), _events(wire_google.stream())),
    ),
    "bedrock's Converse": _bedrock(
        "converse",
        "converse_stream",
        bedrock_wire.ASKED,
        answer=_either(bedrock_wire.converse(), bedrock_wire.stream(bedrock_wire.converse_frames())),
        parts=lambda answer: answer["stream"],
    ),
    "bedrock's InvokeModel": _bedrock(
        "invoke_model",
        "invoke_model_with_response_stream",
        bedrock_wire.INVOKED,
        answer=_either(bedrock_wire.claude(), bedrock_wire.stream(bedrock_wire.claude_frames())),
        parts=lambda answer: answer["body"],
    ),
    "cohere": _cohere(
        cohere.ClientV2,
        cohere.AsyncClientV2,
        wire_cohere.ASKED,
        _either(wire_cohere.CHAT, _events(wire_cohere.events())),
    ),
    "cohere's first API": _cohere(
        cohere.Client,
        cohere.AsyncClient,
        wire_cohere.ASKED_1,
        _either(wire_cohere.CHAT_1, _events(wire_cohere.lines(), content_type=wire_cohere.NDJSON)),
    ),
    "mistralai": Use(
        client=lambda server: Mistral(api_key="test", server_url=server.url),
        async_client=_async_mistral,
        ask=lambda client: client.chat.complete(**_ASKED_MISTRAL),
        stream=lambda client: client.chat.stream(**_ASKED_MISTRAL),
        answer=_either(wire_mistral.answer(), _events(wire_mistral.events())),
        error=json_answer({"object": "error", "message": "no"}, 400),
    ),
    "ollama": Use(
        client=lambda server: wire_ollama.client(server.url),
        async_client=lambda server: wire_ollama.async_client(server.url),
        ask=lambda client: client.chat(**wire_ollama.ASKED),
        stream=lambda client: client.chat(**wire_ollama.ASKED, stream=True),
        answer=_either(wire_ollama.CHAT, wire_ollama.CHAT_STREAM),
        error=json_answer({"error": "no"}, 404),
    ),
}
if find_spec("google.genai._gaos"):
    USES["google-genai's interactions"] = _google(
        lambda client: client.interactions.create(**_ASKED_INTERACTION),
        lambda client: client.interactions.create(**_ASKED_INTERACTION, stream=True),
        _either(wire_google.INTERACTION, _events(wire_google.INTERACTION_STREAM)),
    )
