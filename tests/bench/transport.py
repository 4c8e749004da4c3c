"""A provider inside the process: the real openai clients over a transport that answers from memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

http = next(
    __import__(kind.__module__.partition(".")[0])
    for kind in openai.DefaultHttpxClient.__mro__
    if kind.__module__.startswith("httpx")
)
"""httpx, or httpx2 since openai 3."""


def clients(input_tokens: int) -> tuple[openai.OpenAI, openai.AsyncOpenAI]:
    """Return a sync and an async client whose provider counts `input_tokens` in every prompt."""
    answers = Answers(input_tokens)
    said = {"api_key": "sk-none", "base_url": "https://api.openai.com/v1"}
    return (
        openai.OpenAI(**said, http_client=openai.DefaultHttpxClient(transport=_Sync(answers))),
        openai.AsyncOpenAI(**said, http_client=openai.DefaultAsyncHttpxClient(transport=_Async(answers))),
    )


class Answers:
    """What the provider says, made once."""

    def __init__(self, input_tokens: int) -> None:
        self._usage = {
            "prompt_tokens": input_tokens,
            "completion_tokens": 212,
            "total_tokens": input_tokens + 212,
            "prompt_tokens_details": {"cached_tokens": 1_024, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 128,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
        self._whole = json.dumps(_completion(self._usage)).encode()
        self._chunk = _event(_chunk({"content": " invoice"}))

    def whole(self) -> bytes:
        return self._whole

    def events(self, chunks: int, *, tells_usage: bool) -> Iterator[bytes]:
        yield _event(_chunk({"role": "assistant", "content": ""}))
        chunk = self._chunk
        for _ in range(chunks):
            yield chunk
        yield _event(_chunk({}, finish_reason="stop"))
        if tells_usage:
            yield _event({**_chunk({}), "choices": [], "usage": self._usage})
        yield b"data: [DONE]\n\n"


def _completion(usage: dict[str, Any]) -> dict[str, Any]:
    text = "In October the price of your plan rose, and two seats were added on the third of the month. " * 4
    message = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return {
        "id": "chatcmpl-Bxyz0123456789abcdefghij",
        "object": "chat.completion",
        "created": 1_763_700_000,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-Bxyz0123456789abcdefghij",
        "object": "chat.completion.chunk",
        "created": 1_763_700_000,
        "model": "gpt-5-mini-2025-08-07",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        "obfuscation": "x7Kq",
    }


def _event(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


class _Body(http.SyncByteStream, http.AsyncByteStream):
    """A body that comes event by event."""

    def __init__(self, events: Iterator[bytes]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield event


def _answer(request: Any, answers: Answers) -> Any:
    headers = {"content-type": "application/json", "x-request-id": "req_0123456789abcdef"}
    if chunks := request.headers.get("x-chunks"):
        events = answers.events(int(chunks), tells_usage=b'"include_usage"' in request.content)
        return http.Response(200, headers={**headers, "content-type": "text/event-stream"}, stream=_Body(events))
    return http.Response(200, headers=headers, content=answers.whole())


class _Sync(http.BaseTransport):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def handle_request(self, request: Any) -> Any:
        return _answer(request, self._answers)


class _Async(http.AsyncBaseTransport):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def handle_async_request(self, request: Any) -> Any:
        return _answer(request, self._answers)
