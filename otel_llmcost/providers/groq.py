"""Groq: OpenAI's format, with the usage of a stream under `x_groq`.

The last chunk of a stream tells the usage under `x_groq.usage`, whether it was asked for or not; newer models tell it
under `usage` as well.
Audio is billed by its length, which only a verbose transcription tells: "Minimum Billed Length: 10 seconds. If you
submit a request less than this, you will still be billed for 10 seconds."
Source: Groq API reference, "Create chat completion"; Groq docs, "Speech to Text"; checked 2026-11-22, the first
against recorded exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.providers.formats import media, openai
from otel_llmcost.providers.reading import section
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.reading import Reading

_LEAST: Final = Usage(audio_second=10)
"""What is billed of anything shorter."""


def read_transcription(body: Mapping[str, Any]) -> Reading:
    """Return what a transcription or translation tells: how long it was, and what is billed where that is more."""
    reading = media.read_transcription(body)
    usage = reading.usage
    is_short = usage is not None and usage == Usage(audio_second=min(usage.audio_second, _LEAST.audio_second - 1))
    return replace(reading, billed=_LEAST) if is_short else reading


def read_any(body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape; a line of a batch's results may hold a transcription."""
    inner = section(section(body, "response"), "body") or body
    return read_transcription(inner) if "duration" in inner else openai.read_any(body, _ACCENT)


def _usage_in(answer: Mapping[str, Any]) -> object:
    return answer.get("usage") or (section(answer, "x_groq") or {}).get("usage")


_ACCENT: Final = openai.Accent(usage_in=_usage_in)

_AUDIO: Final = replace(media.AUDIO, read=read_transcription)

SURFACES: Final = openai.surfaces(_ACCENT) | {"/audio/transcriptions": _AUDIO, "/audio/translations": _AUDIO}
"""How each path of the API is read, by its ending."""
