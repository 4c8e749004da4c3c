"""What OpenAI answers in the measurements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answers:
    """A chat completion, made once.

    Args:
        input_tokens: What it counts in every prompt.
    """

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

    def events(self, chunks: int, asked: bytes) -> Iterator[bytes]:
        yield _event(_chunk({"role": "assistant", "content": ""}))
        chunk = self._chunk
        for _ in range(chunks):
            yield chunk
        yield _event(_chunk({}, finish_reason="stop"))
        if b'"include_usage"' in asked:
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
