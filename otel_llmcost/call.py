"""The record: one logical LLM request, one `LLMCall`, later one row of `llm_calls`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.attribution import NOBODY, Attribution
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.money import PicoUSD


@dataclass(slots=True, kw_only=True)
class LLMCall:
    """One logical LLM request, its retries inside the SDK included.

    Text that is absent is empty, a count that is absent is None, and 0 means zero. Filled in by one owner
    (the wrapper that made it, or the decoder that read it) and not changed after it was handed on.

    Attributes:
        trace_id: 32 lowercase hex digits, never all zero.
        span_id: 16 lowercase hex digits of our own, never the parent's.
        parent_span_id: 16 lowercase hex digits, empty for a root.
        started_at_ns: Unix nanoseconds UTC at the call's start; it dates the price.
        duration_ns: Nanoseconds until the last byte.
        provider: Who sells it, in semconv's spelling (`openai`, `anthropic`, `azure.ai.openai`, …).
        provider_source: How the provider was known: `host`, `sdk` or `config`.
        operation: chat, text_completion, embeddings, … as semconv names them.
        request_model: The model asked for.
        response_model: The model that answered.
        response_id: The provider's id of the answer; two spans that share it tell of one call.
        usage: What was consumed; None where nobody told.
        billed: What the provider bills, where it says that this is not what was consumed; None otherwise.
        usage_quality: How far `usage` can be believed.
        reported_cost: What the provider says that the call cost, in pico-USD; None where it does not say.
        attribution: Who pays.
        feature_source: `span`, `default` (environment, task or route) or empty.
        call_site: The first application frame, `module:function:line`.
        service_tier: The provider's own word for the tier that served; service_tier_requested what was asked.
        speed: The provider's own word for a faster mode that served, such as Anthropic's `fast`.
        region: Where it was processed, where the provider tells (`us`, `eu`, a cloud region).
        is_batch: Whether it was answered by a batch job.
        finish_reason: Why the answer ended, in the provider's words; several are joined by a comma.
        time_to_first_token_ns: Nanoseconds until the first piece of a stream.
        attempt_kind: first, retry or fallback; attempt_reason says why.
        rejected: Why its answer was unusable, in the application's words; empty where it was not rejected.
        resend_count: Retries inside the SDK.
        credential_id: A keyed hash of the API key; billing_account_id and sub_account_id as the provider names them.
        dialect: Who told it: empty for our own record, else the dialect in which a telling of others was read.
        input_semantics: Whether the input that others told held its cached part, and how that was known.
    """

    trace_id: str
    span_id: str
    started_at_ns: int
    provider: str
    parent_span_id: str = ""
    duration_ns: int = 0
    provider_source: str = ""
    operation: str = "chat"
    request_model: str = ""
    response_model: str = ""
    response_id: str = ""
    usage: Usage | None = None
    billed: Usage | None = None
    usage_quality: UsageQuality = UsageQuality.MISSING
    reported_cost: PicoUSD | None = None
    attribution: Attribution = NOBODY
    feature_source: str = ""
    call_site: str = ""
    service_name: str = ""
    service_version: str = ""
    server_address: str = ""
    error_type: str = ""
    finish_reason: str = ""
    is_stream: bool = False
    time_to_first_token_ns: int | None = None
    max_output_tokens: int | None = None
    input_bytes: int | None = None
    tool_call_count: int | None = None
    service_tier: str = ""
    service_tier_requested: str = ""
    speed: str = ""
    region: str = ""
    is_batch: bool = False
    billing_account_id: str = ""
    sub_account_id: str = ""
    credential_id: str = ""
    provider_request_id: str = ""
    attempt_kind: str = "first"
    attempt_reason: str = ""
    rejected: str = ""
    resend_count: int = 0
    prompt_name: str = ""
    prompt_version: str = ""
    prompt_hash: str = ""
    prompt_bytes: int | None = None
    request_hash: str = ""
    scope_name: str = ""
    scope_version: str = ""
    dialect: str = ""
    input_semantics: str = ""

    @property
    def billable(self) -> Usage | None:
        """What prices are put on."""
        return self.usage if self.billed is None else self.billed


ATTRIBUTE_OF: Final = {
    "provider": semconv.GEN_AI_PROVIDER_NAME,
    "provider_source": semconv.PROVIDER_SOURCE,
    "operation": semconv.GEN_AI_OPERATION_NAME,
    "request_model": semconv.GEN_AI_REQUEST_MODEL,
    "response_model": semconv.GEN_AI_RESPONSE_MODEL,
    "response_id": semconv.GEN_AI_RESPONSE_ID,
    "reported_cost": semconv.REPORTED_COST,
    "feature_source": semconv.FEATURE_SOURCE,
    "call_site": semconv.CALL_SITE,
    "server_address": semconv.SERVER_ADDRESS,
    "error_type": semconv.ERROR_TYPE,
    "is_stream": semconv.GEN_AI_REQUEST_STREAM,
    "max_output_tokens": semconv.GEN_AI_REQUEST_MAX_TOKENS,
    "input_bytes": semconv.INPUT_BYTES,
    "tool_call_count": semconv.TOOL_CALL_COUNT,
    "service_tier": semconv.SERVICE_TIER,
    "service_tier_requested": semconv.SERVICE_TIER_REQUESTED,
    "speed": semconv.SPEED,
    "region": semconv.INFERENCE_GEO,
    "is_batch": semconv.IS_BATCH,
    "billing_account_id": semconv.BILLING_ACCOUNT_ID,
    "sub_account_id": semconv.SUB_ACCOUNT_ID,
    "credential_id": semconv.CREDENTIAL_ID,
    "provider_request_id": semconv.PROVIDER_REQUEST_ID,
    "attempt_kind": semconv.ATTEMPT_KIND,
    "attempt_reason": semconv.ATTEMPT_REASON,
    "rejected": semconv.REJECTED,
    "resend_count": semconv.HTTP_REQUEST_RESEND_COUNT,
    "prompt_name": semconv.GEN_AI_PROMPT_NAME,
    "prompt_version": semconv.GEN_AI_PROMPT_VERSION,
    "prompt_hash": semconv.PROMPT_HASH,
    "prompt_bytes": semconv.PROMPT_BYTES,
    "request_hash": semconv.REQUEST_HASH,
    "dialect": semconv.DIALECT,
    "input_semantics": semconv.INPUT_SEMANTICS,
}
"""The span attribute of every field that travels as it is. Finish reason, time to first token, usage and
attribution have a shape of their own: see `to_attributes` and `dialects.own`."""

_SAID_BY_DEFAULT: Final = {"attempt_kind": "first", "is_stream": False, "is_batch": False, "resend_count": 0}
"""Values that say nothing new and stay off the span."""


def ids_of_answer(provider: str, answer_id: str) -> tuple[str, str]:
    """Return the trace and span id of a call that was answered later, which whoever reads the answer derives alike."""
    identity = hashlib.sha256(f"{provider}\0{answer_id}".encode()).hexdigest()
    return identity[:32], identity[32:48]


def span_name(call: LLMCall) -> str:
    """Return the span's name as semconv has it: operation and model asked for."""
    return f"{call.operation} {call.request_model}" if call.request_model else call.operation


