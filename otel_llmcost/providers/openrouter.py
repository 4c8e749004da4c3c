"""OpenRouter: OpenAI's format for everybody's models, normalised, with the cost of every call.

`usage.cost` is what OpenRouter charges, searches and other server tools included, in credits of a dollar. Searches
stand in `server_tool_use_details`; what they cost depends on who searched, so that its cost is then the price. With a
key of one's own for the provider behind (`is_byok`) that is OpenRouter's fee only, and what the provider charges,
`cost_details.upstream_inference_cost`, comes on top.
Source: OpenRouter docs, "Usage accounting"; checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.money import PicoUSD
from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import cost, section, whole

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_cost(usage: Mapping[str, Any]) -> PicoUSD | None:
    """Return what the call cost its owner; None where OpenRouter does not say."""
    charged = cost(usage, "cost")
    if charged is None or usage.get("is_byok") is not True:
        return charged
    behind = cost(section(usage, "cost_details"), "upstream_inference_cost")
    return PicoUSD(charged + (behind or 0))


def read_tools(usage: Mapping[str, Any]) -> Mapping[str, int]:
    """Return the tools that OpenRouter ran; none where it does not say."""
    told = section(usage, "server_tool_use_details", "server_tool_use")
    return {"web_search": searches} if (searches := whole(told, "web_search_requests")) else {}


_ACCENT: Final = openai.Accent(cost=read_cost, tools=read_tools)

SURFACES: Final = openai.surfaces(_ACCENT)
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
