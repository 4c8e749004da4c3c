"""OTLP to send, and clients that send it: what goes over the wire is what real exporters send."""

from __future__ import annotations

import gzip
import json
import os
import time
import urllib.error
import urllib.request
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otel_llmcost import semconv
from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

TRACES: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS: Final = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
METRICS: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

INPUT, OUTPUT = 1_000, 100
COST: Final = "0.003500000000"
"""1,000 × 2.50 USD/M + 100 × 10 USD/M, the published price of gpt-4o."""


def a_call(rng: Random | None = None, **said: Any) -> LLMCall:
    """Return a call of gpt-4o with an identity of its own."""
    draw = rng.randbytes if rng else os.urandom
    fields: dict[str, Any] = {
        "trace_id": draw(16).hex(),
        "span_id": draw(8).hex(),
        "started_at_ns": time.time_ns() - 1_000_000_000,
        "duration_ns": 800_000_000,
        "provider": "openai",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o",
        "usage": Usage(input_tokens=INPUT, output_tokens=OUTPUT),
        "usage_quality": UsageQuality.REPORTED,
        "attribution": Attribution(feature="search", session_id="s1"),
        "scope_name": "otel_llmcost.openai",
        "scope_version": "1",
    }
    return LLMCall(**(fields | said))


def request_of(calls: Iterable[LLMCall], service: str = "shop") -> bytes:
    """Return the request that tells of calls."""
    return encoded([(call, to_attributes(call)) for call in calls], {"service.name": service})


def request_of_others(calls: Iterable[LLMCall], service: str = "shop") -> bytes:
    """Return the request in which OpenLLMetry tells of calls."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    _put(of_resource.resource.attributes, {semconv.SERVICE_NAME: service})
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "opentelemetry.instrumentation.openai.v1"
    for call in calls:
        assert call.usage is not None
        span = of_scope.spans.add(
            trace_id=bytes.fromhex(call.trace_id),
            span_id=bytes.fromhex(call.span_id),
            parent_span_id=bytes.fromhex(call.parent_span_id),
            name="openai.chat",
            start_time_unix_nano=call.started_at_ns,
            end_time_unix_nano=call.started_at_ns + call.duration_ns,
        )
        who = {name: getattr(call.attribution, name) for name in ("feature", "session_id")}
        said = {
            semconv.GEN_AI_OPERATION_NAME: "chat",
            semconv.GEN_AI_PROVIDER_NAME: call.provider,
            semconv.GEN_AI_REQUEST_MODEL: call.request_model,
            semconv.GEN_AI_RESPONSE_MODEL: call.response_model,
            semconv.GEN_AI_RESPONSE_ID: call.response_id,
            semconv.USAGE_ATTRIBUTES["input_tokens"]: call.usage.input_tokens,
            semconv.USAGE_ATTRIBUTES["output_tokens"]: call.usage.output_tokens,
            "llm.usage.total_tokens": call.usage.input_tokens + call.usage.output_tokens,
            **{semconv.ATTRIBUTION_ATTRIBUTES[name]: told for name, told in who.items() if told},
        }
        _put(span.attributes, said)
    return request.SerializeToString()


def _put(into: Any, said: Mapping[str, str | int]) -> None:
    for key, told in said.items():
        value = into.add(key=key).value
        if isinstance(told, int):
            value.int_value = told
        else:
            value.string_value = told


def other_spans(count: int) -> bytes:
    """Return a request with spans of a web server."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.flask"
    for number in range(count):
        span = scope.spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name="GET /cart")
        span.start_time_unix_nano = time.time_ns()
        attribute = span.attributes.add(key="http.request.method")
        attribute.value.string_value = f"GET {number}"
    return request.SerializeToString()


def as_json(body: bytes) -> bytes:
    """Return a request in OTLP's JSON, where ids are hex."""
    told = MessageToDict(ExportTraceServiceRequest.FromString(body))
    for resource in told["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span |= {name: b64decode(span[name]).hex() for name in ("traceId", "spanId") if name in span}
    return json.dumps(told).encode()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def fault(self) -> Status:
        return Status.FromString(self.body)

    @property
    def response(self) -> ExportTraceServiceResponse:
        return ExportTraceServiceResponse.FromString(self.body)


def post(port: int, body: bytes, path: str = "/v1/traces", *, method: str = "POST", **headers: str) -> HttpAnswer:
    """Send a request over HTTP; `content_type="…"` is the header Content-Type."""
    said = {"content-type": "application/x-protobuf"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body or None, said, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return HttpAnswer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return HttpAnswer(error.code, dict(error.headers), error.read())


def get(port: int, path: str) -> HttpAnswer:
    return post(port, b"", path, method="GET")


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, 1)


@dataclass(frozen=True, slots=True)
class GrpcAnswer:
    """What came back over gRPC."""

    code: grpc.StatusCode
    details: str = ""
    body: bytes = b""
    retry_after_s: int | None = None

    @property
    def response(self) -> ExportTraceServiceResponse:
        return ExportTraceServiceResponse.FromString(self.body)


def call(
    port: int,
    body: bytes,
    method: str = TRACES,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    token: str = "",
    compression: grpc.Compression = grpc.Compression.NoCompression,
) -> GrpcAnswer:
    """Send a request over gRPC on a channel of its own."""
    target, options = f"127.0.0.1:{port}", [("grpc.max_send_message_length", -1)]
    channel = (
        grpc.secure_channel(target, credentials, options, compression)
        if credentials
        else grpc.insecure_channel(target, options, compression)
    )
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with channel:
        try:
            return GrpcAnswer(
                grpc.StatusCode.OK, body=channel.unary_unary(method)(body, timeout=120, metadata=metadata)
            )
        except grpc.RpcError as error:
            return GrpcAnswer(error.code(), error.details() or "", retry_after_s=_retry_after(error))


def _retry_after(error: Any) -> int | None:
    told = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if told is None:
        return None
    for detail in Status.FromString(told).details:
        retry = RetryInfo()
        if detail.Unpack(retry):
            return int(retry.retry_delay.seconds)
    return None
