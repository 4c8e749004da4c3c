"""Langfuse's SDK: observations of type `generation` or `embedding`, whose usage is JSON.

Buckets are disjoint by Langfuse's rule: `input` holds what no other `input_…` bucket holds, `output` likewise. Where
the usage is the provider's own object, as its OpenAI wrapper keeps it, it is read as the provider means it. No provider
is named, so the model's name has to tell its maker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.dialects.counts import Counts, usage_of
from otel_llmcost.dialects.reading import call_of, from_json, maker_of
from otel_llmcost.dialects.telling import whole
from otel_llmcost.providers.reading import Reading
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling
    from otel_llmcost.usage import Usage

NAME: Final = "langfuse"
SCOPES: Final = ("langfuse",)
_PREFIX: Final = "langfuse.observation."
_OPERATIONS: Final = {"generation": "chat", "embedding": "embeddings"}
_RAW: Final = "raw"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that an observation of Langfuse tells of."""
    operation = _OPERATIONS.get(telling.text(f"{_PREFIX}type"), "")
    if not operation:
        return None
    model = telling.text(f"{_PREFIX}model.name")
    maker = maker_of(model)
    said = from_json(telling.attributes.get(f"{_PREFIX}usage_details"))
    raw = _raw_in(said, maker)
    usage, rule = (raw.usage, _RAW if raw.usage else "") if raw else _buckets_in(said)
    return call_of(
        telling,
        NAME,
        provider=maker,
        usage=usage,
        billed=raw.billed if raw else None,
        quality=UsageQuality.PARTIAL if raw and raw.is_partial else UsageQuality.REPORTED,
        input_semantics=rule,
        operation=operation,
        request_model=model,
        response_model=model,
        prompt_name=telling.text(f"{_PREFIX}prompt.name"),
        prompt_version=str(telling.attributes.get(f"{_PREFIX}prompt.version", "")),
    )


def _raw_in(said: dict[str, Any], maker: str) -> Reading | None:
    """Return what the provider's own usage tells; None where there are buckets."""
    if "input" in said or not ("prompt_tokens" in said or "input_tokens" in said):
        return None
    reading = read_answer(maker or "openai", {"usage": said})
    return Reading() if reading.fault else reading


def _buckets_in(said: dict[str, Any]) -> tuple[Usage | None, str]:
    for_an_hour, written = _first(said, "input_cache_creation_1h"), _first(said, *_CACHE_WRITE)
    thought = _first(said, "output_reasoning_tokens", "output_reasoning")
    output = _first(said, "output")
    counts = Counts(
        input=_first(said, "input"),
        output=None if output is None else output + (thought or 0),
        cache_read=_first(said, *_CACHE_READ),
        cache_write=(written or 0) + (for_an_hour or 0) or None,
        cache_write_1h=for_an_hour,
        reasoning=thought,
    )
    return usage_of(counts, known="exclusive")


_CACHE_READ: Final = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
_CACHE_WRITE: Final = ("input_cache_creation", "cache_creation_input_tokens", "input_cache_creation_5m")


def _first(said: dict[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := whole(said.get(name))) is not None), None)
