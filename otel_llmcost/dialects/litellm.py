"""LiteLLM's callback: the conventions' words; it sums what Anthropic and Bedrock count apart, so input is inclusive.

Where a stream tells no usage it counts by itself, and then knows no details of the input: those counts are estimates.
Cached and reasoning tokens it tells only in its own usage object, which stands among the metadata as Python writes it;
for Anthropic the latter are counted by itself. An answer that it has translated bears an id of its own, and a stream
the model that was asked for. The raw request that it shows below a call is the same call. Guardrails, MCP tools and
vector stores are none.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.dialects.reading import from_text, maker_of
from otel_llmcost.providers.reading import objects, section
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Counts
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "litellm"
SCOPES: Final = ("litellm",)
_NO_CALLS: Final = ("raw_gen_ai_request", "execute_guardrail", "guardrail")
_USAGE: Final = "metadata.usage_object"
_MODEL: Final = "litellm.provider.model"
_OWN_ID: Final = re.compile(r"chatcmpl-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WRAPPED_ID: Final = re.compile(rb"response_id:([^;]+)")


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of LiteLLM tells of."""
    if telling.name.startswith(_NO_CALLS):
        return None
    model, answered = telling.text(semconv.GEN_AI_REQUEST_MODEL), telling.text(semconv.GEN_AI_RESPONSE_MODEL)
    is_stream = telling.flag(*semconv.TOLD_STREAM)
    is_repeated = is_stream and answered == model
    usage = from_text(telling.attributes.get(_USAGE))
    is_counted = is_stream and bool(usage) and section(usage, "prompt_tokens_details") is None
    return genai.read(
        telling,
        NAME,
        known="inclusive",
        amend=_amend,
        quality=UsageQuality.ESTIMATED if is_counted else UsageQuality.REPORTED,
        provider=_provider_of(telling, model),
        response_model="" if is_repeated else answered,
        response_id=_id_of(telling.text(semconv.GEN_AI_RESPONSE_ID)),
    )


def _provider_of(telling: Telling, model: str) -> str:
    """Return the provider; LiteLLM leaves it out for `responses`, and often puts it before the model."""
    told = telling.text(*semconv.TOLD_PROVIDER)
    before, slash, _ = telling.text(_MODEL).partition("/")
    return told or (before if slash else maker_of(model))


def _amend(telling: Telling, counts: Counts) -> None:
    """Add what LiteLLM's usage object says, and take off what it adds of other models that were asked on the way."""
    usage = from_text(telling.attributes.get(_USAGE))
    within, out = section(usage, "prompt_tokens_details") or {}, section(usage, "completion_tokens_details") or {}
    if counts.cache_read is None:
        counts.cache_read = _first(within, "cached_tokens") or _first(usage, "cache_read_input_tokens")
    if counts.cache_write is None:
        names = ("cache_creation_tokens", "cache_write_tokens")
        counts.cache_write = _first(within, *names) or _first(usage, "cache_creation_input_tokens")
    if counts.cache_write_1h is None:
        counts.cache_write_1h = _first(section(within, "cache_creation_token_details"), "ephemeral_1h_input_tokens")
    if counts.reasoning is None and telling.text(*semconv.TOLD_PROVIDER) != "anthropic":
        counts.reasoning = _first(out, "reasoning_tokens")
    more = {
        "input_audio_tokens": _first(within, "audio_tokens"),
        "output_audio_tokens": _first(out, "audio_tokens"),
        "web_search": _first(section(usage, "server_tool_use"), "web_search_requests"),
    }
    counts.more |= {name: count for name, count in more.items() if count}
    for part in objects(usage, "iterations"):
        if part.get("type") != "message" and counts.input is not None and counts.output is not None:
            counts.input -= sum(_first(part, name) or 0 for name in _INPUTS)
            counts.output -= _first(part, "output_tokens") or 0


_INPUTS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def _first(of: Any, *names: str) -> int | None:
    """Return the first of these numbers that is told, None for none."""
    return next((value for name in names if of and type(value := of.get(name)) is int), None)


def _id_of(told: str) -> str:
    """Return the provider's id of the answer: unwrapped where LiteLLM has wrapped it, empty where it made its own."""
    if _OWN_ID.fullmatch(told):
        return ""
    try:
        wrapped = _WRAPPED_ID.search(base64.b64decode(told.removeprefix("resp_"), validate=True))
    except ValueError:
        return told
    return wrapped[1].decode(errors="replace") if wrapped else told
