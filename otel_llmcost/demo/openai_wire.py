"""OpenAI's wire formats, both ways: what a request asks, and how an answer to it reads.

Taken from recorded exchanges of 2025 and 2026: field order, nulls and the sequence of events included.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.demo.pretend import UNLIMITED_TOKENS, Completion, Piece, Prompt, bills_cache_writes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    Event = tuple[str, str]

DONE: Final = ("", "[DONE]")
"""How a chat stream ends: a data line that is no JSON."""

HEX: Final = "0123456789abcdef"
BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def identifier(random: Random, prefix: str, size: int, alphabet: str = HEX) -> str:
    """Return an id of `size` characters after its prefix."""
    return prefix + "".join(random.choices(alphabet, k=size))


def spoken_in(text: str) -> list[str]:
    """Return `text` in the pieces that a stream sends it in: about twenty, more for a long answer."""
    size = max(8, min(len(text) // 20, 48))
    return [text[start : start + size] for start in range(0, len(text), size)]


def text_of(content: object) -> str:
    """Return the text of a message's content: a string, or a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def headers(random: Random) -> dict[str, str]:
    """Return what OpenAI sends beside an answer."""
    return {
        "x-request-id": identifier(random, "req_", 32),
        "openai-organization": "org-demo-loopback",
        "openai-project": "proj_DemoLoopback",
        "openai-version": "2020-10-01",
        "openai-processing-ms": str(random.randrange(180, 2400)),
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": str(random.randrange(9000, 10000)),
        "cf-ray": identifier(random, "", 16) + "-FRA",
        "server": "cloudflare",
    }


def error_body(status: int) -> dict[str, Any]:
    """Return the body of an error."""
    if status == 429:  # noqa: PLR2004 - an HTTP status
        message, kind, code = "Rate limit reached for requests per min", "requests", "rate_limit_exceeded"
    else:
        message, kind, code = "The server had an error while processing your request", "server_error", None
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# --- chat completions ---


def read_chat(body: dict[str, Any]) -> Prompt:
    """Return what a chat completion asks."""
    return Prompt(
        provider="openai",
        model=body["model"],
        pieces=(*_tool_pieces(body), *(Piece(text=text_of(each.get("content"))) for each in body["messages"])),
        max_output_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or UNLIMITED_TOKENS,
        is_stream=bool(body.get("stream")),
        includes_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        wants_json=(body.get("response_format") or {}).get("type") in ("json_object", "json_schema"),
        service_tier=body.get("service_tier") or "",
    )


def chat_usage(done: Completion) -> dict[str, Any]:
    """Return the usage of a chat completion."""
    inside = {"cached_tokens": done.cache_read_tokens, "audio_tokens": 0}
    if bills_cache_writes(done.model):
        inside["cache_write_tokens"] = done.cache_write_5m_tokens
    return {
        "prompt_tokens": done.input_tokens,
        "completion_tokens": done.output_tokens,
        "total_tokens": done.input_tokens + done.output_tokens,
        "prompt_tokens_details": inside,
        "completion_tokens_details": {
            "reasoning_tokens": done.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat_body(body: dict[str, Any], done: Completion, random: Random, now: int) -> dict[str, Any]:
    """Return a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": done.text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(done)}
    return {
        "id": identifier(random, "chatcmpl-", 29, BASE62),
        "object": "chat.completion",
        "created": now,
        "model": done.model,
        "choices": [choice],
        "usage": chat_usage(done),
        "service_tier": done.service_tier,
        "system_fingerprint": None,
        **({"metadata": body["metadata"]} if body.get("metadata") else {}),
    }


def chat_events(body: dict[str, Any], done: Completion, random: Random, now: int) -> Iterator[Event]:
    """Yield the events of a chat stream. Its usage comes in a last chunk without choices, if asked for."""
    includes_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    head = {
        "id": identifier(random, "chatcmpl-", 29, BASE62),
        "object": "chat.completion.chunk",
        "created": now,
        "model": done.model,
        "service_tier": done.service_tier,
        "system_fingerprint": None,
    }

    def chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> Event:
        told = {"usage": usage} if includes_usage else {}
        noise = {"obfuscation": identifier(random, "", random.randrange(2, 14), BASE62)}
        return "", _compact({**head, "choices": choices, **told, **noise})

    def choice(delta: dict[str, Any], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]

    yield chunk(choice({"role": "assistant", "content": "", "refusal": None}))
    for said in spoken_in(done.text):
        yield chunk(choice({"content": said}))
    yield chunk(choice({}, _finish(done)))
    if includes_usage:
        yield chunk([], chat_usage(done))
    yield DONE


# --- embeddings ---


def read_embeddings(body: dict[str, Any]) -> Prompt:
    """Return what is to be embedded."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    pieces = tuple(Piece(text=str(text)) for text in texts)
    return Prompt(provider="openai", model=body["model"], pieces=pieces, max_output_tokens=1)


def embeddings_usage(done: Completion) -> dict[str, Any]:
    """Return the usage of an embedding: nothing is generated."""
    return {"prompt_tokens": done.input_tokens, "total_tokens": done.input_tokens}


def embeddings_body(body: dict[str, Any], done: Completion, random: Random, _now: int) -> dict[str, Any]:
    """Return vectors of eight numbers, as lists or in base64 as the SDK asks by default."""
    import base64
    import struct

    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data: list[dict[str, Any]] = []
    for index, _ in enumerate(texts):
        numbers = [round(random.uniform(-0.1, 0.1), 7) for _ in range(8)]
        packed = base64.b64encode(struct.pack("<8f", *numbers)).decode()
        vector = packed if body.get("encoding_format") == "base64" else numbers
        data.append({"object": "embedding", "index": index, "embedding": vector})
    return {"object": "list", "data": data, "model": done.model, "usage": embeddings_usage(done)}


def _tool_pieces(body: dict[str, Any]) -> list[Piece]:
    return [Piece(text=json.dumps(tool)) for tool in body.get("tools") or []]


def _finish(done: Completion) -> str:
    return "length" if done.is_cut else "stop"


def _compact(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"))
