"""Frameworks and litellm, each the real package, in an environment of their own: `make test-frameworks` makes it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrument import wire
from tests.instrument.conftest import server, telemetry
from tests.support.replay import Answer, Received, ReplayServer, json_answer, stream_answer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["provider", "saying", "server", "telemetry"]

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch its prices from the network
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"  # it would send its traces there


def _either(whole: dict[str, Any], events: Callable[[dict[str, Any]], str]) -> Callable[[Received], Answer]:
    def answer(received: Received) -> Answer:
        asked = received.json
        return stream_answer(events(asked), chunk_size=11) if asked.get("stream") else json_answer(whole)

    return answer


def _chat_events(asked: dict[str, Any], **more: Any) -> str:
    """Tell the usage only where it was asked for, as the provider does."""
    return wire.chat_stream(with_usage=(asked.get("stream_options") or {}).get("include_usage", False), **more)


def saying(provider: ReplayServer, *words: str) -> None:
    """Have the streams of chat say these words."""
    events = partial(_chat_events, words=words)
    provider.answer_with(_either(wire.chat(), events), path="/v1/chat/completions")


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer as OpenAI and Anthropic do, streams in pieces that split events and characters."""
    server.answer_with(_either(wire.chat(), _chat_events), path="/v1/chat/completions")
    server.answer_with(_either(wire.response(), lambda _: wire.response_stream()), path="/v1/responses")
    server.answer_with(_either(wire.message(), lambda _: wire.message_stream()), path="/v1/messages")
    server.answer_with(json_answer(wire.embeddings(8)), path="/v1/embeddings")
    return server
