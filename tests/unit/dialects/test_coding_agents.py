"""The log records of coding agents, as OTLP carries them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_llmcost.dialects.otlp import calls_in_logs
from otel_llmcost.dialects.registry import reader_of
from otel_llmcost.dialects.telling import Telling
from otel_llmcost.usage import Usage, UsageQuality

AT_NS = 1_790_000_000_000_000_000

CLAUDE_CODE = {
    "event.name": "api_request", "event.timestamp": "2026-09-21T10:00:00Z", "event.sequence": 3,
    "session.id": "s-1", "user.id": "u-1", "model": "claude-opus-4-7", "duration_ms": "1500", "cost_usd": "0.5",
    "input_tokens": "10", "output_tokens": "90", "cache_read_tokens": "2000", "cache_creation_tokens": "300",
    "request_id": "req_1", "organization.id": "org-1", "speed": "fast", "query_source": "main", "effort": "high",
}  # fmt: skip
GEMINI_CLI = {
    "session.id": "s-2", "installation.id": "i-1", "interactive": "true", "auth_type": "oauth-personal",
    "event.name": "gemini_cli.api_response", "event.timestamp": "2026-09-21T10:00:00.000Z", "model": "gemini-2.5-pro",
    "duration_ms": 800, "input_token_count": 100, "output_token_count": 10, "cached_content_token_count": 60,
    "thoughts_token_count": 40, "tool_token_count": 25, "total_token_count": 175, "prompt_id": "p1",
    "status_code": 200, "finish_reasons": "STOP", "role": "main", "http.status_code": 200,
}  # fmt: skip
"""Every attribute that 0.61.0 writes, `role` where it knows one."""
CODEX = {
    "event.name": "codex.sse_event", "event.kind": "response.completed", "conversation.id": "c-1", "model": "gpt-5.1",
    "input_token_count": 100, "cached_token_count": 40, "output_token_count": 10, "reasoning_token_count": 5,
    "tool_token_count": 110,
}  # fmt: skip


def logs(*records: dict[str, Any], scope: str = "", service: str = "", at_ns: int = AT_NS, **fields: Any) -> bytes:
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    attribute = of_resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    of_scope = of_resource.scope_logs.add()
    of_scope.scope.name = scope
    for said in records:
        record = of_scope.log_records.add(time_unix_nano=at_ns, **fields)
        for key, value in said.items():
            kind = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
            setattr(record.attributes.add(key=key).value, kind, value)
    return request.SerializeToString()


def test_claude_code_counts_as_anthropic_does() -> None:
    (call,) = calls_in_logs(logs(CLAUDE_CODE, scope="com.anthropic.claude_code.events", service="claude-code"))

    assert call.usage == Usage(input_tokens=2310, cache_read_tokens=2000, cache_write_5m_tokens=300, output_tokens=90)
    assert (call.provider, call.response_model, call.dialect) == ("anthropic", "claude-opus-4-7", "claude-code")
    assert (call.input_semantics, call.provider_request_id) == ("exclusive:scope", "req_1")
    assert (call.started_at_ns, call.duration_ns) == (AT_NS - 1_500_000_000, 1_500_000_000)
    assert (call.attribution.session_id, call.attribution.user) == ("s-1", "u-1")
    assert (call.billing_account_id, call.speed) == ("org-1", "fast")
    assert call.reported_cost is None, "its cost is its own estimate"


def test_gemini_cli_tells_thoughts_and_tool_prompts_beside_the_rest() -> None:
    (call,) = calls_in_logs(logs(GEMINI_CLI))
    assert call.usage == Usage(input_tokens=125, cache_read_tokens=60, output_tokens=50, reasoning_tokens=40)
    assert (call.provider, call.dialect) == ("gcp.gemini", "gemini-cli")
    (on_vertex,) = calls_in_logs(logs(GEMINI_CLI | {"auth_type": "vertex-ai"}))
    assert on_vertex.provider == "gcp.vertex_ai"


def test_gemini_cli_that_was_told_no_usage_writes_zeros_and_its_call_is_of_unknown_usage() -> None:
    zeros = {name: 0 for name in GEMINI_CLI if name.endswith("token_count")}
    (call,) = calls_in_logs(logs(GEMINI_CLI | zeros))
    assert (call.usage, call.usage_quality, call.response_model) == (None, UsageQuality.MISSING, "gemini-2.5-pro")


def test_the_span_that_gemini_cli_writes_beside_its_record_is_no_second_call() -> None:
    attributes = {
        "gen_ai.operation.name": "llm_call",
        "gen_ai.agent.name": "gemini-cli",
        "gen_ai.conversation.id": "s-2",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.prompt.name": "p1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
    }
    read = reader_of("gemini-cli")
    assert read is not None
    telling = Telling(
        scope_name="gemini-cli",
        scope_version="v1",
        name="llm_call",
        trace_id="1" * 32,
        span_id="2" * 16,
        parent_span_id="",
        started_at_ns=AT_NS - 800_000_000,
        ended_at_ns=AT_NS,
        attributes=attributes,
        resource={"service.name": "gemini-cli"},
    )
    assert read(telling) is None


def test_claude_code_tells_what_it_wrote_to_the_cache_for_an_hour() -> None:
    """2.1.330 does; where neither lifetime is told, five minutes are assumed."""
    newer = {
        "cache_creation_5m_tokens": "100",
        "cache_creation_1h_tokens": "200",
        "cost_usd_micros": "500000",
        "ttft_ms": "250",
        "client_request_id": "c-1",
    }
    (call,) = calls_in_logs(logs(CLAUDE_CODE | newer, scope="com.anthropic.claude_code.events"))
    assert call.usage == Usage(
        input_tokens=2310,
        cache_read_tokens=2000,
        cache_write_5m_tokens=100,
        cache_write_1h_tokens=200,
        output_tokens=90,
    )
    assert (call.time_to_first_token_ns, call.reported_cost) == (250_000_000, None)


def test_codex_counts_as_openai_does() -> None:
    (call,) = calls_in_logs(logs(CODEX))
    assert call.usage == Usage(input_tokens=100, cache_read_tokens=40, output_tokens=10, reasoning_tokens=5)
    assert (call.provider, call.attribution.session_id, call.dialect) == ("openai", "c-1", "codex")


def test_a_newer_codex_tells_what_was_written_to_the_cache_its_tier_and_its_first_token() -> None:
    newer = {
        "cache_write_token_count": 20,
        "service_tier": "priority",
        "ttft_ms": 250,
        "model_reasoning_effort": "high",
    }
    (call,) = calls_in_logs(logs(CODEX | newer))
    assert call.usage == Usage(
        input_tokens=100, cache_read_tokens=40, cache_write_5m_tokens=20, output_tokens=10, reasoning_tokens=5
    )
    assert (call.service_tier_requested, call.time_to_first_token_ns) == ("priority", 250_000_000)


def test_the_last_event_of_a_stream_as_codex_notes_it_is_no_second_call() -> None:
    noted = {name: CODEX[name] for name in ("event.name", "event.kind", "conversation.id", "model")}
    (call,) = calls_in_logs(logs(noted | {"duration_ms": "1200"}, CODEX))
    assert call.usage == Usage(input_tokens=100, cache_read_tokens=40, output_tokens=10, reasoning_tokens=5)


def test_a_completion_that_codex_could_not_read_is_a_call_of_unknown_usage() -> None:
    said = {name: value for name, value in CODEX.items() if "token" not in name}
    (call,) = calls_in_logs(logs(said | {"error.message": "failed to parse ResponseCompleted"}))
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, "error")


@pytest.mark.parametrize(
    ("why", "error"),
    [({"error.message": "stream closed"}, "error"), ({"error.type": "response_completed"}, "response_completed")],
)
def test_an_error_that_codex_notes_and_tells_is_one_call(why: dict[str, Any], error: str) -> None:
    """A completion that is no JSON is noted with its duration, and the stream that then lacks one is told."""
    said = {name: value for name, value in CODEX.items() if "token" not in name} | why
    (call,) = calls_in_logs(logs(said | {"duration_ms": "3"}, said))
    assert (call.usage, call.usage_quality, call.error_type) == (None, UsageQuality.MISSING, error)


def test_what_gemini_cli_tells_once_more_in_words_of_the_conventions_is_no_second_call() -> None:
    again = {
        "event.name": "gen_ai.client.inference.operation.details",
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gen_ai",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
    }
    (call,) = calls_in_logs(logs(GEMINI_CLI, again, scope="gemini-cli", service="gemini-cli"))
    assert call.dialect == "gemini-cli"


@pytest.mark.parametrize(
    "said",
    [
        CLAUDE_CODE | {"event.name": "user_prompt"},
        CLAUDE_CODE | {"event.name": "tool_result"},
        GEMINI_CLI | {"event.name": "gemini_cli.api_request"},
        CODEX | {"event.kind": "response.created"},
        CODEX | {"event.name": "codex.tool_result"},
        {"event.name": "api_request", "model": "claude-opus-4-7", "input_tokens": 5},
        {},
    ],
    ids=["prompt", "tool", "request", "created", "codex tool", "somebody else's event", "nothing"],
)
def test_other_records_are_no_calls(said: dict[str, Any]) -> None:
    scope = "com.anthropic.claude_code.events" if "session.id" in said else "another"
    assert list(calls_in_logs(logs(said, scope=scope))) == []


def test_a_record_is_the_same_call_however_often_it_is_sent_and_another_one_is_another() -> None:
    def ids(*records: dict[str, Any]) -> list[tuple[str, str]]:
        payload = logs(*records, service="claude-code")
        return [(call.trace_id, call.span_id) for call in calls_in_logs(payload)]

    again = CLAUDE_CODE | {"event.sequence": 4, "request_id": "req_2"}
    first, second = ids(CLAUDE_CODE, again)
    assert ids(CLAUDE_CODE) == [first]
    assert first[0] == second[0], "one session is one trace"
    assert first[1] != second[1]
    assert (len(first[0]), len(first[1])) == (32, 16)


def test_a_record_inside_a_trace_is_a_child_of_the_span_it_was_written_in() -> None:
    payload = logs(CLAUDE_CODE, service="claude-code", trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    (call,) = calls_in_logs(payload)
    assert (call.trace_id, call.parent_span_id) == ("01" * 16, "02" * 8)
    assert call.span_id != "02" * 8
