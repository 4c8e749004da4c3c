"""Requests as anybody sends them: ours and other people's spans, and spans that tell of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.dialects.otlp import calls_in_traces
from otel_llmcost.dialects.registry import reader_of
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    import pytest

    from otel_llmcost.dialects.telling import Telling

IDS = {"trace_id": "1" * 32, "span_id": "2" * 16, "started_at_ns": 5, "duration_ns": 7}


def request_of(scope: str, said: dict[str, object]) -> bytes:
    call = LLMCall(**IDS, provider="", scope_name=scope, scope_version="1.2")  # type: ignore[arg-type]
    return encoded([(call, said)], {"service.name": "shop"})  # type: ignore[dict-item, list-item]


def test_spans_of_others_are_read_beside_ours() -> None:
    ours = LLMCall(**IDS, provider="openai", usage=Usage(input_tokens=3), scope_name="otel_llmcost.openai")  # type: ignore[arg-type]
    request = ExportTraceServiceRequest.FromString(encoded([(ours, to_attributes(ours))], {}))
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5.2", "gen_ai.usage.input_tokens": 4}
    request.MergeFromString(request_of("opentelemetry.instrumentation.genai.openai", said))
    request.MergeFromString(request_of("opentelemetry.instrumentation.httpx", said))
    request.MergeFromString(request_of("my.app", {"http.route": "/chat"}))

    first, second = calls_in_traces(request.SerializeToString())

    assert (first.dialect, second.dialect) == ("", "opentelemetry")
    assert (second.usage, second.service_name, second.scope_version) == (Usage(input_tokens=4), "shop", "1.2")
    assert (second.started_at_ns, second.duration_ns) == (5, 7)


def test_what_a_process_of_ours_has_read_is_not_read_again() -> None:
    """It comes in our words under the scope of others: an exclusive input was summed up, and stays so."""
    read = LLMCall(
        **IDS,  # type: ignore[arg-type]
        provider="aws.bedrock",
        operation="chat",
        usage=Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90),
        usage_quality=UsageQuality.REPORTED,
        scope_name="opentelemetry.instrumentation.genai.bedrock",
        dialect="opentelemetry",
        input_semantics="exclusive:scope",
    )
    assert list(calls_in_traces(encoded([(read, to_attributes(read))], {}))) == [read]


def test_counts_nested_without_end_are_no_counts() -> None:
    said: dict[str, object] = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.usage_details": '{"a":' * 200_000,
    }
    (call,) = calls_in_traces(request_of("langfuse-sdk", said))
    assert (call.dialect, call.usage) == ("langfuse", None)


def test_a_span_on_which_a_reader_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_on_evil(telling: Telling) -> LLMCall | None:
        if telling.attributes["gen_ai.request.model"] == "evil":
            msg = "too deep"
            raise RecursionError(msg)
        return read(telling)

    read = reader_of("my.app")
    assert read is not None
    monkeypatch.setattr("otel_llmcost.dialects.otlp.reader_of", lambda _: fails_on_evil)
    request = ExportTraceServiceRequest()
    for model in ("a", "evil", "b"):
        said: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
        request.MergeFromString(request_of("my.app", said))
    faults: list[Exception] = []
    found = calls_in_traces(request.SerializeToString(), faults.append)
    assert [call.request_model for call in found] == ["a", "b"]
    assert list(map(str, faults)) == ["too deep"]


def test_a_status_of_error_is_an_error() -> None:
    request = ExportTraceServiceRequest.FromString(request_of("my.app", {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5.2",
    }))  # fmt: skip
    request.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    (call,) = calls_in_traces(request.SerializeToString())
    assert (call.error_type, call.usage) == ("error", None)
