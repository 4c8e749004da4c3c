"""Vercel's AI SDK, which has two ways of telling; in both, the spans around calls sum theirs and are no calls.

The older one has the scope `ai` and words of its own (versions 4 to 6, and `LegacyOpenTelemetry` of 7): the calls are
`….doGenerate`, `….doStream`, `….doEmbed` and `….doRerank`. Version 6 tells the input's parts and its total is
inclusive, while versions 5 and 4 pass on what the provider says, which for Anthropic and Bedrock is exclusive: assumed,
since not every span shows which version wrote it. Of answers that are not streamed, these tell no cached tokens at all.
The newer one is version 7's `OpenTelemetry` (`@ai-sdk/otel`): the scope `gen_ai`, without a version, and the
conventions' words. Its input is inclusive. The span around an embedding is called as the embedding is, and differs from
it by having no counts; what was written to a cache is left out of answers that are objects.

Where the provider's own usage stands among its metadata (Anthropic, Google; version 6 tells them only where outputs are
recorded, 7 where `providerMetadata` is switched on), it goes before all that and is read by the provider's rules.
Speech and transcription are told by version 7 alone, by one span, with the provider's usage as it was.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import conventions, genai
from otel_llmcost.dialects.counts import Counts, usage_of
from otel_llmcost.dialects.reading import call_of, from_json, nanoseconds
from otel_llmcost.dialects.telling import whole
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.providers.reading import section, word
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Meaning
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "vercel-ai"
SCOPE: Final = "ai"
SCOPE_OF_CONVENTIONS: Final = "gen_ai"
_CALLS: Final = {
    ".doGenerate": "chat",
    ".doStream": "chat",
    ".doDecide": "chat",
    ".doEmbed": "embeddings",
    ".doRerank": "rerank",
}
_AUDIO: Final = {
    "ai.generateSpeech": "speech",
    "ai.transcribe": "transcription",
    "ai.streamTranscribe": "transcription",
}
_WRAPPED: Final = ("embeddings", "decide")
"""Calls of version 7 that stand in a span of the same operation."""

_ANSWERED: Final = (semconv.TOLD_INPUT[0], semconv.GEN_AI_RESPONSE_ID)
_EXCLUSIVE: Final = ("anthropic", "aws.bedrock")
_USAGE: Final = "ai.usage."
_DETAILS: Final = f"{_USAGE}inputTokenDetails."
_CACHE_READ: Final = f"{_DETAILS}cacheReadTokens"
_REASONING: Final = f"{_USAGE}outputTokenDetails.reasoningTokens"
_METADATA: Final = "ai.response.providerMetadata"
_USER_AGENT: Final = "ai.request.headers.user-agent"
_VERSION: Final = re.compile(r"\bai/(\d+)\.")
_FIRST_INCLUSIVE: Final = 6
_MADE_UP: Final = ("aitxt-", "aiobj-")
"""How ids begin that the SDK gives answers without any."""
RAW: Final = "raw"


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of the scope `ai` tells of."""
    name = telling.text("ai.operationId") or telling.name.partition(" ")[0]
    if name in _AUDIO:
        return _audio(telling, name, _USAGE)
    operation = next((words for ending, words in _CALLS.items() if name.endswith(ending)), "")
    if not operation:
        return None
    provider = _provider_of(telling)
    metadata = from_json(telling.attributes.get(_METADATA))
    known, assumed = _meaning(telling, provider)
    usage, rule = usage_of(_counts_of(telling, metadata), known=known, assumed=assumed)
    call = call_of(
        telling,
        NAME,
        provider=provider,
        usage=usage,
        input_semantics=rule,
        operation=operation,
        request_model=telling.text("ai.model.id", semconv.GEN_AI_REQUEST_MODEL),
        response_model=telling.text("ai.response.model", semconv.GEN_AI_RESPONSE_MODEL),
        response_id=_given(telling.text("ai.response.id", semconv.GEN_AI_RESPONSE_ID)),
        finish_reason=telling.texts(*semconv.TOLD_FINISH),
        is_stream=name.endswith(".doStream"),
        service_tier=_tier_in(metadata),
        time_to_first_token_ns=nanoseconds(telling.attributes.get("ai.response.msToFirstChunk"), 1_000_000),
    )
    return _with_raw(call, metadata)


def read_conventions(telling: Telling) -> LLMCall | None:
    """Return the call that a span of the scope `gen_ai` tells of; one with a version is somebody else's."""
    if telling.scope_version:
        return conventions.read(telling)
    operation = telling.text(semconv.GEN_AI_OPERATION_NAME)
    if operation in _AUDIO:
        return _audio(telling, operation, semconv.GEN_AI_USAGE_PREFIX)
    if operation in _WRAPPED and not telling.is_error and not any(name in telling.attributes for name in _ANSWERED):
        return None  # the one around it
    provider = _provider_of(telling)
    metadata = from_json(telling.attributes.get(_METADATA))
    first = nanoseconds(telling.attributes.get(semconv.TOLD_FIRST_CHUNK_BY_VERCEL), 1_000_000_000)
    call = genai.read(
        telling,
        NAME,
        known="inclusive",
        amend=_add_details,
        quality=UsageQuality.ESTIMATED if _may_lack_writes(telling, provider) else UsageQuality.REPORTED,
        provider=provider,
        response_id=_given(telling.text(semconv.GEN_AI_RESPONSE_ID)),
        service_tier=_tier_in(metadata),
        time_to_first_token_ns=first,
        is_stream=first is not None,
    )
    return call and _with_raw(call, metadata)


