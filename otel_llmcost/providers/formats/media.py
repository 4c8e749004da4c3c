"""Images, transcriptions and speech in OpenAI's format, at OpenAI and at the many hosts that speak it.

They tell a usage of tokens, of seconds, or none: what is sold by the piece is counted in the answer, and a verbose
transcription tells how long the audio was. Bare audio, bare text and short transcriptions tell nothing.
Source: OpenAI API reference, objects ImagesResponse, Transcription and TranscriptionVerbose; checked 2026-11-22
against recorded exchanges.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.providers.formats.openai import read_usage
from otel_llmcost.providers.reading import (
    MAX_COUNT,
    Reading,
    Surface,
    error_in,
    objects,
    section,
    usage_or_fault,
    word,
)
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_image_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of the `usage` of a generated or edited image.

    Older models do not split the output: "The number of image tokens in the output image" is then all of it.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = read_usage(usage)
    is_split = section(usage, "output_tokens_details", "output_token_details") is not None
    return read if is_split else replace(read, output_image_tokens=read.output_tokens)


def read_images(body: Mapping[str, Any]) -> Reading:
    """Return what a list of images tells. Models without a usage are sold by the image."""
    usage, fault = usage_or_fault(read_image_usage, body.get("usage"))
    if usage is None and not fault and (images := objects(body, "data")):
        usage = Usage(image=len(images))
    return Reading(model=word(body, "model"), usage=usage, error_type=error_in(body), fault=fault)


def fold_images(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed image tell: the last one tells the usage, partial images none."""
    return read_images(_last_with_usage(events))


def read_audio_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of the `usage` of a transcription: tokens, or seconds where time is billed.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    return Usage(audio_second=_seconds(usage)) if "seconds" in usage else read_usage(usage)


def read_transcription(body: Mapping[str, Any]) -> Reading:
    """Return what a transcription or translation tells; a verbose one tells how long it was where it has no usage."""
    told = body.get("usage")
    if told is None and (length := body.get("duration")) is not None:
        told = {"seconds": length}
    usage, fault = usage_or_fault(read_audio_usage, told)
    return Reading(model=word(body, "model"), usage=usage, error_type=error_in(body), fault=fault)


def fold_transcription(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of a streamed transcription tell."""
    return read_transcription(_last_with_usage(events))


def read_speech_usage(usage: Mapping[str, Any]) -> Usage:
    """Return the counts of the `usage` of generated speech: all that came out is audio.

    Raises:
        InvalidUsageError: A count is no number, or there is none.
    """
    read = read_usage(usage)
    return replace(read, output_audio_tokens=read.output_tokens)


def read_speech(body: Mapping[str, Any]) -> Reading:
    """Return what the last event of streamed speech tells. Speech that is not streamed is bare audio."""
    usage, fault = usage_or_fault(read_speech_usage, body.get("usage"))
    return Reading(usage=usage, error_type=error_in(body), fault=fault)


def fold_speech(events: Sequence[Mapping[str, Any]]) -> Reading:
    """Return what the events of streamed speech tell."""
    return read_speech(_last_with_usage(events))


def _last_with_usage(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((event for event in reversed(events) if event.get("usage") is not None), {})


def _seconds(usage: Mapping[str, Any]) -> int:
    """Return the seconds of audio, to the nearest one, as they are billed."""
    seconds = usage.get("seconds")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= MAX_COUNT:
        msg = "seconds is not a length of time"
        raise InvalidUsageError(msg)
    return math.floor(seconds + 0.5)


_IMAGES: Final = Surface(operation="image_generation", read=read_images, fold=fold_images, marks=(b'"usage"',))
AUDIO: Final = Surface(operation="transcription", read=read_transcription, fold=fold_transcription, marks=(b'"usage"',))

MEDIA_SURFACES: Final = {
    "/images/generations": _IMAGES,
    "/images/edits": _IMAGES,
    "/images/variations": _IMAGES,
    "/audio/transcriptions": AUDIO,
    "/audio/translations": AUDIO,
    "/audio/speech": Surface(operation="speech", read=read_speech, fold=fold_speech, marks=(b'"usage"',)),
}
"""The paths whose answers may be large or no JSON at all."""
