"""OpenInference (Arize): its own words, its own kinds of span. Only LLM and EMBEDDING spans are calls.

Its input is inclusive, of Bedrock and Gemini too. It tells neither the response id nor the tier. Two packages came to
that later: the one for LangChain passed Anthropic's own counts on before 0.1.55, exclusive and without a total, and the
one for Anthropic in JavaScript left the cached part out before 0.2, which its spans do not show: an estimate.
Source: the published packages, releases 0.1.54 and 0.1.55 of the first; OpenInference's pull request 3734.
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
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "openinference"
SCOPES: Final = ("openinference.", "@arizeai/openinference-")
_LANGCHAIN: Final = "openinference.instrumentation.langchain"
_JS_ANTHROPIC: Final = "@arizeai/openinference-instrumentation-anthropic"
KIND: Final = "openinference.span.kind"
_OPERATIONS: Final = {"LLM": "chat", "EMBEDDING": "embeddings"}
_COUNT: Final = "llm.token_count."


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of OpenInference tells of."""
    operation = _OPERATIONS.get(telling.text(KIND).upper(), "")
    if not operation:
        return None
    is_passed_on = telling.scope_name.startswith(_LANGCHAIN) and telling.is_before(0, 1, 55)
    is_short = telling.scope_name.startswith(_JS_ANTHROPIC) and telling.is_before(0, 2)
    usage, rule = usage_of(
        _counts_of(telling),
        known="" if is_passed_on else "inclusive",
        assumed="exclusive" if is_passed_on else "inclusive",
    )
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
        quality=UsageQuality.ESTIMATED if is_short else UsageQuality.REPORTED,
        operation=operation,
        request_model=telling.text("llm.request.model_name", "embedding.model_name", "llm.model_name"),
        response_model=telling.text("llm.response.model_name", "llm.model_name", "embedding.model_name"),
        response_id=telling.text(semconv.GEN_AI_RESPONSE_ID),
        finish_reason=joined(telling.text("llm.finish_reason")),
        is_stream=asked.get("stream") is True,
        max_output_tokens=limit if type(limit) is int and limit > 0 else None,
    )


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
