"""Vercel's AI SDK: only `….doGenerate`, `….doStream` and `….doEmbed` are calls; the spans around them sum theirs.

Version 6 tells the input's parts and its total is inclusive. Version 5 and 4 pass on what the provider says, which for
Anthropic and Bedrock is exclusive: assumed, since their spans do not show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects.counts import Counts, usage_of
from otel_llmcost.dialects.reading import call_of, nanoseconds
from otel_llmcost.pricing.provider import canonical_provider

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "vercel-ai"
SCOPES: Final = ("ai",)
_CALLS: Final = {".doGenerate": "chat", ".doStream": "chat", ".doEmbed": "embeddings"}
_EXCLUSIVE: Final = ("anthropic", "aws.bedrock")
_DETAILS: Final = "ai.usage.inputTokenDetails."


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of the AI SDK tells of."""
    name = telling.text("ai.operationId") or telling.name.partition(" ")[0]
    operation = next((words for ending, words in _CALLS.items() if name.endswith(ending)), "")
    if not operation:
        return None
    provider = canonical_provider(_provider_of(telling))
    is_exclusive = provider in _EXCLUSIVE
    has_parts = telling.count(f"{_DETAILS}noCacheTokens", f"{_DETAILS}cacheReadTokens") is not None
    usage, rule = usage_of(
        _counts_of(telling),
        known="inclusive" if has_parts else "",
        assumed="exclusive" if is_exclusive else "inclusive",
    )
    return call_of(
        telling,
        NAME,
        provider=provider,
        usage=usage,
        input_semantics=rule,
        operation=operation,
        request_model=telling.text("ai.model.id", semconv.GEN_AI_REQUEST_MODEL),
        response_model=telling.text("ai.response.model", semconv.GEN_AI_RESPONSE_MODEL),
        response_id=telling.text("ai.response.id", semconv.GEN_AI_RESPONSE_ID),
        finish_reason=telling.texts(*semconv.TOLD_FINISH),
        is_stream=name.endswith(".doStream"),
        time_to_first_token_ns=nanoseconds(telling.attributes.get("ai.response.msToFirstChunk"), 1_000_000),
    )


def _provider_of(telling: Telling) -> str:
    """Return the provider without the API that follows it, as in `anthropic.messages`; `google.vertex` is one name."""
    said = telling.text("ai.model.provider", *semconv.TOLD_PROVIDER)
    if said.startswith(("google.vertex", "vertex")):
        return "vertex"
    return said if said.startswith(("aws.", "azure.", "gcp.")) else said.partition(".")[0]


def _counts_of(telling: Telling) -> Counts:
    """Return the counts; the total that older versions tell is only the sum of the two, and shows nothing."""
    return Counts(
        input=telling.count("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens", *semconv.TOLD_INPUT),
        output=telling.count("ai.usage.outputTokens", "ai.usage.completionTokens", *semconv.TOLD_OUTPUT),
        cache_read=telling.count(f"{_DETAILS}cacheReadTokens", "ai.usage.cachedInputTokens", *semconv.TOLD_CACHE_READ),
        cache_write=telling.count(f"{_DETAILS}cacheWriteTokens", *semconv.TOLD_CACHE_WRITE),
        reasoning=telling.count(
            "ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens", *semconv.TOLD_REASONING
        ),
    )
