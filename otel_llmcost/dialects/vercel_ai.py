"""Vercel's AI SDK: only `….doGenerate`, `….doStream` and `….doEmbed` are calls; the spans around them sum theirs.

Where the provider's own usage stands among its metadata (Anthropic, Google; in version 6 only where outputs are
recorded), it is read by the provider's rules. Else version 6 tells the input's parts and its total is inclusive, while
versions 5 and 4 pass on what the provider says, which for Anthropic and Bedrock is exclusive: assumed, since their
spans do not show it. Of answers that are not streamed, these tell no cached tokens at all but for that metadata.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects.counts import Counts, usage_of
from otel_llmcost.dialects.reading import call_of, from_json, nanoseconds
from otel_llmcost.dialects.telling import whole
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.providers.reading import section, word
from otel_llmcost.providers.registry import read_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "vercel-ai"
SCOPES: Final = ("ai",)
_CALLS: Final = {".doGenerate": "chat", ".doStream": "chat", ".doEmbed": "embeddings"}
_EXCLUSIVE: Final = ("anthropic", "aws.bedrock")
_DETAILS: Final = "ai.usage.inputTokenDetails."
_CACHE_READ: Final = f"{_DETAILS}cacheReadTokens"
RAW: Final = "raw"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of the AI SDK tells of."""
    name = telling.text("ai.operationId") or telling.name.partition(" ")[0]
    operation = next((words for ending, words in _CALLS.items() if name.endswith(ending)), "")
    if not operation:
        return None
    provider = canonical_provider(_provider_of(telling))
    metadata = from_json(telling.attributes.get("ai.response.providerMetadata"))
    is_exclusive = provider in _EXCLUSIVE
    has_parts = telling.count(f"{_DETAILS}noCacheTokens", _CACHE_READ) is not None
    usage, rule = usage_of(
        _counts_of(telling, metadata),
        known="inclusive" if has_parts else "",
        assumed="exclusive" if is_exclusive else "inclusive",
    )
    call = call_of(
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
        service_tier=word(section(metadata, "openai", "azure"), "serviceTier"),
        time_to_first_token_ns=nanoseconds(telling.attributes.get("ai.response.msToFirstChunk"), 1_000_000),
    )
    return _with_raw(call, metadata)


def _with_raw(call: LLMCall, metadata: Mapping[str, Any]) -> LLMCall:
    """Return the call with the provider's own usage, where its metadata have it."""
    told = section(section(metadata, "anthropic"), "usage")
    google = section(section(metadata, "google", "vertex"), "usageMetadata")
    if not told and not google:
        return call
    reading = read_answer(call.provider, {"usage": told} if told else {"usageMetadata": google})
    if reading.usage is None or reading.fault:
        return call
    return replace(
        call,
        usage=reading.usage,
        input_semantics=RAW,
        service_tier=reading.service_tier or call.service_tier,
        speed=reading.speed,
        region=reading.region,
    )


def _provider_of(telling: Telling) -> str:
    """Return the provider without the API that follows it, as in `anthropic.messages`; `google.vertex` is one name."""
    said = telling.text("ai.model.provider", *semconv.TOLD_PROVIDER)
    if said.startswith(("google.vertex", "vertex")):
        return "vertex"
    return said if said.startswith(("aws.", "azure.", "gcp.")) else said.partition(".")[0]


def _counts_of(telling: Telling, metadata: Mapping[str, Any]) -> Counts:
    """Return the counts; the total that older versions tell is only the sum of the two, and shows nothing."""
    bedrock = section(section(metadata, "bedrock"), "usage") or {}
    written = whole(bedrock.get("cacheWriteInputTokens"))
    read_from = whole(bedrock.get("cacheReadInputTokens"))
    return Counts(
        input=telling.count("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens", *semconv.TOLD_INPUT),
        output=telling.count("ai.usage.outputTokens", "ai.usage.completionTokens", *semconv.TOLD_OUTPUT),
        cache_read=telling.count(_CACHE_READ, "ai.usage.cachedInputTokens", *semconv.TOLD_CACHE_READ) or read_from,
        cache_write=telling.count(f"{_DETAILS}cacheWriteTokens", *semconv.TOLD_CACHE_WRITE) or written,
        reasoning=telling.count(
            "ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens", *semconv.TOLD_REASONING
        ),
    )
