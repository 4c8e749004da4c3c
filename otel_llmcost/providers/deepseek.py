"""DeepSeek: OpenAI's format, with the cache told as hits and misses that sum to the prompt.

`prompt_cache_hit_tokens` is what `prompt_tokens_details.cached_tokens` says elsewhere; older answers have only the
first. Reasoning is a part of `completion_tokens`.
Source: DeepSeek API docs, "Create Chat Completion" and "Context Caching"; checked 2026-11-22 against recorded
exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.usage import Usage


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    hit, miss = count(usage, "prompt_cache_hit_tokens"), count(usage, "prompt_cache_miss_tokens")
    whole = {"prompt_tokens": hit + miss, **usage} if hit or miss else usage
    read = openai.read_usage(whole)
    return replace(read, cache_read_tokens=hit or read.cache_read_tokens)


_ACCENT: Final = openai.Accent(usage=read_usage)

SURFACES: Final = openai.surfaces(_ACCENT)
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
