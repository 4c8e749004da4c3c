"""Requests of OTLP, as anybody sends them, and the calls that they tell of, in whatever dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from otel_llmcost.dialects import coding_agents
from otel_llmcost.dialects.own import call_from, values
from otel_llmcost.dialects.registry import reader_of
from otel_llmcost.dialects.scopes import may_tell
from otel_llmcost.dialects.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.registry import Reader

_ERROR: Final = 2  # STATUS_CODE_ERROR


def calls_in_traces(payload: bytes) -> Iterator[LLMCall]:
    """Decode the calls that an ExportTraceServiceRequest tells of, ours and those of other instrumentations.

    Raises:
        google.protobuf.message.DecodeError: The bytes are no such request.
    """
    request = ExportTraceServiceRequest.FromString(payload)
    for of_resource in request.resource_spans:
        resource = values(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = of_scope.scope
            if scope.name.startswith(semconv.SCOPE_PREFIX):
                for span in of_scope.spans:
                    yield call_from(span, resource, scope.name, scope.version)
            elif read := reader_of(scope.name):
                yield from _others(of_scope, read, resource)


def _others(of_scope: ScopeSpans, read: Reader, resource: Mapping[str, Any]) -> Iterator[LLMCall]:
    scope = of_scope.scope
    for span in of_scope.spans:
        names = [attribute.key for attribute in span.attributes]
        if semconv.DIALECT in names:  # a process of ours has read it already
            yield call_from(span, resource, scope.name, scope.version)
        elif (may_tell(names) or read is coding_agents.read_span) and (call := read(_telling(span, scope, resource))):
            yield call


def _telling(span: Span, scope: InstrumentationScope, resource: Mapping[str, Any]) -> Telling:
    return Telling(
        scope_name=scope.name,
        scope_version=scope.version,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        started_at_ns=span.start_time_unix_nano,
        ended_at_ns=span.end_time_unix_nano,
        attributes=values(span.attributes),
        resource=resource,
        is_error=span.status.code == _ERROR,
    )


def calls_in_logs(payload: bytes) -> Iterator[LLMCall]:
    """Decode the calls that an ExportLogsServiceRequest tells of: those of coding agents.

    Raises:
        google.protobuf.message.DecodeError: The bytes are no such request.
    """
    request = ExportLogsServiceRequest.FromString(payload)
    for of_resource in request.resource_logs:
        resource = values(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                if call := coding_agents.read(_of_log(record, of_scope.scope, resource)):
                    yield call


def _of_log(record: LogRecord, scope: InstrumentationScope, resource: Mapping[str, Any]) -> Telling:
    at_ns = record.time_unix_nano or record.observed_time_unix_nano
    return Telling(
        scope_name=scope.name,
        scope_version=scope.version,
        name=record.event_name or record.body.string_value,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        started_at_ns=at_ns,
        ended_at_ns=at_ns,
        attributes=values(record.attributes),
        resource=resource,
    )
