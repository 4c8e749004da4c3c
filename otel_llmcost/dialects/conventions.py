"""Spans of any other scope that speak the conventions' words: other languages, frameworks, gateways, applications.

Nothing is known of what their input holds, so the counts decide, or else the conventions do, and that is written down.
OpenInference's words are understood in any scope, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.dialects import genai, openinference

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "conventions"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of an unknown scope tells of."""
    if openinference.KIND in telling.attributes:
        return openinference.read(telling)
    return genai.read(telling, NAME)
