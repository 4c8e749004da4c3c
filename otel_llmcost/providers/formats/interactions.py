"""Google's Interactions API: the counts of `usageMetadata` under other names, thinking beside the output as there.

Decisions tell theirs likewise, and nothing else of themselves.
Source: Gemini API reference, "Interactions", object Usage; "Decisions" and the types of google-genai 3.4.0; checked
2026-11-23.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import google
from otel_llmcost.providers.reading import (
    Reading,
    Surface,
    count,
    error_in,
    first_error,
    objects,
    section,
    usage_or_fault,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.usage import Usage

_COUNTS: Final = {
    "promptTokenCount": "total_input_tokens",
    "cachedContentTokenCount": "total_cached_tokens",
    "candidatesTokenCount": "total_output_tokens",
    "thoughtsTokenCount": "total_thought_tokens",
    "toolUsePromptTokenCount": "total_tool_use_tokens",
}
_SPLITS: Final = {
    "promptTokensDetails": "input_tokens_by_modality",
    "cacheTokensDetails": "cached_tokens_by_modality",
    "candidatesTokensDetails": "output_tokens_by_modality",
    "toolUsePromptTokensDetails": "tool_use_tokens_by_modality",
}
"""What Google calls a count elsewhere → what it calls it here."""

_UNENDED: Final = ("queued", "in_progress")
"""The states of one that goes on."""


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    told: dict[str, Any] = {name: usage.get(here) for name, here in _COUNTS.items()}
    for name, here in _SPLITS.items():
        parts = objects(usage, here)
        told[name] = [{"modality": word(each, "modality").upper(), "tokenCount": each.get("tokens")} for each in parts]
    return google.read_usage(told)


def read_interaction(body: Mapping[str, Any]) -> Reading:
    """Return what an interaction tells; one that goes on in the background tells no usage yet."""
    model = word(body, "model")

    def with_searches(usage: Mapping[str, Any]) -> Usage:
        grounded = (each for each in objects(usage, "grounding_tool_count") if word(each, "type") == "google_search")
        searches = sum(count(each, "count") for each in grounded)
        return replace(read_usage(usage), **google.billed_searches(model, searches))

    usage, fault = usage_or_fault(with_searches, body.get("usage"))
    return Reading(
        model=model,
        response_id=word(body, "id"),
        usage=usage,
        service_tier=word(body, "service_tier"),
        finish_reason="" if (status := word(body, "status")) in _UNENDED else status,
        tool_call_count=sum(word(step, "type") == "function_call" for step in objects(body, "steps")),
        error_type=error_in(body),
        fault=fault,
    )


def fold_interaction(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed interaction tell: the last of its states tells all."""
    whole: dict[str, Any] = {}
    for event in events:
        told = section(event, "interaction") or {}
        whole |= {name: value for name, value in told.items() if value is not None}
    reading = read_interaction(whole)
    return replace(reading, error_type=reading.error_type or first_error(events))


SURFACES: Final = {
    "/interactions": Surface(
        operation="generate_content",
        read=read_interaction,
        fold=fold_interaction,
        marks=(b'"interaction.completed"', b'"interaction.status_update"', b'"error"'),
        last=(b'"event_type":"interaction.completed"', b'"event_type": "interaction.completed"'),
    ),
    "/decisions": Surface(operation="generate_content", read=read_interaction),
}
"""How each path is read, by its ending."""
