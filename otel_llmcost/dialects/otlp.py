"""Requests of OTLP, as anybody sends them, and the calls that they tell of, in whatever dialect."""

from __future__ import annotations

from functools import partial
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
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.registry import Reader

    OnFault = Callable[[Exception], None]
    SpanReader = Callable[[Span, InstrumentationScope, Mapping[str, Any]], LLMCall | None]

_ERROR: Final = 2  # STATUS_CODE_ERROR


def calls_in_traces(payload: bytes, on_fault: OnFault | None = None) -> Iterator[LLMCall]:
    """Decode the calls that an ExportTraceServiceRequest tells of, ours and those of other instrumentations.

    Args:
        payload: The request.
        on_fault: Told of a span that cannot be read, which is left out; None lets the error through.

    Raises:
        google.protobuf.message.DecodeError: The bytes are no such request.
    """
    request = ExportTraceServiceRequest.FromString(payload)
    for of_resource in request.resource_spans:
        resource = values(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            if read := span_reader_of(of_scope.scope.name):
                yield from _each(of_scope, read, resource, on_fault)


def span_reader_of(scope_name: str) -> SpanReader | None:
    """Return what reads a span of a scope, given the scope and the resource's attributes; None where nothing does."""
    if scope_name.startswith(semconv.SCOPE_PREFIX):
        return _own
    read = reader_of(scope_name)
    return partial(_others, read) if read else None


def _each(
    of_scope: ScopeSpans,
    read: SpanReader,
    resource: Mapping[str, Any],
    on_fault: OnFault | None,
) -> Iterator[LLMCall]:
    """Read span by span: what is wrong with one takes none of the others with it."""
    for span in of_scope.spans:
        try:
            call = read(span, of_scope.scope, resource)
        except Exception as error:  # anybody can send anything
            if on_fault is None:
                raise
            on_fault(error)
            continue
        if call:
            yield call


def _own(span: Span, scope: InstrumentationScope, resource: Mapping[str, Any]) -> LLMCall:
    return call_from(span, resource, scope.name, scope.version)


def _others(read: Reader, span: Span, scope: InstrumentationScope, resource: Mapping[str, Any]) -> LLMCall | None:
    names = [attribute.key for attribute in span.attributes]
    if semconv.DIALECT in names:  # a process of ours has read it already
        return _own(span, scope, resource)
    if may_tell(names) or read is coding_agents.read_span:
        return read(Telling(**telling_of(span, scope, resource)))
    return None


def telling_of(span: Span, scope: InstrumentationScope, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the `Telling` that a span is."""
    return {
        "scope_name": scope.name,
        "scope_version": scope.version,
        "name": span.name,
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "started_at_ns": span.start_time_unix_nano,
        "ended_at_ns": span.end_time_unix_nano,
        "attributes": values(span.attributes),
        "resource": resource,
        "is_error": span.status.code == _ERROR,
    }


def calls_in_logs(payload: bytes, on_fault: OnFault | None = None) -> Iterator[LLMCall]:
    """Decode the calls that an ExportLogsServiceRequest tells of: those of coding agents.

    Args:
        payload: The request.
        on_fault: Told of a record that cannot be read, which is left out; None lets the error through.

    Raises:
        google.protobuf.message.DecodeError: The bytes are no such request.
    """
    request = ExportLogsServiceRequest.FromString(payload)
    for of_resource in request.resource_logs:
        resource = values(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                try:
                    call = coding_agents.read(_of_log(record, of_scope.scope, resource))
                except Exception as error:
                    if on_fault is None:
                        raise
                    on_fault(error)
                    continue
                if call:
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
