"""Hosts that speak OpenAI's format and of which nothing else is known; Together and Cerebras among them.

Some tell the cached tokens on the usage object itself, as `cached_tokens` (Together, Moonshot), instead of among the
details of the prompt. Moonshot ends a stream that was not asked for its usage with a choice that has it.
Source: Together API reference, "Create chat completion"; Cerebras Inference API reference, "Chat completions";
checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import Surface, count, objects

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


def _usage_in(answer: Mapping[str, Any]) -> object:
    return answer.get("usage") or next(
        (told for each in objects(answer, "choices") if (told := each.get("usage"))), None
    )


_ACCENT: Final = openai.Accent(usage=read_usage, usage_in=_usage_in)

SURFACES: Final = openai.surfaces(_ACCENT) | {
    "/rerank": Surface(operation="rerank", read=partial(openai.read_embeddings, accent=_ACCENT))
}
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
