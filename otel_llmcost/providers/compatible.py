"""Hosts that speak OpenAI's format and of which nothing else is known; Together and Cerebras among them.

Some tell the cached tokens on the usage object itself, as `cached_tokens` (Together, Moonshot), instead of among the
details of the prompt.
Source: Together API reference, "Create chat completion"; Cerebras Inference API reference, "Chat completions";
checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import Surface, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.usage import Usage


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = openai.read_usage(usage)
    return replace(read, cache_read_tokens=read.cache_read_tokens or count(usage, "cached_tokens"))


_ACCENT: Final = openai.Accent(usage=read_usage)

SURFACES: Final = openai.surfaces(_ACCENT) | {
    "/rerank": Surface(operation="rerank", read=partial(openai.read_embeddings, accent=_ACCENT))
}
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
