"""Answers of Mistral, written by hand: the counts are the ones that the tests expect."""

from __future__ import annotations

import json
from typing import Any

USAGE = {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127, "num_cached_tokens": 64}
MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def answer(**changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Grüezi", "tool_calls": None}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    whole = {"id": "cmpl-1", "object": "chat.completion", "created": 1763800000, "model": "mistral-small-2506"}
    return {**whole, "choices": [choice], "usage": USAGE, **changes}


def events(words: tuple[str, ...] = ("Grü", "ezi")) -> str:
    chunk = {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1763800000, "model": "mistral-small-2506"}
    deltas = [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None} for word in words]
    chunks: list[dict[str, Any]] = [chunk | {"choices": [delta]} for delta in deltas]
    last = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    chunks.append(chunk | {"choices": [last], "usage": {**USAGE, "service_tier": "priority"}})
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"
