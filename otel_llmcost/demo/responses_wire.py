"""The wire format of OpenAI's Responses API: reasoning, web searches and a message, whole or as events."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

from otel_llmcost.demo.openai_wire import identifier, spoken_in, text_of
from otel_llmcost.demo.pretend import UNLIMITED_TOKENS, Completion, Piece, Prompt, bills_cache_writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    Event = tuple[str, str]
    Emit = Callable[..., Event]

_SEARCH_TOOLS = ("web_search", "web_search_preview")


def read_responses(body: dict[str, Any]) -> Prompt:
    """Return what a response is to be made to."""
    given = body["input"] if isinstance(body["input"], list) else [{"content": body["input"]}]
    tools = body.get("tools") or []
    texts = [body.get("instructions") or "", *map(json.dumps, tools), *(text_of(each.get("content")) for each in given)]
    return Prompt(
        provider="openai",
        model=body["model"],
        pieces=tuple(Piece(text=text) for text in texts if text),
        max_output_tokens=body.get("max_output_tokens") or UNLIMITED_TOKENS,
        is_stream=bool(body.get("stream")),
        includes_usage=True,
        wants_json=((body.get("text") or {}).get("format") or {}).get("type") in ("json_object", "json_schema"),
        may_search=any(str(tool.get("type", "")) in _SEARCH_TOOLS for tool in tools),
        service_tier=body.get("service_tier") or "",
    )


def responses_usage(done: Completion) -> dict[str, Any]:
    """Return the usage of a response. Web searches are not in it: they are counted from the output."""
    inside = {"cached_tokens": done.cache_read_tokens}
    if bills_cache_writes(done.model):
        inside["cache_write_tokens"] = done.cache_write_5m_tokens
    return {
        "input_tokens": done.input_tokens,
        "input_tokens_details": inside,
        "output_tokens": done.output_tokens,
        "output_tokens_details": {"reasoning_tokens": done.reasoning_tokens},
        "total_tokens": done.input_tokens + done.output_tokens,
    }


def responses_body(body: dict[str, Any], done: Completion, random: Random, now: int) -> dict[str, Any]:
    """Return a completed response."""
    return _completed(_frame(body, done, random, now), _items(done, random), done)


def responses_events(body: dict[str, Any], done: Completion, random: Random, now: int) -> Iterator[Event]:
    """Yield the events of a streamed response; the last one is the whole response, usage included."""
    numbers = count()

    def emit(kind: str, **content: Any) -> Event:
        told = {"type": kind, **content, "sequence_number": next(numbers)}
        return kind, json.dumps(told, separators=(",", ":"))

    frame = _frame(body, done, random, now)
    items = _items(done, random)
    yield emit("response.created", response=frame)
    yield emit("response.in_progress", response=frame)
    for index, item in enumerate(items):
        yield from _item_events(index, item, random, emit)
    yield emit("response.incomplete" if done.is_cut else "response.completed", response=_completed(frame, items, done))


def _item_events(index: int, item: dict[str, Any], random: Random, emit: Emit) -> Iterator[Event]:
    kind, at = item["type"], {"item_id": item["id"], "output_index": index}
    begun: dict[str, Any] = {name: item[name] for name in ("id", "type", "summary", "role") if name in item}
    begun |= {} if kind == "reasoning" else {"status": "in_progress"}
    begun |= {"content": []} if kind == "message" else {}
    yield emit("response.output_item.added", item=begun, output_index=index)
    if kind == "web_search_call":
        for step in ("in_progress", "searching", "completed"):
            yield emit(f"response.web_search_call.{step}", **at)
    if kind == "message":
        yield from _text_events(item["content"][0], {**at, "content_index": 0}, random, emit)
    yield emit("response.output_item.done", item=item, output_index=index)


def _text_events(part: dict[str, Any], at: dict[str, Any], random: Random, emit: Emit) -> Iterator[Event]:
    yield emit("response.content_part.added", **at, part={**part, "text": ""})
    for said in spoken_in(part["text"]):
        noise = identifier(random, "", random.randrange(2, 14))
        yield emit("response.output_text.delta", **at, delta=said, logprobs=[], obfuscation=noise)
    yield emit("response.output_text.done", **at, text=part["text"], logprobs=[])
    yield emit("response.content_part.done", **at, part=part)


def _items(done: Completion, random: Random) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if done.reasoning_tokens:
        items.append({"id": identifier(random, "rs_", 50), "type": "reasoning", "summary": []})
    for query in done.web_searches:
        action = {"type": "search", "queries": [query], "query": query}
        call = {"id": identifier(random, "ws_", 50), "type": "web_search_call", "status": "completed"}
        items.append({**call, "action": action})
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": done.text}
    message = {"id": identifier(random, "msg_", 50), "type": "message", "status": "completed"}
    items.append({**message, "content": [part], "role": "assistant"})
    return items


def _frame(body: dict[str, Any], done: Completion, random: Random, now: int) -> dict[str, Any]:
    """Return the response as it stands before anything was said."""
    return {
        "id": identifier(random, "resp_", 50),
        "object": "response",
        "created_at": now,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": done.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": None,
        "reasoning": {"effort": "medium" if done.reasoning_tokens else None, "summary": None},
        "safety_identifier": None,
        "service_tier": body.get("service_tier") or "auto",
        "store": True,
        "temperature": 1.0,
        "text": body.get("text") or {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def _completed(frame: dict[str, Any], items: list[dict[str, Any]], done: Completion) -> dict[str, Any]:
    said = {"status": "completed", "completed_at": frame["created_at"] + 1, "output": items}
    if done.is_cut:
        said |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return frame | said | {"service_tier": done.service_tier, "usage": responses_usage(done)}
