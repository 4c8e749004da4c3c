"""Answers of Cohere, written by hand: the counts are the ones that the tests expect."""

from __future__ import annotations

import json
from typing import Any

USAGE = {
    "billed_units": {"input_tokens": 33, "output_tokens": 7},
    "tokens": {"input_tokens": 120, "output_tokens": 9},
    "cached_tokens": 64,
}
META = {"api_version": {"version": "1"}, **{key: USAGE[key] for key in ("billed_units", "tokens")}}
MESSAGE = {"role": "assistant", "content": [{"type": "text", "text": "Grüezi"}]}
CHAT = {"id": "c-2", "finish_reason": "COMPLETE", "message": MESSAGE, "usage": USAGE}
CHAT_1 = {"response_id": "r-1", "generation_id": "g-1", "text": "Grüezi", "finish_reason": "COMPLETE", "meta": META}
ASKED: dict[str, Any] = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hello"}]}
ASKED_1: dict[str, Any] = {"model": "command-r", "message": "Hello"}
NDJSON = "application/stream+json"


def events(words: tuple[str, ...] = ("Grü", "ezi")) -> str:
    deltas = [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": w}}}} for w in words]
    start = {"type": "message-start", "id": "c-2", "delta": {"message": {"role": "assistant"}}}
    end = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}}
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in (start, *deltas, end)]
    return "".join(lines) + "data: [DONE]\n\n"


def lines(words: tuple[str, ...] = ("Grü", "ezi")) -> str:
    """Return a stream of the first API: a document a line."""
    start = {"is_finished": False, "event_type": "stream-start", "generation_id": "g-1"}
    deltas = [{"is_finished": False, "event_type": "text-generation", "text": word} for word in words]
    end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": CHAT_1}
    return "".join(json.dumps(event) + "\n" for event in (start, *deltas, end))
