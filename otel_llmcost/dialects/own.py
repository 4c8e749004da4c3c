"""Our own spans, as `call.to_attributes` writes them: read back to the very same `LLMCall`.

Anybody may send spans under our scope, so an attribute of another kind than we write is passed over.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost import semconv
from otel_llmcost.attribution import NOBODY, Attribution, from_entries
from otel_llmcost.call import ATTRIBUTE_OF, LLMCall
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_INT64_MAX: Final = 2**63 - 1
_MAX_SECONDS: Final = 2**63 / 1e9
"""A longer time has more nanoseconds than 64 bits hold; NaN is no shorter one."""

_FIELD_OF: Final = {attribute: name for name, attribute in ATTRIBUTE_OF.items()}
_KIND_OF: Final = {
    field.name: int if field.default is None else type(field.default) if field.name != "provider" else str
    for field in fields(LLMCall)
}
_HOME: Final[dict[str, tuple[str, type, int]]] = {
    **{attribute: (name, _KIND_OF[name], 0) for attribute, name in _FIELD_OF.items()},
    **{attribute: (name, int, 1) for name, attribute in semconv.USAGE_ATTRIBUTES.items()},
    **{attribute: (name, int, 2) for name, attribute in semconv.BILLED_ATTRIBUTES.items()},
}
"""Where each attribute belongs: its name there, its type, and whether it is a field of the call (0), a count of its
usage (1) or a count of what is billed (2)."""


_BESIDE: Final = (
    semconv.GEN_AI_USAGE_CACHE_WRITE,
    semconv.GEN_AI_RESPONSE_FINISH_REASONS,
    semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
)
"""Attributes that have a shape of their own."""


def is_read(name: str) -> bool:
    """Tell whether an attribute of one of our spans says anything of its call."""
    return name in _HOME or name in _BESIDE or name.startswith(semconv.ATTRIBUTION_PREFIX)


def calls_in(payload: bytes) -> Iterator[LLMCall]:
    """Decode the calls that an ExportTraceServiceRequest of ours tells of; other scopes are passed over.

    Raises:
        google.protobuf.message.DecodeError: The bytes are no such request.
    """
    request = ExportTraceServiceRequest.FromString(payload)
    for of_resource in request.resource_spans:
        resource = values(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            if of_scope.scope.name.startswith(semconv.SCOPE_PREFIX):
                for span in of_scope.spans:
                    yield call_from(span, resource, of_scope.scope.name, of_scope.scope.version)


def call_from(span: Span, resource: Mapping[str, Any], scope_name: str, scope_version: str) -> LLMCall:
    """Return the call that one of our spans tells of."""
    said = values(span.attributes)
    told: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    billed: dict[str, Any] = {}
    homes = (told, counts, billed)
    entries: dict[str, Any] = {}
    for key, value in said.items():  # once over what is said, not once for everything that could be
        if (home := _HOME.get(key)) is None:
            if key.startswith(semconv.ATTRIBUTION_PREFIX):
                entries[key] = value
        elif type(value) is home[1]:
            homes[home[2]][home[0]] = value
    usage = _usage(counts, said)
    return LLMCall(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        started_at_ns=span.start_time_unix_nano,
        duration_ns=min(max(span.end_time_unix_nano - span.start_time_unix_nano, 0), _INT64_MAX),
        provider=told.pop("provider", ""),
        usage=usage,
        billed=Usage(**billed) if billed else None,
        usage_quality=_quality(said.get(semconv.USAGE_QUALITY), usage),
        attribution=from_entries(entries).over(_of_resource(resource)),
        service_name=str(resource.get(semconv.SERVICE_NAME, "")),
        service_version=str(resource.get(semconv.SERVICE_VERSION, "")),
        finish_reason=_joined(said.get(semconv.GEN_AI_RESPONSE_FINISH_REASONS)),
        time_to_first_token_ns=_nanoseconds(said.get(semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK)),
        scope_name=scope_name,
        scope_version=scope_version,
        **told,
    )


def _quality(said: object, usage: Usage | None) -> UsageQuality:
    """Return how good the counts are; of counts that somebody told without saying so, that they were reported."""
    if said in _QUALITIES:
        return UsageQuality(said)
    return UsageQuality.MISSING if usage is None else UsageQuality.REPORTED


_QUALITIES: Final = [quality.value for quality in UsageQuality]


def _joined(said: object) -> str:
    return ",".join(map(str, said)) if isinstance(said, list) else ""


def _nanoseconds(seconds: object) -> int | None:
    return round(seconds * 1e9) if isinstance(seconds, float) and abs(seconds) < _MAX_SECONDS else None


def _of_resource(resource: Mapping[str, Any]) -> Attribution:
    environment = resource.get(semconv.DEPLOYMENT_ENVIRONMENT_NAME)
    return Attribution(environment=str(environment)) if environment else NOBODY


def _usage(counts: Mapping[str, int], said: Mapping[str, Any]) -> Usage | None:
    if not counts:
        return None
    written = said.get(semconv.GEN_AI_USAGE_CACHE_WRITE)
    written = written if type(written) is int else 0
    return Usage(**counts, cache_write_5m_tokens=written - counts.get("cache_write_1h_tokens", 0))


def values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes as Python has them."""
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind)
