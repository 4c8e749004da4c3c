"""What a recording's provider billed, compared with what record and span tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_llmcost import semconv

if TYPE_CHECKING:
    from otel_llmcost.call import LLMCall
    from tests.instrument.conftest import Telemetry
    from tests.support.replay import Recording


def assert_told_as_expected(recording: Recording, telemetry: Telemetry) -> None:
    """Assert that there is one record and one span, and that both equal `expected` in every non-null field."""
    call = telemetry.call()
    (span,) = telemetry.spans()
    assert f"{span.context.trace_id:032x}/{span.context.span_id:016x}" == f"{call.trace_id}/{call.span_id}"
    expected = {key: value for key, value in (recording.expected or {}).items() if value is not None}
    if not expected:
        return
    if "service_tier" in expected:
        expected["service_tier"] = str(expected["service_tier"])  # an enumeration, which protobuf writes as a number
    for told in (told_by_record(call), told_by_span(dict(span.attributes or {}))):
        assert {key: told[key] for key in expected} == expected


def told_by_record(call: LLMCall) -> dict[str, Any]:
    usage = call.usage
    assert usage is not None
    return {
        "model": call.response_model,
        "response_id": call.response_id,
        "input": usage.input_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens,
        "service_tier": call.service_tier,
        "web_search": usage.web_search,
    }


def told_by_span(attributes: dict[str, Any]) -> dict[str, Any]:
    written = attributes.get(semconv.GEN_AI_USAGE_CACHE_WRITE, 0)
    for_an_hour = attributes.get(semconv.USAGE_ATTRIBUTES["cache_write_1h_tokens"], 0)
    return {
        "model": attributes.get(semconv.GEN_AI_RESPONSE_MODEL),
        "response_id": attributes.get(semconv.GEN_AI_RESPONSE_ID),
        "input": attributes.get(semconv.USAGE_ATTRIBUTES["input_tokens"]),
        "cache_read": attributes.get(semconv.USAGE_ATTRIBUTES["cache_read_tokens"]),
        "cache_write_5m": written - for_an_hour,
        "cache_write_1h": for_an_hour,
        "output": attributes.get(semconv.USAGE_ATTRIBUTES["output_tokens"]),
        "reasoning": attributes.get(semconv.USAGE_ATTRIBUTES["reasoning_tokens"]),
        "service_tier": attributes.get(semconv.SERVICE_TIER),
        "web_search": attributes.get(semconv.USAGE_ATTRIBUTES["web_search"], 0),
    }
