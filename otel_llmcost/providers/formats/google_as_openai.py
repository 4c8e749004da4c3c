"""OpenAI's format as Google speaks it, at the Gemini API and at Vertex AI.

In chat the thinking is missing from `completion_tokens`, but in `total_tokens`; the output is the rest. Responses,
which Vertex has for the models of others, hold it. Vertex tells the kind of traffic inside the usage.
Source: Gemini API docs, "OpenAI compatibility"; Vertex AI docs, "OpenAI compatibility"; checked 2026-11-22 against
recorded exchanges of the first, and published answers of the second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import count, section, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.usage import Usage


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object of chat, completions or embeddings.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = openai.read_usage(usage)
    thoughts = max(count(usage, "total_tokens") - read.input_tokens - read.output_tokens, 0)
    return replace(
        read, output_tokens=read.output_tokens + thoughts, reasoning_tokens=max(read.reasoning_tokens, thoughts)
    )


def read_tier(usage: Mapping[str, Any]) -> str:
    """Return the kind of traffic as which Vertex billed the call; empty where it is not told."""
    return word(section(section(usage, "extra_properties"), "google"), "traffic_type")


ACCENT: Final = openai.Accent(usage=read_usage, tier=read_tier)
"""As Google speaks it."""
