"""What others tell, in their own dialects: spans of other instrumentations, and log records of coding agents."""

from __future__ import annotations

import time
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_llmcost import semconv
from tests.bench.collector import _openllmetry, _span
from tests.collector.telling import LOGS, call, get, post

if TYPE_CHECKING:
    from tests.collector.conftest import Running

USED = {"input_tokens": "10", "output_tokens": "90", "cache_read_tokens": "2000", "cache_creation_tokens": "300"}


def record(session: str) -> dict[str, str]:
    """Return what Claude Code tells of a request to its model: 10 tokens of input besides the cached ones."""
    said = {"event.name": "api_request", "session.id": session, "model": "claude-opus-4-7", "duration_ms": "1500"}
    return said | USED | {"request_id": f"req_{session}"}


def request_with(session: str) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.add(key=semconv.SERVICE_NAME).value.string_value = "claude-code"
    scope = logs.scope_logs.add()
    scope.scope.name = "com.anthropic.claude_code.events"
    told = scope.log_records.add(time_unix_nano=time.time_ns() - 10**9)
    for key, value in record(session).items():
        told.attributes.add(key=key).value.string_value = value
    noise = scope.log_records.add(time_unix_nano=time.time_ns())
    noise.body.string_value = "nothing that costs"
    return request


@pytest.mark.parametrize("how", ["grpc", "http", "json"])
def test_a_coding_agents_log_records_are_calls_once_however_often_they_come(up: Running, how: str) -> None:
    session = uuid.uuid4().hex
    body = request_with(session).SerializeToString()
    for _ in range(2):
        if how == "grpc":
            assert call(up.grpc, body, LOGS).code is grpc.StatusCode.OK
        elif how == "http":
            assert post(up.http, body, "/v1/logs").status == 200
        else:
            assert post(up.http, as_json(body), "/v1/logs", content_type="application/json").body == b"{}"
    sql = f"SELECT input_tokens, output_tokens, cache_read_tokens FROM llm_calls WHERE session_id = '{session}'"
    up.until(lambda: len(up.rows(sql)) > 0)
    up.until(lambda: up.collector._measured_now().bytes == 0)
    assert list(up.rows(sql)) == [(2310, 90, 2000)]


def as_json(body: bytes) -> bytes:
    from google.protobuf.json_format import MessageToJson

    return MessageToJson(ExportLogsServiceRequest.FromString(body)).encode()


def test_a_span_of_another_instrumentation_is_priced(up: Running) -> None:
    import random

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.openai.v1", "0.62.4"
    used = {semconv.USAGE_ATTRIBUTES["input_tokens"]: 1_000, semconv.USAGE_ATTRIBUTES["output_tokens"]: 100}
    rng = random.Random(uuid.uuid4().int)
    _span(rng, scope, "openai.chat", _openllmetry(rng) | used | {"llm.usage.total_tokens": 1_100})
    trace_id = scope.spans[0].trace_id.hex()
    assert post(up.http, request.SerializeToString()).status == 200
    sql = f"SELECT list_cost, dialect FROM llm_calls WHERE trace_id = '{trace_id}'"
    up.until(lambda: len(up.rows(sql)) > 0)
    assert list(up.rows(sql)) == [(Decimal("0.0035"), "openllmetry")]  # 1,000 × 2.50 USD/M + 100 × 10 USD/M


def test_what_is_told_of_logs_is_counted(up: Running) -> None:
    post(up.http, request_with("counted").SerializeToString(), "/v1/logs")
    page = get(up.http, "/metrics").body.decode()
    received = [line for line in page.splitlines() if line.startswith("llmcost_collector_received_total")]
    [of_logs] = [line for line in received if 'signal="logs"' in line]
    assert float(of_logs.rpartition(" ")[2]) >= 2
