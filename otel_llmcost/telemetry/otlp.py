"""Calls as OTLP: one ExportTraceServiceRequest for a batch of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_llmcost.call import span_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.util.types import AttributeValue

    from otel_llmcost.call import LLMCall

_CLIENT: Final = Span.SpanKind.SPAN_KIND_CLIENT
_ERROR: Final = Status.StatusCode.STATUS_CODE_ERROR


def encoded(
    calls: Iterable[tuple[LLMCall, Mapping[str, AttributeValue]]], resource: Mapping[str, AttributeValue]
) -> bytes:
    """Return the bytes of a request that tells of `calls`.

    Args:
        calls: Each with the attributes that `call.to_attributes` gave for it.
        resource: The attributes of the process that made them.
    """
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    for key, value in resource.items():
        _set(of_resource.resource.attributes.add(), key, value)
    scopes = {}
    for call, attributes in calls:
        scope = (call.scope_name, call.scope_version)
        if scope not in scopes:
            scopes[scope] = of_resource.scope_spans.add()
            scopes[scope].scope.name, scopes[scope].scope.version = scope
        _fill(scopes[scope].spans.add(), call, attributes)
    data: bytes = request.SerializeToString()
    return data


def _fill(span: Span, call: LLMCall, attributes: Mapping[str, AttributeValue]) -> None:
    span.trace_id = bytes.fromhex(call.trace_id)
    span.span_id = bytes.fromhex(call.span_id)
    span.parent_span_id = bytes.fromhex(call.parent_span_id)
    span.name = span_name(call)
    span.kind = _CLIENT
    span.start_time_unix_nano = call.started_at_ns
    span.end_time_unix_nano = call.started_at_ns + call.duration_ns
    if call.error_type:
        span.status.code = _ERROR
    for key, value in attributes.items():
        _set(span.attributes.add(), key, value)


def _set(into: KeyValue, key: str, value: AttributeValue) -> None:
    into.key = key
    if isinstance(value, bool):
        into.value.bool_value = value
    elif isinstance(value, str):
        into.value.string_value = value
    elif isinstance(value, int):
        into.value.int_value = value
    elif isinstance(value, float):
        into.value.double_value = value
    elif isinstance(value, list | tuple):
        for item in value:
            into.value.array_value.values.add().string_value = str(item)
