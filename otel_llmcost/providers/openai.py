"""OpenAI's own API: chat, completions, responses, embeddings; images, audio, realtime events and batches.

Source: OpenAI API reference, objects "Realtime server events" and "Batch output"; checked 2026-11-22 against recorded
exchanges.
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
    fold_chat,
    fold_responses,
    read_chat,
    read_embeddings,
    read_responses,
    read_usage,
)
from otel_llmcost.providers.reading import Reading, error_in, section

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
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
    "read_realtime_event",
    "read_responses",
    "read_transcription",
    "read_usage",
]


def read_realtime_event(event: Mapping[str, Any]) -> Reading:
    """Return what a server event of a realtime session tells.

    `response.done` carries a response and its usage; a finished transcription of the input carries a usage of its own,
    at the price of the transcribing model. No event names the model: the session does.
    """
    if response := section(event, "response"):
        return read_responses(response)
    return read_transcription(event)


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
    return openai.read_any(body)


SURFACES: Final = openai.surfaces()
"""How each path of the API is read, by its ending."""
