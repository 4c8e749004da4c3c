"""Mistral: OpenAI's format, with a cache count, seconds of audio, pages and connectors of its own.

`num_cached_tokens` is a part of `prompt_tokens`. Audio is told in seconds (`prompt_audio_seconds`) beside the text
tokens of the prompt. OCR tells pages under `usage_info`. Conversations count what connectors put into the prompt
apart (`connector_tokens`), and each connector's runs under `connectors`. The tier that served stands inside the usage.
Source: Mistral API reference, objects UsageInfo, OCRUsageInfo and ConversationUsageInfo; checked 2026-11-22 against
recorded exchanges of chat and embeddings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import openai
from otel_llmcost.providers.reading import Reading, Surface, count, error_in, known, section, usage_or_fault, word
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of a usage object of chat, embeddings, conversations or transcriptions.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    # A prompt of audio only has no tokens: what the total has beyond them stands for the seconds.
    read = openai.read_usage({key: value for key, value in usage.items() if key != "total_tokens"})
    return replace(
        read,
        input_tokens=read.input_tokens + count(usage, "connector_tokens"),
        cache_read_tokens=read.cache_read_tokens or count(usage, "num_cached_tokens"),
        audio_second=count(usage, "prompt_audio_seconds"),
        web_search=count(section(usage, "connectors"), "web_search"),
    )


def read_pages(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of the `usage_info` of OCR.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    known(usage, "pages_processed")
    return Usage(page=count(usage, "pages_processed"))


def read_ocr(body: Mapping[str, Any]) -> Reading:
    """Return what the pages that were read tell."""
    usage, fault = usage_or_fault(read_pages, body.get("usage_info"))
    return Reading(model=word(body, "model"), usage=usage, error_type=error_in(body), fault=fault)


def read_conversation(body: Mapping[str, Any]) -> Reading:
    """Return what an answer of a conversation tells; it names the conversation, not the model."""
    reading = openai.read_chat(body, _ACCENT)
    return replace(reading, response_id=word(body, "conversation_id"), tool_call_count=None)


def fold_conversation(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a conversation tell: the first names it, `conversation.response.done` has the usage."""
    whole: dict[str, Any] = {}
    for event in events:
        whole |= {key: event[key] for key in ("conversation_id", "usage", "model", "error") if event.get(key)}
    return read_conversation(whole)


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape."""
    if "usage_info" in body or "pages_processed" in body:
        return read_ocr(body if "usage_info" in body else {"usage_info": body})
    return openai.read_any(body, _ACCENT)


def _tier(usage: Mapping[str, Any]) -> str:
    return word(usage, "service_tier")


_ACCENT: Final = openai.Accent(usage=read_usage, tier=_tier)
_CONVERSATION: Final = Surface(
    operation="chat",
    read=read_conversation,
    fold=fold_conversation,
    marks=(b'"usage"', b'"error"'),
    last=(b'"type":"conversation.response.done"', b'"type": "conversation.response.done"'),
)
_OPENAI: Final = openai.surfaces(_ACCENT)
_CHAT: Final = _OPENAI["/chat/completions"]

SURFACES: Final = _OPENAI | {
    "/agents/completions": _CHAT,
    "/fim/completions": replace(_CHAT, operation=_OPENAI["/completions"].operation),
    "/audio/transcriptions": replace(_CHAT, operation="transcription"),
    "/audio/speech": replace(_CHAT, operation="speech"),
    "/moderations": replace(_CHAT, operation="moderation"),
    "/classifications": replace(_CHAT, operation="classification"),
    "/ocr": Surface(operation="ocr", read=read_ocr),
    "/conversations": _CONVERSATION,
}
"""How each path of the API is read, by its ending."""
