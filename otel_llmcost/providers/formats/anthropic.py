"""Anthropic's wire format, which Bedrock, Vertex and Azure pass through: input without its cached parts.

`input_tokens` counts only what was neither read from nor written to a cache; the whole is the sum of the three.
A cache write without a split by lifetime lives five minutes. Thinking is a part of the output. In a stream
`message_start` tells the input and `message_delta` the running totals, the last of which holds for everything it names.

A call may sample more than once (`iterations`). What the serving model sampled for the answer is in the totals. What it
sampled to compact the context is not, and is billed with them. What other models sampled, an advisor or one that
declined before a fallback, is billed at their own rates; no count here holds it.
Source: Anthropic Messages API reference, objects Usage and BetaIterationsUsage, "Streaming messages", "Compaction",
"Advisor tool" and "Refusals and fallback"; checked 2026-11-22, the totals against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.reading import (
    Reading,
    Surface,
    count,
    error_in,
    first_error,
    known,
    objects,
    section,
    usage_or_fault,
    word,
)
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


COUNTS: Final = ("input_tokens", "output_tokens")
"""A usage object names at least one of these."""


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a `usage` object of a message.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    known(usage, *COUNTS)
    split = section(usage, "cache_creation")
    for_an_hour = count(split, "ephemeral_1h_input_tokens")
    written = max(count(usage, "cache_creation_input_tokens"), for_an_hour + count(split, "ephemeral_5m_input_tokens"))
    cache_read = count(usage, "cache_read_input_tokens")
    return Usage(
        input_tokens=count(usage, "input_tokens") + cache_read + written,
        cache_read_tokens=cache_read,
        cache_write_5m_tokens=written - for_an_hour,
        cache_write_1h_tokens=for_an_hour,
        output_tokens=count(usage, "output_tokens"),
        reasoning_tokens=count(section(usage, "output_tokens_details"), "thinking_tokens"),
        web_search=count(section(usage, "server_tool_use"), "web_search_requests"),
    )


def read_billed(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a `usage` object, those of compactions included.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    compactions = (each for each in objects(usage, "iterations") if word(each, "type") == "compaction")
    return sum(map(read_usage, compactions), start=read_usage(usage))


def read_message(body: Mapping[str, Any]) -> Reading:
    """Return what a Message tells."""
    usage, fault = usage_or_fault(read_usage, body.get("usage"))
    told = section(body, "usage")
    geo = word(told, "inference_geo")
    model, billed, is_partial = word(body, "model"), None, False
    if told and (iterations := objects(told, "iterations")):
        billed, other_fault = usage_or_fault(read_billed, told)
        fault = fault or other_fault
        sampled = [(word(each, "type"), word(each, "model")) for each in iterations]
        fallback = dict(sampled).get("fallback_message")
        model = fallback or model  # a stream begins with the one that was asked
        others = ("advisor_message", "message") if fallback else ("advisor_message",)
        is_partial = any(kind in others and by not in ("", model) for kind, by in sampled)
    return Reading(
        model=model,
        response_id=word(body, "id"),
        usage=None if fault else usage,
        billed=None if fault or billed == usage else billed,
        service_tier=word(told, "service_tier"),
        speed=word(told, "speed"),
        region="" if geo == "not_available" else geo,
        finish_reason=word(body, "stop_reason"),
        tool_call_count=sum(word(block, "type") == "tool_use" for block in objects(body, "content")),
        error_type=error_in(body),
        fault=fault,
        is_partial=is_partial,
    )


def fold_message(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed message tell, cut short or complete."""
    message: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    blocks: list[Any] = []
    for event in events:
        begun = section(event, "message")
        message |= _told(begun) | _told(section(event, "delta"))
        usage |= _told(section(begun, "usage")) | _told(section(event, "usage"))
        if block := section(event, "content_block"):
            blocks.append(block)
            if word(block, "type") == "fallback":
                message |= _told(section(block, "to"))
    reading = read_message(message | {"usage": usage or None, "content": blocks})
    return replace(reading, error_type=first_error(events))


def read_batch_line(line: Mapping[str, Any]) -> Reading:
    """Return what a line of a message batch's results tells; only one that succeeded has a message and a price."""
    result = section(line, "result")
    if message := section(result, "message"):
        return read_message(message)
    kind = word(result, "type")
    return Reading(error_type=error_in(section(result, "error") or {}) or kind)


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: a message, a line of a batch's results, or a usage object alone."""
    if "result" in body:
        return read_batch_line(body)
    is_bare = "usage" not in body and any(key in body for key in COUNTS)
    return read_message({"usage": body} if is_bare else body)


def _told(of: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what an event says, without its nulls: they do not take back what an earlier event said."""
    return {key: value for key, value in (of or {}).items() if value is not None}


MESSAGES: Final = Surface(
    operation="chat",
    read=read_message,
    fold=fold_message,
    marks=(b'"message_start"', b'"message_delta"', b'"content_block_start"', b'"error"'),
    last=(b'"stop_reason":"', b'"stop_reason": "'),
)
"""How an answer of the Messages API is read."""