def to_attributes(call: LLMCall) -> dict[str, str | int | float | bool | list[str]]:
    """Return the span attributes that tell of `call`; `dialects.own.call_from` reads them back to the same call."""
    attributes: dict[str, str | int | float | bool | list[str]] = {}
    for name, attribute in ATTRIBUTE_OF.items():
        value = getattr(call, name)
        if value is not None and value != "" and value != _SAID_BY_DEFAULT.get(name):
            attributes[attribute] = value
    if call.finish_reason:
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = call.finish_reason.split(",")
    if call.time_to_first_token_ns is not None:
        attributes[semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = call.time_to_first_token_ns / 1e9
    attributes[semconv.USAGE_QUALITY] = call.usage_quality.value
    if call.usage is not None:
        attributes.update(_usage_attributes(call.usage))
    if call.billed is not None:
        attributes.update(_billed_attributes(call.billed))
    attributes.update(call.attribution.entries())
    return attributes


def _usage_attributes(usage: Usage) -> dict[str, int]:
    """Return the counts: the main ones always, since a zero is a fact, the others where they are above zero."""
    said = {
        attribute: count
        for name, attribute in semconv.USAGE_ATTRIBUTES.items()
        if (count := getattr(usage, name)) or name in _MAIN_COUNTS
    }
    said[semconv.GEN_AI_USAGE_CACHE_WRITE] = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return said


def _billed_attributes(billed: Usage) -> dict[str, int]:
    """Return the counts that are billed: those above zero, and one in any case, since nothing may be billed too."""
    counts = ((name, attribute, getattr(billed, name)) for name, attribute in semconv.BILLED_ATTRIBUTES.items())
    return {attribute: count for name, attribute, count in counts if count or name == "input_tokens"}


_MAIN_COUNTS: Final = frozenset({"input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"})
