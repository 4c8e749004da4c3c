"""The Gemini API: Google's format, and OpenAI's under `/openai`.

In OpenAI's format the thinking is missing from `completion_tokens`, but in `total_tokens`; the output is the rest.
Source: Gemini API docs, "OpenAI compatibility"; checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import google, interactions, openai
from otel_llmcost.providers.reading import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Reading
    from otel_llmcost.usage import Usage


def read_compatible_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object in OpenAI's format.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = openai.read_usage(usage)
    thoughts = max(count(usage, "total_tokens") - read.input_tokens - read.output_tokens, 0)
    return replace(
        read, output_tokens=read.output_tokens + thoughts, reasoning_tokens=max(read.reasoning_tokens, thoughts)
    )


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: Google's or OpenAI's."""
    return openai.read_any(body, _ACCENT) if "choices" in body or "object" in body else google.read_any(body)


_ACCENT: Final = openai.Accent(usage=read_compatible_usage)

SURFACES: Final = google.SURFACES | interactions.SURFACES | openai.surfaces(_ACCENT)
"""How each path of the API is read, by its ending."""
