"""What every dialect shares: a telling that is a call becomes an `LLMCall`."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.attribution import NOBODY, Attribution, from_entries
from otel_llmcost.call import LLMCall
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from otel_llmcost.dialects.telling import Telling
    from otel_llmcost.usage import Usage

_ATTRIBUTED: Final = (
    semconv.SESSION_ID,
    semconv.GEN_AI_CONVERSATION_ID,
    semconv.GEN_AI_AGENT_NAME,
    semconv.USER_ID,
)

_MAX_LITERAL: Final = 16_384
_MAX_DURATION_NS: Final = 30 * 86_400 * 1_000_000_000


def call_of(
    telling: Telling,
    dialect: str,
    *,
    provider: str,
    usage: Usage | None,
    input_semantics: str,
    quality: UsageQuality = UsageQuality.REPORTED,
    **said: Any,
) -> LLMCall:
    """Return the call that a telling tells of.

    Args:
        telling: The span.
        dialect: The name of the dialect in which it was read.
        provider: Who sells the model, in any spelling; the host decides where it is known.
        usage: What was consumed, None where that was not told.
        input_semantics: The rule by which its input was read.
        quality: How far the usage can be believed; that of a call that failed is partial.
        said: More fields of `LLMCall`.
    """
    host = telling.text(semconv.SERVER_ADDRESS)
    at_host = provider_at(host)
    error = telling.text(semconv.ERROR_TYPE) or ("error" if telling.is_error else "")
    if error and quality is UsageQuality.REPORTED:
        quality = UsageQuality.PARTIAL
    fields: dict[str, Any] = {
        "trace_id": telling.trace_id,
        "span_id": telling.span_id,
        "parent_span_id": telling.parent_span_id,
        "started_at_ns": telling.started_at_ns,
        "duration_ns": max(telling.ended_at_ns - telling.started_at_ns, 0),
        "provider": at_host or canonical_provider(provider),
        "provider_source": "host" if at_host else "span",
        "server_address": host,
        "usage": usage,
        "usage_quality": quality if usage else UsageQuality.MISSING,
        "attribution": attribution_of(telling),
        "service_name": str(telling.resource.get(semconv.SERVICE_NAME, "")),
        "service_version": str(telling.resource.get(semconv.SERVICE_VERSION, "")),
        "error_type": error,
        "scope_name": telling.scope_name,
        "scope_version": telling.scope_version,
        "dialect": dialect,
        "input_semantics": input_semantics,
    }
    call = LLMCall(**(fields | said))
    if call.attribution.feature:
        call.feature_source = "span"
    return call


def attribution_of(telling: Telling) -> Attribution:
    """Return who pays, as the span says or else the process; ours goes before what others call it."""
    entries = telling.named(is_attribution)
    said = telling.resource
    environment = next((str(said[name]) for name in semconv.TOLD_ENVIRONMENT if said.get(name)), "")
    outer = Attribution(environment=environment) if environment else NOBODY
    return (from_entries(entries) if entries else NOBODY).over(outer)


def is_attribution(name: str) -> bool:
    """Tell whether an attribute may say who pays."""
    return name.startswith(semconv.ATTRIBUTION_PREFIX) or name in _ATTRIBUTED


def nanoseconds(duration: object, unit_ns: int) -> int | None:
    """Return a duration that was told as a number of some unit, None for what is no duration of a call."""
    if isinstance(duration, int | float) and 0 <= duration * unit_ns < _MAX_DURATION_NS:
        return round(duration * unit_ns)
    return None


def from_json(text: object) -> dict[str, Any]:
    """Return the JSON object in a text, an empty one where there is none."""
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or nested without end
        return {}
    return found if isinstance(found, dict) else {}


def from_text(text: object) -> dict[str, Any]:
    """Return the object in a text, whether it was written as JSON or as Python writes a dict; else an empty one."""
    if said := from_json(text):
        return said
    if not isinstance(text, str) or not text.startswith("{") or len(text) > _MAX_LITERAL:
        return {}
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # no literal, or nested without end
        return {}
    return found if isinstance(found, dict) else {}


_MAKERS: Final = {
    "claude": "anthropic", "gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "chatgpt": "openai",
    "text-embedding": "openai", "gemini": "gcp.gemini", "mistral": "mistral_ai", "command": "cohere",
    "deepseek": "deepseek", "grok": "x_ai",
}  # fmt: skip
"""Who sells models whose names begin so."""


def maker_of(model: str) -> str:
    """Return who sells a model under that name, as far as the name says; else nothing."""
    return next((maker for start, maker in _MAKERS.items() if model.startswith(start)), "")