def _audio(telling: Telling, operation: str, prefix: str) -> LLMCall:
    """Return a call whose usage is told as the provider gave it, in JSON or by attributes that begin so."""
    provider = _provider_of(telling)
    said = from_json(telling.attributes.get("ai.response.usage")) or _nested(telling, prefix)
    reading = read_answer(provider, {"usage": said})
    usage = None if reading.fault else reading.usage
    return call_of(
        telling,
        NAME,
        provider=provider,
        usage=usage,
        input_semantics=RAW if usage else "",
        operation=_AUDIO[operation],
        request_model=telling.text("ai.model.id", semconv.GEN_AI_REQUEST_MODEL),
        is_stream=operation == "ai.streamTranscribe",
    )


def _nested(telling: Telling, prefix: str) -> dict[str, Any]:
    """Return the attributes that begin so as the object that they were made of."""
    said: dict[str, Any] = {}
    for name, value in telling.named(lambda name: name.startswith(prefix)).items():
        *path, last = name.removeprefix(prefix).split(".")
        inner = said
        for step in path:
            if not isinstance(inner.get(step), dict):
                inner[step] = {}
            inner = inner[step]
        inner[last] = value
    return said


def _meaning(telling: Telling, provider: str) -> tuple[Meaning, Meaning]:
    """Return what is known, and what is assumed, of the input that a span of the scope `ai` tells.

    Streams do not show their version. But before version 6 Anthropic's metadata never lacked.
    """
    told = _VERSION.search(telling.text(_USER_AGENT))
    is_later = told is not None and int(told[1]) >= _FIRST_INCLUSIVE
    if is_later or telling.count(f"{_DETAILS}noCacheTokens", _CACHE_READ) is not None:
        return "inclusive", "inclusive"
    lacks_metadata = told is None and provider == "anthropic" and _METADATA not in telling.attributes
    return "", "exclusive" if provider in _EXCLUSIVE and not lacks_metadata else "inclusive"


def _add_details(telling: Telling, counts: Counts) -> None:
    """Add what version 7 tells where `usage` is switched on: of the three parts of the input, one may be left out."""
    uncached = telling.count(f"{_DETAILS}noCacheTokens")
    counts.reasoning = telling.count(_REASONING, *semconv.TOLD_REASONING)
    if uncached is not None and counts.input is not None and counts.cache_write is None:
        counts.cache_write = max(counts.input - uncached - (counts.cache_read or 0), 0)


def _may_lack_writes(telling: Telling, provider: str) -> bool:
    """Tell whether tokens that were written to a cache may be among the input and nothing says how many."""
    is_object = telling.text(semconv.GEN_AI_OUTPUT_TYPE) == "json"
    return is_object and provider in _EXCLUSIVE and telling.count(f"{_DETAILS}noCacheTokens") is None


def _given(response_id: str) -> str:
    """Return the id of an answer, empty for one that the provider did not give."""
    return "" if response_id.startswith(_MADE_UP) else response_id


def _tier_in(metadata: Mapping[str, Any]) -> str:
    return word(section(metadata, "openai", "azure"), "serviceTier")


def _with_raw(call: LLMCall, metadata: Mapping[str, Any]) -> LLMCall:
    """Return the call with the provider's own usage, where its metadata have it."""
    told = section(section(metadata, "anthropic"), "usage")
    google = section(section(metadata, "google", "vertex"), "usageMetadata")
    if not told and not google:
        return call
    reading = read_answer(call.provider, {"usage": told} if told else {"usageMetadata": google})
    if reading.usage is None or reading.fault:
        return call
    usage = reading.usage
    if call.is_stream and call.usage and told and not told.get("iterations"):
        # The first releases for version 5 kept the usage of the stream's first event, before most of the output.
        usage = replace(usage, output_tokens=max(usage.output_tokens, call.usage.output_tokens))
    return replace(
        call,
        usage=usage,
        billed=reading.billed,
        usage_quality=UsageQuality.PARTIAL if call.error_type or reading.is_partial else UsageQuality.REPORTED,
        input_semantics=RAW,
        service_tier=reading.service_tier or call.service_tier,
        speed=reading.speed,
        region=reading.region,
    )


def _provider_of(telling: Telling) -> str:
    """Return the provider without the API that follows it, as in `anthropic.messages`; `google.vertex` is one name."""
    said = telling.text("ai.model.provider", *semconv.TOLD_PROVIDER)
    if said.startswith(("google.vertex", "vertex")):
        return canonical_provider("vertex")
    is_whole = said.startswith(("aws.", "azure.ai.", "gcp."))
    return canonical_provider(said if is_whole else said.partition(".")[0])


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
        reasoning=telling.count(_REASONING, "ai.usage.reasoningTokens", *semconv.TOLD_REASONING),
    )
