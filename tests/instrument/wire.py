"""Answers in the providers' wire formats, written by hand: the counts are the ones that the tests expect."""

from __future__ import annotations

import json
from typing import Any

CHAT_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 340,
    "total_tokens": 1540,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0},
}
MESSAGE_USAGE = {
    "input_tokens": 20,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "cache_read_input_tokens": 1000,
    "output_tokens": 50,
    "service_tier": "standard",
}


def chat(**changes: Any) -> dict[str, Any]:
    """Return a ChatCompletion."""
    message = {"role": "assistant", "content": '{"city": "Reykjavík"}', "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1763800000,
        "model": "gpt-5-2025-08-07",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": CHAT_USAGE,
        "service_tier": "default",
        **changes,
    }


def _chunk(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1763800000,
        "model": "gpt-5-2025-08-07",
        "service_tier": "default",
        **changes,
    }


def _choice(content: str | None, finish_reason: str | None = None) -> list[dict[str, Any]]:
    delta = {} if content is None else {"content": content}
    return [{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}]


def chat_stream(*, with_usage: bool, words: tuple[str, ...] = ("Über", " den", " Wolken", " 🌤")) -> str:
    """Return the events of a chat completion, as the provider sends them with or without `include_usage`."""
    usage = {"usage": None} if with_usage else {}
    chunks = [_chunk(choices=_choice(word), **usage) for word in words]
    chunks.append(_chunk(choices=_choice(None, "stop"), **usage))
    if with_usage:
        chunks.append(_chunk(choices=[], usage=CHAT_USAGE))
    return "".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def response(**changes: Any) -> dict[str, Any]:
    """Return a Response that has searched the web twice."""
    text = {"type": "output_text", "text": "Yes.", "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1763800000,
        "status": "completed",
        "model": "gpt-5-2025-08-07",
        "service_tier": "flex",
        "output": [
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "web_search_call", "id": "ws_2", "status": "completed"},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]},
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 900,
            "input_tokens_details": {"cached_tokens": 512},
            "output_tokens": 77,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 977,
        },
        **changes,
    }


def response_stream() -> str:
    """Return the events of a streamed Response."""
    begun = response(status="in_progress", usage=None, output=[])
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": begun, "sequence_number": 0},
        {**delta, "delta": "Yes.", "logprobs": [], "sequence_number": 1},
        {"type": "response.completed", "response": response(), "sequence_number": 2},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def embeddings(dimensions: int = 8, **changes: Any) -> dict[str, Any]:
    """Return a list of one embedding; `usage` stands behind the numbers, as it does on the wire."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.25] * dimensions}]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage, **changes}


def message(**changes: Any) -> dict[str, Any]:
    """Return a Message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGE_USAGE,
        **changes,
    }


def message_stream(*, until: str = "message_stop") -> str:
    """Return the events of a streamed Message; the input grows behind `message_start`, as a web search makes it.

    Args:
        until: The last event that is sent.
    """
    begun = message(content=[], stop_reason=None, usage={**MESSAGE_USAGE, "input_tokens": 10, "output_tokens": 1})
    told = {"input_tokens": 20, "output_tokens": 50, "server_tool_use": {"web_search_requests": 1}}
    block = {"type": "content_block_delta", "index": 0}
    events = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {**block, "delta": {"type": "text_delta", "text": "Über"}},
        {**block, "delta": {"type": "text_delta", "text": " den Wolken"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": told},
        {"type": "message_stop"},
    ]
    names = [event["type"] for event in events]
    sent = events[: len(names) - names[::-1].index(until)]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in sent)
