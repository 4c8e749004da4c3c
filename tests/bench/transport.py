"""Providers inside the process: the real clients of openai and anthropic over a transport that answers from memory."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Answers(Protocol):
    """What a provider answers."""

    def whole(self) -> bytes:
        """Return an answer at once."""

    def events(self, chunks: int, asked: bytes) -> Iterator[bytes]:
        """Give the events of a stream of so many pieces of text, as the body of the request asks for it."""


def openai_clients(input_tokens: int) -> tuple[Any, Any]:
    """Return a sync and an async client whose provider counts `input_tokens` in every prompt."""
    import openai

    from tests.bench.openai_answers import Answers

    sync, other = _http_clients(openai, Answers(input_tokens))
    said = {"api_key": "sk-none", "base_url": "https://api.openai.com/v1"}
    return openai.OpenAI(**said, http_client=sync), openai.AsyncOpenAI(**said, http_client=other)


def anthropic_clients(input_tokens: int) -> tuple[Any, Any]:
    """Return the same of Anthropic."""
    import anthropic

    from tests.bench.anthropic_answers import Answers

    sync, other = _http_clients(anthropic, Answers(input_tokens))
    said = {"api_key": "sk-ant-none", "base_url": "https://api.anthropic.com"}
    return anthropic.Anthropic(**said, http_client=sync), anthropic.AsyncAnthropic(**said, http_client=other)


def _http_clients(sdk: Any, answers: Answers) -> tuple[Any, Any]:
    """Return a sync and an async HTTP client as an SDK makes them, for httpx or httpx2, whichever it stands on."""
    modules = (kind.__module__.partition(".")[0] for kind in sdk.DefaultHttpxClient.__mro__)
    http: Any = importlib.import_module(next(name for name in modules if name.startswith("httpx")))

    class Body(http.SyncByteStream, http.AsyncByteStream):
        """A body that comes event by event."""

        def __init__(self, events: Iterator[bytes]) -> None:
            self._events = events

        def __iter__(self) -> Iterator[bytes]:
            return self._events

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for event in self._events:
                yield event

    class Transport(http.BaseTransport, http.AsyncBaseTransport):
        def handle_request(self, request: Any) -> Any:
            headers = {"content-type": "application/json", "x-request-id": "req_0123456789abcdef"}
            if chunks := request.headers.get("x-chunks"):
                body = Body(answers.events(int(chunks), request.content))
                return http.Response(200, headers={**headers, "content-type": "text/event-stream"}, stream=body)
            return http.Response(200, headers=headers, content=answers.whole())

        async def handle_async_request(self, request: Any) -> Any:
            return self.handle_request(request)

    transport = Transport()
    return sdk.DefaultHttpxClient(transport=transport), sdk.DefaultAsyncHttpxClient(transport=transport)
