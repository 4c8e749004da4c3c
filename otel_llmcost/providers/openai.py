"""OpenAI's own API: chat, completions, responses, embeddings, decisions; images, audio, sessions and batches.

Decisions have prices of their own for the same models. A Live session is sold by the second, "covering both input and
output audio", and told as running totals; what it delegates are responses and decisions like any other. In chat only
models made for it search the web, and they do so for each answer, at a fee that no count tells.
Source: OpenAI API reference, objects "Realtime server events" and "Batch output"; OpenAI docs, "Web search" and
"Pricing"; checked 2026-11-22, the first two against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.formats.media import (
    MEDIA_SURFACES,
    fold_images,
    fold_speech,
    fold_transcription,
    read_images,
    read_transcription,
)
from otel_llmcost.providers.formats.openai import (
    fold_responses,
    read_embeddings,
    read_responses,
    read_usage,
)
from otel_llmcost.providers.reading import Reading, Surface, error_in, section, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DECISIONS",
    "MEDIA_SURFACES",
    "SURFACES",
    "fold_chat",
    "fold_images",
    "fold_responses",
    "fold_speech",
    "fold_transcription",
    "read_any",
    "read_batch_line",
    "read_chat",
    "read_embeddings",
    "read_images",
    "read_live_event",
    "read_realtime_event",
    "read_responses",
    "read_transcription",
    "read_usage",
]


def read_chat(body: Mapping[str, Any]) -> Reading:
    """Return what a ChatCompletion, or a Completion of the older API, tells."""
    return _with_search(openai.read_chat(body))


def fold_chat(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the chunks of a chat completion tell."""
    return _with_search(openai.fold_chat(events))


def _with_search(reading: Reading) -> Reading:
    """Return a reading with the search that is billed of a model that searches for each answer."""
    if reading.usage is None or not any(name in reading.model for name in _SEARCHING):
        return reading
    return replace(reading, billed=replace(reading.usage, web_search=1))


def read_realtime_event(event: Mapping[str, Any]) -> Reading:
    """Return what a server event of a realtime session tells.

    `response.done` carries a response and its usage; a finished transcription of the input carries a usage of its own,
    at the price of the transcribing model. No event names the model: the session does.
    """
    if response := section(event, "response"):
        return read_responses(response)
    return read_transcription(event)


def read_live_event(event: Mapping[str, Any]) -> Reading:
    """Return what an event of a Live session tells of all of it: its audio up to now, and which model it is, or none.

    The session has the same id in all of them.
    """
    session = section(event, "session")
    return replace(read_transcription(event), model=word(session, "model"), response_id=word(session, "id"))


def read_batch_line(line: Mapping[str, Any]) -> Reading:
    """Return what a line of a batch's output or error file tells. Nothing in it says that it cost half."""
    outer = section(line, "response")
    reading = read_any(section(outer, "body") or {})
    return replace(reading, error_type=reading.error_type or error_in(line))


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of any of the calls here tells, by its shape, or its usage object alone."""
    told = section(body, "usage") or body
    if "seconds" in told:
        return read_transcription(body if "usage" in body else {"usage": body})
    if "usage" not in body and "created" in body and "data" in body and "object" not in body:
        return read_images(body)
    return _with_search(openai.read_any(body))


_SEARCHING: Final = ("-search-preview", "-search-api")
"""What the names of such models have in them."""

_SURFACES: Final = openai.surfaces()

DECISIONS: Final = Surface(operation="chat", read=read_embeddings, sold_as="openai-decisions")
"""How a decision is read: a model and a usage, as of embeddings."""

SURFACES: Final = _SURFACES | {
    "/chat/completions": replace(_SURFACES["/chat/completions"], read=read_chat, fold=fold_chat),
    "/decisions": DECISIONS,
}
"""How each path of the API is read, by its ending."""
