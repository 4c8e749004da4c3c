"""Logfire's spans of SDKs, and those of pydantic-ai: the conventions' words, inclusive.

Logfire keeps the provider's own usage beside them (`usage.raw`, or in earlier releases in what it shows of the answer),
which tells what the words cannot: before 4.31 they left Anthropic's cached tokens out. Of a stream it
tells twice: a span of the request, which says nothing of the answer and is no call, and a log at the end of the stream,
which repeats the model that was asked for as the one that answered. Agent runs of pydantic-ai repeat the sums of their
calls; they name another operation and are none. Before 0.7 pydantic-ai left Gemini's thoughts out of the output, and
before 0.2 what met Anthropic's cache out of everything.
Source: the published packages, Logfire 3.0 to 5.2, pydantic-ai 0.1 to 2.68.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import genai
from otel_llmcost.dialects.reading import from_json, nanoseconds
from otel_llmcost.providers.reading import section
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.counts import Counts
    from otel_llmcost.dialects.telling import Telling

NAME: Final = "logfire"
SCOPES: Final = ("logfire", "pydantic-ai")
RAW: Final = "raw"
_PYDANTIC_AI: Final = "pydantic-ai"
_SPAN_TYPE: Final = "logfire.span_type"
_ANSWER: Final = "response_data"
_ANSWERED: Final = (semconv.GEN_AI_OUTPUT_MESSAGES, _ANSWER)


def read(telling: Telling) -> LLMCall | None:
    """Return the call that a span of Logfire or pydantic-ai tells of."""
    name = _PYDANTIC_AI if telling.scope_name.startswith(_PYDANTIC_AI) else NAME
    is_early = name == _PYDANTIC_AI and telling.is_before(0, 2)
    call = genai.read(
        telling,
        name,
        known="inclusive",
        amend=_add_thoughts if name == _PYDANTIC_AI and telling.is_before(0, 7) else None,
        quality=UsageQuality.ESTIMATED if is_early and _is_claude(telling) else UsageQuality.REPORTED,
    )
    if call is None or _begins_stream(telling, call):
        return None
    if telling.text(_SPAN_TYPE) == "log":
        call = _ended_stream(telling, call)
    raw = from_json(telling.attributes.get(semconv.GEN_AI_USAGE_RAW)) or _shown_usage(telling)
    if not raw:
        return call
    reading = read_answer(call.provider, {"usage": raw})
    if reading.usage is None or reading.fault:
        return call
    return replace(
        call,
        usage=reading.usage,
        billed=reading.billed,
        usage_quality=UsageQuality.PARTIAL if reading.is_partial else call.usage_quality,
        service_tier=reading.service_tier or call.service_tier,
        input_semantics=RAW,
    )


def _shown_usage(telling: Telling) -> Mapping[str, Any]:
    """Return the provider's own usage in what Logfire shows of the answer, an empty one where there is none."""
    return section(from_json(telling.attributes.get(_ANSWER)), "usage") or {}


def _is_claude(telling: Telling) -> bool:
    return "claude" in telling.text(semconv.GEN_AI_RESPONSE_MODEL, semconv.GEN_AI_REQUEST_MODEL)


def _add_thoughts(telling: Telling, counts: Counts) -> None:
    if (thoughts := telling.count(semconv.TOLD_THOUGHTS)) and counts.output is not None:
        counts.output += thoughts


def _begins_stream(telling: Telling, call: LLMCall) -> bool:
    """Tell whether a span of Logfire's has nothing of an answer, though it ended well."""
    is_request = telling.text(_SPAN_TYPE) == "span" and not telling.scope_name.startswith(_PYDANTIC_AI)
    is_answered = call.usage or call.response_id or any(name in telling.attributes for name in _ANSWERED)
    return is_request and not is_answered and not call.error_type


def _ended_stream(telling: Telling, call: LLMCall) -> LLMCall:
    """Return the call that a log at the end of a stream tells of: it began as long ago as it took."""
    took = nanoseconds(telling.attributes.get("duration"), 1_000_000_000) or 0
    model = call.response_model if call.response_id else ""
    return replace(
        call, started_at_ns=call.started_at_ns - took, duration_ns=took, is_stream=True, response_model=model
    )
