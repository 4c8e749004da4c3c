"""One request to a pretend provider, its answer and its line in the log, without any HTTP."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.demo import anthropic_wire, openai_wire, responses_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from random import Random
    from types import ModuleType

    from otel_llmcost.demo.pretend import Completion, PretendModel, Prompt

    Event = tuple[str, str]

SLOW_FROM_TOKENS: Final = 2000
"""Answers as long as this are streamed at reading speed, so that a reader can leave before the end."""

SLOW_PAUSE_S: Final = 0.01

_TELLING: Final = ("message_delta", "response.completed", "response.incomplete")
"""The events that tell a stream's usage, where they have names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path of a provider: how a request to it reads, and how an answer is written.

    Attributes:
        name: What the log calls it.
        provider: The module with the provider's headers and errors.
        read: Request body → what is asked.
        body: Request body, completion, random numbers for ids, Unix seconds → response body.
        events: The same → (event name, data) of a stream; None where it does not stream.
        usage: Completion → the usage as the provider writes it.
    """

    name: str
    provider: ModuleType
    read: Callable[[dict[str, Any]], Prompt]
    body: Callable[[dict[str, Any], Completion, Random, int], dict[str, Any]]
    events: Callable[[dict[str, Any], Completion, Random, int], Iterator[Event]] | None
    usage: Callable[[Completion], dict[str, Any]]


ENDPOINTS: Final = {
    "/v1/chat/completions": Endpoint(
        name="chat.completions",
        provider=openai_wire,
        read=openai_wire.read_chat,
        body=openai_wire.chat_body,
        events=openai_wire.chat_events,
        usage=openai_wire.chat_usage,
    ),
    "/v1/responses": Endpoint(
        name="responses",
        provider=openai_wire,
        read=responses_wire.read_responses,
        body=responses_wire.responses_body,
        events=responses_wire.responses_events,
        usage=responses_wire.responses_usage,
    ),
    "/v1/embeddings": Endpoint(
        name="embeddings",
        provider=openai_wire,
        read=openai_wire.read_embeddings,
        body=openai_wire.embeddings_body,
        events=None,
        usage=openai_wire.embeddings_usage,
    ),
    "/v1/messages": Endpoint(
        name="messages",
        provider=anthropic_wire,
        read=anthropic_wire.read_messages,
        body=anthropic_wire.messages_body,
        events=anthropic_wire.messages_events,
        usage=anthropic_wire.messages_usage,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back: a body, or the events of a stream."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any] | None = None
    events: Generator[Event] | None = None


class Exchange:
    """One request and what becomes of it.

    Args:
        endpoint: Where it arrived.
        body: The request's JSON.
        attempt: 0, or how often the SDK has sent it before.
        client_request_id: The caller's `X-Client-Request-Id`, if any.
        model: Who answers.
        run_id: Decides the ids, with the request itself.
        note: Takes the line for the log.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        body: dict[str, Any],
        *,
        attempt: int,
        client_request_id: str | None,
        model: PretendModel,
        run_id: str,
        note: Callable[[dict[str, Any]], None],
    ) -> None:
        self._endpoint, self._body, self._attempt = endpoint, body, attempt
        self._client_request_id, self._model, self._take_line = client_request_id, model, note
        self._prompt = endpoint.read(body)
        self._key = model.key_of(body, is_resent=attempt > 0)
        self._ids = model.random_of(self._key, f"ids {run_id} {attempt}")
        self._headers: dict[str, str] = endpoint.provider.headers(self._ids)

    def reply(self, fault_rate: float) -> Reply:
        """Return the answer, noted in the log; a stream is noted while it is sent.

        Args:
            fault_rate: The share of requests whose first attempt is refused.
        """
        status = self._fault(fault_rate)
        if status:
            return self._refusal(status)
        done = self._model.complete(self._prompt, self._key)
        now = time.time_ns() // 10**9
        if self._prompt.is_stream and self._endpoint.events is not None:
            events = list(self._endpoint.events(self._body, done, self._ids, now))
            return Reply(status=200, headers=self._headers, events=self._watched(events, done))
        body = self._endpoint.body(self._body, done, self._ids, now)
        self._note("answered", done, response_id=body.get("id"), usage_sent=True)
        return Reply(status=200, headers=self._headers, body=body)

    def _fault(self, rate: float) -> int:
        """Return the status of an error, or 0. Only a first attempt fails, so that the SDK's retry succeeds."""
        random = self._model.random_of(self._key, "fault")
        if self._attempt or random.random() >= rate:
            return 0
        return random.choice((429, 429, 500) if self._prompt.provider == "openai" else (429, 529, 500))

    def _refusal(self, status: int) -> Reply:
        body: dict[str, Any] = self._endpoint.provider.error_body(status)
        if self._prompt.provider == "anthropic":
            body["request_id"] = self._headers["request-id"]
        self._note("refused", None, status=status)
        return Reply(status=status, headers=self._headers | {"retry-after-ms": "25"}, body=body)

    def _watched(self, events: list[Event], done: Completion) -> Generator[Event]:
        """Yield the events. The answer is noted before the one that tells its usage, or when the client has left."""
        telling = _index_of_telling(events, includes_usage=self._prompt.includes_usage)
        response_id = _response_id(events[0])
        pause_s = SLOW_PAUSE_S if done.output_tokens >= SLOW_FROM_TOKENS else 0
        is_noted = False
        try:
            for index, event in enumerate(events):
                if index == telling:
                    is_noted = True
                    self._note("answered", done, response_id=response_id, usage_sent=self._prompt.includes_usage)
                yield event
                if pause_s:
                    time.sleep(pause_s)
        finally:
            if not is_noted:
                self._note("aborted", None, response_id=response_id, model=done.model)

    def _note(self, outcome: str, done: Completion | None, **more: Any) -> None:
        line = {
            "time_unix_ns": time.time_ns(),
            "provider": self._prompt.provider,
            "endpoint": self._endpoint.name,
            "outcome": outcome,
            "status": 200,
            "requested_model": self._prompt.model,
            "model": done.model if done else None,
            "response_id": None,
            "request_id": self._headers.get("x-request-id") or self._headers.get("request-id"),
            "client_request_id": self._client_request_id,
            "is_stream": self._prompt.is_stream,
            "service_tier": done.service_tier if done else None,
            "web_searches": len(done.web_searches) if done else 0,
            "usage": self._endpoint.usage(done) if done else None,
            "usage_sent": False,
        }
        self._take_line(line | more)


def _index_of_telling(events: list[Event], *, includes_usage: bool) -> int:
    """Return the index of the event that tells the usage; the last one's where none does."""
    named = [index for index, (name, _) in enumerate(events) if name in _TELLING]
    if named:
        return named[0]
    return len(events) - (2 if includes_usage else 1)


def _response_id(first: Event) -> str:
    """Return the id of a stream's answer, which its first event tells."""
    event = json.loads(first[1])
    holder = event.get("response") or event.get("message") or event
    return str(holder["id"])
