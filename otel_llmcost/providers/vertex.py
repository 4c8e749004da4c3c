"""Vertex AI: Google's format for Gemini, each publisher's own under `rawPredict`, and `predict` for the older models.

Claude answers as at Anthropic, Mistral and Llama as at OpenAI, all models of `endpoints/openapi` as Google speaks
OpenAI's format. `predict` tells the tokens of an embedding with each
prediction; generated images are counted.
Source: Vertex AI API reference, methods `generateContent`, `rawPredict` and `predict`; checked 2026-11-22 against
recorded exchanges of the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import anthropic, google, google_as_openai, interactions, openai
from otel_llmcost.providers.reading import Reading, Surface, section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_raw(body: Mapping[str, Any]) -> Reading:
    """Return what the answer of a publisher's own API tells."""
    return openai.read_chat(body) if "choices" in body else anthropic.read_message(body)


def fold_raw(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a publisher's own API tell."""
    is_openai = any("choices" in event for event in events)
    return openai.fold_chat(events) if is_openai else anthropic.fold_message(events)


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape."""
    if "predictions" in body:
        return google.read_predictions(body)
    if "choices" in body:
        return openai.read_chat(body, google_as_openai.ACCENT)
    if any(key in (section(body, "usage") or body) for key in anthropic.COUNTS):
        return anthropic.read_any(body)
    return google.read_any(body)


_RAW: Final = Surface(operation="chat", read=read_raw, fold=fold_raw, marks=(*anthropic.MESSAGES.marks, b'"choices"'))

SURFACES: Final = (
    google.SURFACES
    | interactions.SURFACES
    | openai.surfaces(google_as_openai.ACCENT)
    | {
        ":rawPredict": _RAW,
        ":streamRawPredict": _RAW,
    }
)
"""How each path of the API is read, by its ending."""
