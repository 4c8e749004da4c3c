"""Anthropic's wire format: input without its cached parts, which stand beside it.

`input_tokens` counts only what was neither read from nor written to a cache; the whole is the sum of the three.
A cache write without a split by lifetime lives five minutes. In a stream `message_start` tells the input and
`message_delta` the running totals, the last of which holds for everything it names.
Source: Anthropic Messages API reference, object Usage and "Streaming messages"; checked 2026-11-22 against recorded
exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.reading import Reading, Surface, count, error_in, objects, section, usage_or_fault, word
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a `usage` object of a message.

    Raises:
        InvalidUsageError: A count is no number.
    """
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


def read_message(body: Mapping[str, Any]) -> Reading:
    """Return what a Message tells."""
    told = section(body, "usage")
    usage, fault = usage_or_fault(read_usage, told)
    geo = word(told or {}, "inference_geo")
    return Reading(
        model=word(body, "model"),
        response_id=word(body, "id"),
        usage=usage,
        service_tier=word(told or {}, "service_tier"),
        speed=word(told or {}, "speed"),
        region="" if geo == "not_available" else geo,
        finish_reason=word(body, "stop_reason"),
        tool_call_count=sum(word(block, "type") == "tool_use" for block in objects(body, "content")),
        fault=fault,
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
        blocks.append(section(event, "content_block"))
    reading = read_message(message | {"usage": usage or None, "content": blocks})
    return replace(reading, error_type=next(filter(None, map(error_in, events)), ""))


def _told(of: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what an event says, without its nulls: they do not take back what an earlier event said."""
    return {key: value for key, value in (of or {}).items() if value is not None}


SURFACES: Final = {
    "/v1/messages": Surface(
        operation="chat",
        read=read_message,
        fold=fold_message,
        marks=(b'"message_start"', b'"message_delta"', b'"tool_use"', b'"error"'),
    )
}
"""How each path of the API is read."""
