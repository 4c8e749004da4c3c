"""The Gemini API: Google's format, and OpenAI's under `/openai`.

Source: Gemini API docs, "OpenAI compatibility"; checked 2026-11-22 against recorded exchanges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import google, google_as_openai, interactions, openai

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Reading


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape: Google's or OpenAI's."""
    return (
        openai.read_any(body, google_as_openai.ACCENT)
        if "choices" in body or "object" in body
        else google.read_any(body)
    )


SURFACES: Final = google.SURFACES | interactions.SURFACES | openai.surfaces(google_as_openai.ACCENT)
"""How each path of the API is read, by its ending."""
