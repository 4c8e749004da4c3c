"""Perplexity: OpenAI's format, with reasoning outside the completion, a fee for each request or each search, and costs.

`sonar-deep-research` counts `num_search_queries` and is billed by them; the other models are billed by the request.
`cost.total_cost` is what the call cost. `citation_tokens`, which only deep research bills, have no meter yet.
Source: Perplexity API docs, "Chat completions" and "Pricing"; not checked against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import cost, count, section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.money import PicoUSD
    from otel_llmcost.usage import Usage


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = openai.read_usage(usage)
    outside = count(usage, "reasoning_tokens")
    searches = count(usage, "num_search_queries")
    return replace(
        read,
        output_tokens=read.output_tokens + outside,
        reasoning_tokens=read.reasoning_tokens + outside,
        web_search=searches,
        request=0 if searches else 1,
    )


def read_cost(usage: Mapping[str, Any]) -> PicoUSD | None:
    """Return what Perplexity says that the call cost; None where it does not say."""
    return cost(section(usage, "cost"), "total_cost")


_ACCENT: Final = openai.Accent(usage=read_usage, cost=read_cost)

SURFACES: Final = openai.surfaces(_ACCENT)
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
