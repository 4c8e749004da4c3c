"""The words of OTel's GenAI conventions, current and former, which most dialects speak with an accent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects.counts import Counts, Meaning, usage_of
from otel_llmcost.dialects.reading import call_of, from_text, nanoseconds
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

OPERATIONS: Final = {
    "chat": "chat",
    "completion": "text_completion",
    "text_completion": "text_completion",
    "generate_content": "generate_content",
    "embedding": "embeddings",
    "embeddings": "embeddings",
    "rerank": "rerank",
    "image_generation": "image_generation",
    "image": "image_generation",
    "audio": "audio",
    "speech": "speech",
    "transcription": "transcription",
    "responses": "chat",
    "messages": "chat",
    "decide": "chat",
}
"""The operations that are calls, in our words. Every other one (agents, tools, workflows, retrieval) is none."""

COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "input": semconv.TOLD_INPUT,
    "output": semconv.TOLD_OUTPUT,
    "total": semconv.TOLD_TOTAL,
    "cache_read": semconv.TOLD_CACHE_READ,
    "cache_write": semconv.TOLD_CACHE_WRITE,
    "cache_write_1h": semconv.TOLD_CACHE_WRITE_1H,
    "reasoning": semconv.TOLD_REASONING,
    "input_audio_tokens": semconv.TOLD_INPUT_AUDIO,
    "output_audio_tokens": semconv.TOLD_OUTPUT_AUDIO,
    "cache_read_audio_tokens": semconv.TOLD_CACHE_READ_AUDIO,
    **{
        name: (semconv.USAGE_ATTRIBUTES[name],)
        for kind in ("image", "video")
        for name in (f"input_{kind}_tokens", f"output_{kind}_tokens", f"cache_read_{kind}_tokens")
    },
}
"""By which attributes each of `Counts` is told, and each of its `more`; the first that is there counts."""

_MAIN: Final = ("input", "output", "total", "cache_read", "cache_write", "cache_write_1h", "reasoning")


def read(
    telling: Telling,
    dialect: str,
    *,
    known: Meaning = "",
    assumed: Meaning = "inclusive",
    amend: Callable[[Telling, Counts], None] | None = None,
    quality: UsageQuality = UsageQuality.REPORTED,
    **said: Any,
) -> LLMCall | None:
    """Return the call that a span in the conventions' words tells of, None where it tells of none.

    Args:
        telling: The span.
        dialect: The name under which the call is kept.
        known: What the scope is known to mean by input; empty where that is not known.
        assumed: What is taken to be meant where the counts do not show it.
        amend: Adds what this dialect says otherwise to the counts.
        quality: How far the counts can be believed.
        said: More fields of `LLMCall`.
    """
    operation = operation_of(telling)
    model = telling.text(semconv.GEN_AI_REQUEST_MODEL)
    answered = telling.text(semconv.GEN_AI_RESPONSE_MODEL)
    counts = counts_of(telling)
    if amend is not None:
        amend(telling, counts)
    telling.means(known, assumed, is_amended=amend is not None)
    if not operation or not (model or answered or counts.input is not None):
        return None
    usage, rule = usage_of(counts, known=known, assumed=assumed)
    first = telling.attributes.get(semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK)
    fields: dict[str, Any] = {
        "provider": telling.text(*semconv.TOLD_PROVIDER),
        "operation": operation,
        "request_model": model,
        "response_model": answered,
        "response_id": telling.text(semconv.GEN_AI_RESPONSE_ID),
        "provider_request_id": telling.text(*semconv.TOLD_REQUEST_ID),
        "service_tier": telling.text(*semconv.TOLD_SERVICE_TIER),
        "service_tier_requested": telling.text(*semconv.TOLD_SERVICE_TIER_REQUESTED),
        "finish_reason": telling.texts(*semconv.TOLD_FINISH),
        "is_stream": telling.flag(*semconv.TOLD_STREAM),
        "max_output_tokens": telling.count(semconv.GEN_AI_REQUEST_MAX_TOKENS),
        "time_to_first_token_ns": nanoseconds(first, 1_000_000_000),
        "resend_count": telling.count(semconv.HTTP_REQUEST_RESEND_COUNT) or 0,
        "prompt_name": telling.text(semconv.GEN_AI_PROMPT_NAME),
        "prompt_version": telling.text(semconv.GEN_AI_PROMPT_VERSION),
    }
    return call_of(telling, dialect, usage=usage, input_semantics=rule, quality=quality, **(fields | said))


def operation_of(telling: Telling) -> str:
    """Return the operation in our words, empty where the span is no call.

    Former conventions name no operation: there a span with counts and a model is a call, unless it says otherwise.
    """
    told = telling.text(*semconv.TOLD_OPERATION)
    if told:
        return OPERATIONS.get(told.lower(), "")
    has_counts = telling.count(*semconv.TOLD_INPUT, *semconv.TOLD_OUTPUT) is not None
    return "chat" if has_counts and telling.text(*semconv.TOLD_PROVIDER) else ""


def counts_of(telling: Telling) -> Counts:
    """Return the counts that a span tells in the conventions' words."""
    told = {name: telling.count(*names) for name, names in COUNTS.items()}
    main = {name: told.pop(name) for name in _MAIN}
    counts = Counts(**main, more={name: count for name, count in told.items() if count is not None})
    _add_details(telling, counts)
    return counts


def _add_details(telling: Telling, counts: Counts) -> None:
    """Add what LangChain's usage says in JSON, or as Python writes it."""
    inner = from_text(telling.attributes.get(semconv.GEN_AI_USAGE_INPUT_DETAILS))
    outer = from_text(telling.attributes.get(semconv.GEN_AI_USAGE_OUTPUT_DETAILS))
    short, long = (_int(inner, f"ephemeral_{ttl}_input_tokens") for ttl in ("5m", "1h"))
    if counts.cache_read is None:
        counts.cache_read = _int(inner, "cache_read")
    if counts.cache_write is None:
        written = _int(inner, "cache_creation")
        counts.cache_write = written or (short or 0) + (long or 0) or None
    if counts.cache_write_1h is None:
        counts.cache_write_1h = long
    if counts.reasoning is None:
        counts.reasoning = _int(outer, "reasoning")
    for name, count in (("input_audio_tokens", _int(inner, "audio")), ("output_audio_tokens", _int(outer, "audio"))):
        if count:
            counts.more.setdefault(name, count)


def _int(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    return value if type(value) is int else None
