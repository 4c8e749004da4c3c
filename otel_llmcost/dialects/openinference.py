"""OpenInference (Arize): its own words, its own kinds of span. Only LLM and EMBEDDING spans are calls.

Its input is inclusive, of Bedrock and Gemini too. It tells neither the response id nor the tier. Not all packages did
so from the beginning. The one for LangChain passed Anthropic's own counts on before 0.1.55, exclusive and without a
total; the one for Bedrock passed Converse's on before 0.1.61, whose total holds what met the cache; the two for
Anthropic left that out before 0.1.14 and, in JavaScript, before 0.2. Where a span cannot show it, it is an estimate.
Source: the published packages of these releases and of those before them; OpenInference's pull requests 1429 and 3734.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects.counts import Counts, usage_of
from otel_llmcost.dialects.reading import call_of, from_json
from otel_llmcost.dialects.telling import joined
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Meaning
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "openinference"
SCOPES: Final = ("openinference.", "@arizeai/openinference-")
_LANGCHAIN: Final = "openinference.instrumentation.langchain"
_BEDROCK: Final = "openinference.instrumentation.bedrock"
_ANTHROPIC: Final = "openinference.instrumentation.anthropic"
_JS_ANTHROPIC: Final = "@arizeai/openinference-instrumentation-anthropic"
KIND: Final = "openinference.span.kind"
_OPERATIONS: Final = {"LLM": "chat", "EMBEDDING": "embeddings"}
_COUNT: Final = "llm.token_count."


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of OpenInference tells of."""
    operation = _OPERATIONS.get(telling.text(KIND).upper(), "")
    if not operation:
        return None
    counts = _counts_of(telling)
    known, assumed = _meaning(telling)
    usage, rule = usage_of(counts, known=known, assumed=assumed)
    asked = from_json(telling.attributes.get("llm.invocation_parameters"))
    limit = next(
        (asked[name] for name in ("max_tokens", "max_completion_tokens", "max_output_tokens") if name in asked), 0
    )
    return call_of(
        telling,
        NAME,
        provider=telling.text("llm.provider", "llm.system", *semconv.TOLD_PROVIDER),
        usage=usage,
        input_semantics=rule,
        quality=UsageQuality.ESTIMATED if _is_short(telling, counts) else UsageQuality.REPORTED,
        operation=operation,
        request_model=telling.text("llm.request.model_name", "embedding.model_name", "llm.model_name"),
        response_model=telling.text("llm.response.model_name", "llm.model_name", "embedding.model_name"),
        response_id=telling.text(semconv.GEN_AI_RESPONSE_ID),
        finish_reason=joined(telling.text("llm.finish_reason")),
        is_stream=asked.get("stream") is True,
        max_output_tokens=limit if type(limit) is int and limit > 0 else None,
    )


def _meaning(telling: Telling) -> tuple[Meaning, Meaning]:
    """Return what the package is known to mean by input, and what is taken to be meant where the counts do not show it.

    Bedrock's total shows it in every release.
    """
    if telling.scope_name.startswith(_LANGCHAIN) and telling.is_before(0, 1, 55):
        return "", "exclusive"
    return "" if telling.scope_name.startswith(_BEDROCK) else "inclusive", "inclusive"


def _is_short(telling: Telling, counts: Counts) -> bool:
    """Whether the input may lack what met a cache, without being told."""
    if telling.scope_name.startswith(_BEDROCK):
        told = (counts.input or 0) + (counts.output or 0)
        return counts.cache_read is None and counts.cache_write is None and (counts.total or 0) > told
    in_python, in_javascript = telling.is_before(0, 1, 14), telling.is_before(0, 2)
    is_there = telling.scope_name.startswith
    return (in_python and is_there(_ANTHROPIC)) or (in_javascript and is_there(_JS_ANTHROPIC))


def _counts_of(telling: Telling) -> Counts:
    within, out = f"{_COUNT}prompt_details.", f"{_COUNT}completion_details."
    more = {
        "input_audio_tokens": telling.count(f"{within}audio"),
        "output_audio_tokens": telling.count(f"{out}audio"),
    }
    counts = Counts(
        input=telling.count(f"{_COUNT}prompt"),
        output=telling.count(f"{_COUNT}completion"),
        total=telling.count(f"{_COUNT}total"),
        cache_read=telling.count(f"{within}cache_read", f"{within}cache_input"),
        cache_write=telling.count(f"{within}cache_write"),
        reasoning=telling.count(f"{out}reasoning"),
        more={name: count for name, count in more.items() if count},
    )
    if counts.input is None and counts.output is None:
        counts.input = counts.total  # embeddings tell the total alone
    return counts
