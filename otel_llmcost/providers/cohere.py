"""Cohere: two counts of the same call, of which one is what was processed and the other what is billed.

`tokens` are all tokens of the prompt as the model saw it, templates and tools included; `billed_units` are the ones on
the invoice, often fewer. Reranking is billed in search units (a query with up to 100 documents), here requests, and
parsing in pages. Both stand in `usage` (v2 chat), in `meta` (v1, embeddings, reranking, parsing) or in the last event
of a stream.
Source: Cohere API reference, objects Usage and ApiMeta; "How does Cohere's pricing work?"; checked 2026-11-22 against
recorded exchanges; of parsing the types of its SDK 7.3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.reading import (
    Reading,
    Surface,
    count,
    error_in,
    known,
    objects,
    section,
    usage_or_fault,
    word,
)
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNITS: Final = (
    "input_tokens", "output_tokens", "search_units", "classifications", "images", "image_tokens", "pages",
)  # fmt: skip


def read_billed(units: Mapping[str, Any]) -> Usage:
    """Return the counts of a `billed_units` object.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    known(units, *_UNITS)
    images = count(units, "image_tokens")
    return Usage(
        input_tokens=count(units, "input_tokens") + images,
        input_image_tokens=images,
        output_tokens=count(units, "output_tokens"),
        request=count(units, "search_units"),
        page=count(units, "pages"),
    )


def read_tokens(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of the `tokens` of a usage, and of its `cached_tokens`.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    tokens = section(usage, "tokens") or {}
    known(tokens, "input_tokens", "output_tokens")
    return Usage(
        input_tokens=count(tokens, "input_tokens"),
        cache_read_tokens=count(usage, "cached_tokens"),
        output_tokens=count(tokens, "output_tokens"),
    )


def read_answer(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of any call tells. No answer names its model."""
    told, meta = body.get("usage"), section(body, "meta")
    # v1 tells cached tokens too, but of a count that it does not bill; they are not taken for a part of the input.
    source = told if told is not None else {key: value for key, value in (meta or {}).items() if key != "cached_tokens"}
    if not isinstance(source, dict):
        return Reading(fault="the usage is not an object")
    billed, fault = usage_or_fault(read_billed, source.get("billed_units"))
    usage, other_fault = usage_or_fault(read_tokens, source if section(source, "tokens") else None)
    calls = objects(section(body, "message"), "tool_calls") or objects(body, "tool_calls")
    return Reading(
        response_id=word(body, "id") or word(body, "response_id"),
        usage=None if fault or other_fault else usage or billed,
        billed=None if fault or usage is None or billed == usage else billed,
        finish_reason=word(body, "finish_reason"),
        tool_call_count=len(calls),
        error_type=error_in(body),
        fault=fault or other_fault,
    )


def fold_answer(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed chat tell: `message-end` (v2) or `stream-end` (v1) has the usage."""
    whole: dict[str, Any] = {}
    calls: list[Mapping[str, Any]] = []
    for event in events:
        kind = word(event, "type") or word(event, "event_type")
        if kind == "message-start":
            whole["id"] = word(event, "id")
        elif kind == "message-end":
            whole |= section(event, "delta") or {}
        elif kind == "stream-end":
            whole |= section(event, "response") or {}
        elif kind == "tool-call-start":
            calls.append(event)
    return read_answer(whole | ({"tool_calls": calls} if calls else {}))


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: an answer, its usage alone, or the billed units of it."""
    if "billed_units" in body or "tokens" in body:
        return read_answer({"usage": body})
    is_bare = not {"usage", "meta"} & body.keys() and any(key in body for key in _UNITS)
    return read_answer({"usage": {"billed_units": body}} if is_bare else body)


_CHAT: Final = Surface(
    operation="chat",
    read=read_answer,
    fold=fold_answer,
    marks=(b'"message-start"', b'"message-end"', b'"stream-end"', b'"tool-call-start"'),
    last=(b'"event_type":"stream-end"', b'"event_type": "stream-end"'),
)
_EMBED: Final = Surface(operation="embeddings", read=read_answer)
_RERANK: Final = Surface(operation="rerank", read=read_answer)

SURFACES: Final = {
    "/chat": _CHAT,
    "/generate": _CHAT,
    "/summarize": _CHAT,
    "/parse": Surface(operation="ocr", read=read_answer),
    "/embed": _EMBED,
    "/rerank": _RERANK,
    "/classify": _EMBED,
}
"""How each path of the API is read, by its ending, whatever its version."""
