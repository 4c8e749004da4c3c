"""What Anthropic answers in the measurements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answers:
    """A message, made once.

    Args:
        input_tokens: What it counts in every prompt; none of them are cached, which the others count differently.
    """

    def __init__(self, input_tokens: int) -> None:
        text = "In October the price of your plan rose, and two seats were added on the third of the month. " * 4
        usage = {
            "input_tokens": input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 212,
            "service_tier": "standard",
        }
        begun = _message([], None, {**usage, "output_tokens": 1})
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " invoice"}}
        stopped = {"stop_reason": "end_turn", "stop_sequence": None}
        self._whole = json.dumps(_message([{"type": "text", "text": text}], "end_turn", usage)).encode()
        self._delta = _event(delta)
        self._before = [
            _event({"type": "message_start", "message": begun}),
            _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ]
        self._after = [
            _event({"type": "content_block_stop", "index": 0}),
            _event({"type": "message_delta", "delta": stopped, "usage": {"output_tokens": 212}}),
            _event({"type": "message_stop"}),
        ]

    def whole(self) -> bytes:
        return self._whole

    def events(self, chunks: int, _asked: bytes) -> Iterator[bytes]:
        yield from self._before
        for _ in range(chunks):
            yield self._delta
        yield from self._after


def _message(content: list[dict[str, Any]], stop_reason: str | None, usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_01Bxyz0123456789abcdefgh",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _event(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
