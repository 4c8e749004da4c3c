"""xAI: OpenAI's format, with reasoning outside the completion in chat, and the exact cost of every call.

"Reasoning token consumption will be counted separately from completion_tokens, but will be counted in the
total_tokens": in chat the output is the sum of both. Responses count as OpenAI does, reasoning inside the output.
`cost_in_usd_ticks` is what was billed, tools included; a tick is 1e-10 USD, which is 100 pico-USD. Which tools ran is
told in `server_side_tool_usage_details`, and no rate is known for them: then that cost is the price.
Source: xAI docs, "Consumption and rate limits" and "Cost tracking"; checked 2026-11-22.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.money import PicoUSD
from otel_llmcost.providers.formats import media, openai
from otel_llmcost.providers.reading import count, section, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Reading
    from otel_llmcost.usage import Usage

_COST: Final = "cost_in_usd_ticks"
_TOOLS: Final = {
    "web_search": ("web_search_calls", "x_search_calls"),
    "file_search": ("file_search_calls", "document_search_calls"),
    "code_session": ("code_interpreter_calls",),
}
"""A count of `Usage` → what is counted there, as xAI calls it."""
_PICO_PER_TICK: Final = 100


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of the usage object of a chat completion.

    A host between xAI and us may have folded the reasoning in already: then prompt and completion make the total.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = openai.read_usage(usage)
    total = count(usage, "total_tokens")
    if total == read.input_tokens + read.output_tokens and read.reasoning_tokens <= read.output_tokens:
        return read
    return replace(read, output_tokens=read.output_tokens + read.reasoning_tokens)


def read_cost(usage: Mapping[str, Any]) -> PicoUSD | None:
    """Return what xAI billed for the call; None where it does not say."""
    try:
        return PicoUSD(count(usage, _COST) * _PICO_PER_TICK) if _COST in usage else None
    except InvalidUsageError:
        return None


def read_tools(usage: Mapping[str, Any]) -> Mapping[str, int]:
    """Return the tools that xAI ran and bills; none where it does not say."""
    told = section(usage, "server_side_tool_usage_details")
    counts = {name: sum(whole(told, call) for call in calls) for name, calls in _TOOLS.items()}
    return {name: count for name, count in counts.items() if count}


def read_images(body: Mapping[str, Any]) -> Reading:
    """Return what a list of images tells; their usage may name what they cost, and no count."""
    told = section(body, "usage") or {}
    if told.keys() == {_COST}:
        body = {**body, "usage": None}
    return replace(media.read_images(body), reported_cost=read_cost(told))


_ACCENT: Final = openai.Accent(usage=read_usage, cost=read_cost, tools=read_tools, bills_pages=True)

_IMAGES: Final = replace(media.MEDIA_SURFACES["/images/generations"], read=read_images)

SURFACES: Final = openai.surfaces(_ACCENT) | {"/images/generations": _IMAGES, "/images/edits": _IMAGES}
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
