"""Groq: OpenAI's format, with the usage of a stream under `x_groq`.

The last chunk of a stream tells the usage under `x_groq.usage`, whether it was asked for or not; newer models tell it
under `usage` as well.
Source: Groq API reference, "Create chat completion"; checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import section

if TYPE_CHECKING:
    from collections.abc import Mapping


def _usage_in(answer: Mapping[str, Any]) -> object:
    return answer.get("usage") or (section(answer, "x_groq") or {}).get("usage")


_ACCENT: Final = openai.Accent(usage_in=_usage_in)

SURFACES: Final = openai.surfaces(_ACCENT)
"""How each path of the API is read, by its ending."""

read_any: Final = partial(openai.read_any, accent=_ACCENT)
"""Reads an answer by its shape."""
