"""The wire format of Anthropic's Messages API: what a request asks, and how an answer to it reads.

Here `input_tokens` counts only what was neither read from the cache nor written to it. A stream tells its usage
twice: the input at the start, everything at the end, cumulative.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from otel_llmcost.demo.openai_wire import BASE62, HEX, identifier, spoken_in
from otel_llmcost.demo.pretend import Completion, Piece, Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    Event = tuple[str, str]

_ERRORS = {
    429: ("rate_limit_error", "This request would exceed your rate limit"),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def headers(random: Random) -> dict[str, str]:
    """Return what Anthropic sends beside an answer."""
    return {
        "request-id": identifier(random, "req_011C", 20, BASE62),
        "anthropic-organization-id": "00000000-0000-4000-8000-00000000de30",
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": str(random.randrange(3000, 4000)),
        "cf-ray": identifier(random, "", 16, HEX) + "-FRA",
        "via": "1.1 google",
        "server": "cloudflare",
    }


def error_body(status: int) -> dict[str, Any]:
    """Return the body of an error."""
    kind, message = _ERRORS[status]
    return {"type": "error", "error": {"type": kind, "message": message}}


def read_messages(body: dict[str, Any]) -> Prompt:
    """Return what a message asks, with its cache marks."""
    blocks = [*(body.get("tools") or []), *_blocks(body.get("system"))]
    for message in body["messages"]:
        blocks += _blocks(message.get("content"))
    return Prompt(
        provider="anthropic",
        model=body["model"],
        pieces=tuple(_piece(block) for block in blocks),
        max_output_tokens=body["max_tokens"],
        is_stream=bool(body.get("stream")),
        includes_usage=True,
        may_search=any(str(tool.get("type", "")).startswith("web_search") for tool in body.get("tools") or []),
    )


def messages_usage(done: Completion) -> dict[str, Any]:
    """Return the final usage of a message."""
    usage: dict[str, Any] = _input_usage(done)
    usage |= {"output_tokens": done.output_tokens, "service_tier": done.service_tier, "inference_geo": "not_available"}
    return usage | _server_tools(done)


def messages_body(_body: dict[str, Any], done: Completion, random: Random, _now: int) -> dict[str, Any]:
    """Return a message."""
    return {**_message(done, random), "content": _content(done, random), "stop_reason": _stop(done)} | {
        "usage": messages_usage(done)
    }


def messages_events(_body: dict[str, Any], done: Completion, random: Random, _now: int) -> Iterator[Event]:
    """Yield the events of a streamed message."""
    first = {**_input_usage(done), "output_tokens": 1, "service_tier": done.service_tier}
    first["inference_geo"] = "not_available"
    yield _event("message_start", message={**_message(done, random), "usage": first})
    for index, block in enumerate(_content(done, random)):
        begun, deltas = _begun(block)
        yield _event("content_block_start", index=index, content_block=begun)
        if index == 0:
            yield "ping", '{"type": "ping"}'
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    inside = _input_usage(done)
    del inside["cache_creation"]
    last = {**inside, "output_tokens": done.output_tokens, **_server_tools(done)}
    delta = {"stop_reason": _stop(done), "stop_sequence": None, "stop_details": None}
    yield _event("message_delta", delta=delta, usage=last)
    yield _event("message_stop")


def _input_usage(done: Completion) -> dict[str, Any]:
    written = done.cache_write_5m_tokens + done.cache_write_1h_tokens
    return {
        "input_tokens": done.input_tokens - done.cache_read_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": done.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": done.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": done.cache_write_1h_tokens,
        },
    }


def _server_tools(done: Completion) -> dict[str, Any]:
    if not done.web_searches:
        return {}
    return {"server_tool_use": {"web_search_requests": len(done.web_searches), "web_fetch_requests": 0}}


def _message(done: Completion, random: Random) -> dict[str, Any]:
    return {
        "model": done.model,
        "id": identifier(random, "msg_01", 22, BASE62),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _content(done: Completion, random: Random) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for query in done.web_searches:
        use_id = identifier(random, "srvtoolu_01", 22, BASE62)
        found = {"type": "web_search_result", "title": query.title(), "url": "https://example.com/status"}
        found |= {"encrypted_content": identifier(random, "E", 60, BASE62), "page_age": ""}
        use = {"type": "server_tool_use", "id": use_id, "name": "web_search", "input": {"query": query}}
        blocks += [use, {"type": "web_search_tool_result", "tool_use_id": use_id, "content": [found]}]
    return [*blocks, {"type": "text", "text": done.text}]


def _begun(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a content block as a stream starts it, and the deltas that complete it."""
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": said} for said in spoken_in(block["text"])]
    if block["type"] == "server_tool_use":
        pieces = ["", json.dumps(block["input"])]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block, []


def _blocks(content: object) -> list[dict[str, Any]]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _piece(block: dict[str, Any]) -> Piece:
    mark = block.get("cache_control") or {}
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    text = str(block["text"]) if block.get("type") == "text" else json.dumps(bare)
    return Piece(text=text, cache_ttl=str(mark.get("ttl") or "5m") if mark else "")


def _stop(done: Completion) -> str:
    return "max_tokens" if done.is_cut else "end_turn"


def _event(kind: str, **content: Any) -> Event:
    return kind, json.dumps({"type": kind, **content}, separators=(",", ":"))
