"""What one call consumed, as OTel GenAI semconv counts it, and its split into meters that can be billed.

Providers report wholes with parts inside: cached tokens are a part of the input, reasoning is a part of
the output. Bills are made of disjoint meters. `Usage` holds the first, `Usage.disjoint` gives the second,
and the second always sums back to the first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import compress
from operator import attrgetter
from typing import NoReturn

from otel_llmcost.errors import InvalidUsageError


class UsageMeter(StrEnum):
    """What a price is put on. The counts of a call's token meters are disjoint."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    INPUT_AUDIO = "input_audio"
    INPUT_IMAGE = "input_image"
    INPUT_VIDEO = "input_video"
    CACHE_READ_AUDIO = "cache_read_audio"
    CACHE_READ_IMAGE = "cache_read_image"
    CACHE_READ_VIDEO = "cache_read_video"
    OUTPUT = "output"
    REASONING = "reasoning"
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_IMAGE = "output_image"
    OUTPUT_VIDEO = "output_video"
    WEB_SEARCH = "web_search"
    GROUNDED_PROMPT = "grounded_prompt"
    GROUNDED_QUERY = "grounded_query"
    FILE_SEARCH = "file_search"
    CODE_SESSION = "code_session"
    AUDIO_SECOND = "audio_second"
    IMAGE = "image"
    PAGE = "page"
    REQUEST = "request"

    __hash__ = str.__hash__  # that of Enum is written in Python, and every price looks meters up


class UsageQuality(StrEnum):
    """How far the counts of a call can be believed."""

    REPORTED = "reported"
    """The provider told the final counts."""
    PARTIAL = "partial"
    """Not all: the stream was cut, and it is what had arrived by then; or other models helped at rates of their own."""
    ESTIMATED = "estimated"
    """Somebody counted, not the provider."""
    MISSING = "missing"
    """Nobody told any counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counts for one model call, as OTel semconv defines them. Every count is at least 0.

    Attributes:
        input_tokens: All input tokens, cached ones and every modality included.
        cache_read_tokens: The part of input_tokens served from cache.
        cache_write_5m_tokens: The part of input_tokens written to a short-lived cache (the provider's default one).
        cache_write_1h_tokens: The part of input_tokens written to a cache that lives for an hour.
        input_audio_tokens: The audio part of input_tokens, cached audio included; image and video likewise.
        cache_read_audio_tokens: The audio part of cache_read_tokens; image and video likewise.
        output_tokens: All generated tokens, reasoning and every modality included.
        reasoning_tokens: The part of output_tokens that was thought and not said.
        output_audio_tokens: The audio part of output_tokens; image and video likewise.
        web_search: Executed web searches; a declared tool that never ran counts nothing.
        grounded_prompt: Prompts answered with grounding, where the provider bills prompts.
        grounded_query: Search queries that grounding executed, where the provider bills those.
        file_search: Executed file searches.
        code_session: Code-interpreter or container sessions.
        audio_second: Seconds of audio, where the provider bills time.
        image: Images generated, where the provider bills pieces.
        page: Pages read, where the provider bills pages.
        request: Requests, where the provider bills each.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    input_video_tokens: int = 0
    cache_read_audio_tokens: int = 0
    cache_read_image_tokens: int = 0
    cache_read_video_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    output_video_tokens: int = 0
    web_search: int = 0
    grounded_prompt: int = 0
    grounded_query: int = 0
    file_search: int = 0
    code_session: int = 0
    audio_second: int = 0
    image: int = 0
    page: int = 0
    request: int = 0

    def disjoint(self) -> dict[UsageMeter, int]:
        """Return the billable count of every meter above 0, no token in two of them.

        The token meters of the input sum to `input_tokens`, those of the output to `output_tokens`.

        Raises:
            InvalidUsageError: A count is negative, or the parts exceed their whole.
        """
        read_audio, read_image, read_video = (
            self.cache_read_audio_tokens,
            self.cache_read_image_tokens,
            self.cache_read_video_tokens,
        )
        audio, image = self.input_audio_tokens - read_audio, self.input_image_tokens - read_image
        video = self.input_video_tokens - read_video
        written_5m, written_1h = self.cache_write_5m_tokens, self.cache_write_1h_tokens
        out_audio, out_image, out_video = self.output_audio_tokens, self.output_image_tokens, self.output_video_tokens
        counts = (
            self.input_tokens - self.cache_read_tokens - written_5m - written_1h - audio - image - video,
            self.cache_read_tokens - read_audio - read_image - read_video,
            written_5m,
            written_1h,
            audio,
            image,
            video,
            read_audio,
            read_image,
            read_video,
            self.output_tokens - self.reasoning_tokens - out_audio - out_image - out_video,
            self.reasoning_tokens,
            out_audio,
            out_image,
            out_video,
            *_units_of(self),
        )
        if min(counts) < 0:
            self._say_what_is_wrong()
        return dict(zip(compress(_METERS, counts), filter(None, counts), strict=True))

    def __add__(self, other: Usage) -> Usage:
        """Return the counts of both together."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in FIELDS})

    def _say_what_is_wrong(self) -> NoReturn:
        """Raise the error of counts of which at least one is negative or below the sum of its parts."""
        for name in FIELDS:
            if getattr(self, name) < 0:
                msg = f"{name} ({getattr(self, name)}) is negative"
                raise InvalidUsageError(msg)
        uncached = {}
        for kind in ("audio", "image", "video"):
            whole, cached = f"input_{kind}_tokens", f"cache_read_{kind}_tokens"
            uncached[f"uncached_{kind}_tokens"] = self._rest(whole, cached)
        self._rest("cache_read_tokens", "cache_read_audio_tokens", "cache_read_image_tokens", "cache_read_video_tokens")
        self._rest("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", **uncached)
        self._rest(
            "output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens", "output_video_tokens"
        )
        raise AssertionError(self)

    def _rest(self, whole: str, *names: str, **more: int) -> int:
        """Return what is left of a whole without its parts, or say which parts exceed it."""
        parts = {name: getattr(self, name) for name in names} | more
        rest: int = getattr(self, whole) - sum(parts.values())
        if rest < 0:
            said = " + ".join(f"{part} ({count})" for part, count in parts.items() if count)
            msg = f"{said} exceeds {whole} ({getattr(self, whole)})"
            raise InvalidUsageError(msg)
        return rest


FIELDS = tuple(field.name for field in fields(Usage))
"""The names of all counts, in the order of the class."""

INPUT_METERS = frozenset(meter for meter in UsageMeter if meter.value.startswith(("input", "cache_")))
"""The token meters that sum to `input_tokens`."""

OUTPUT_METERS = frozenset({UsageMeter.REASONING} | {meter for meter in UsageMeter if meter.value.startswith("output")})
"""The token meters that sum to `output_tokens`."""

_METERS = tuple(UsageMeter)
_units_of = attrgetter(*(meter.value for meter in UsageMeter if meter not in INPUT_METERS | OUTPUT_METERS))
