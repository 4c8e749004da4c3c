"""Traces as OpenTelemetry Collectors have written them: to ClickHouse, or to a file of OTLP JSON."""

from __future__ import annotations

import base64
import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost.call import LLMCall
from otel_llmcost.dialects.otlp import calls_in_traces
from otel_llmcost.errors import ConfigError
from otel_llmcost.ledger.backfill import BATCH_CALLS, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from otel_llmcost.store import Store

_TABLE: Final = re.compile(r"(\w+\.)?\w+")
_COLUMNS: Final = frozenset({"Timestamp", "TraceId", "SpanId", "SpanAttributes", "ResourceAttributes", "Duration"})
_ANY: Final = "SELECT * FROM {table} LIMIT 0"
_HOURS: Final = """
SELECT DISTINCT toUnixTimestamp(toStartOfHour(Timestamp, 'UTC')) AS hour
FROM {table}
WHERE Timestamp >= toDateTime({since:UInt32}, 'UTC')
ORDER BY hour
"""
_SPANS: Final = """
SELECT
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    TraceId,
    SpanId,
    ParentSpanId,
    SpanName,
    toUnixTimestamp64Nano(Timestamp),
    Duration,
    StatusCode,
    SpanAttributes
FROM {table}
WHERE Timestamp >= toDateTime({hour:UInt32}, 'UTC')
    AND Timestamp < toDateTime({hour:UInt32} + 3600, 'UTC')
ORDER BY
    ScopeName,
    ScopeVersion
"""
_NUMBERED: Final = re.compile(r"usage|token|cost|count|bytes|duration|latency|time_to|time_of|max_|quantity|seed")
_INTEGER: Final = re.compile(r"-?\d{1,18}")
_ERRORS: Final = frozenset({"Error", "STATUS_CODE_ERROR"})


def parts_of_table(source: Store, table: str, position: int) -> Iterator[Part]:
    """Yield the calls of a table of the stock ClickHouse exporter, hour by hour.

    Args:
        source: The store, or the server, that has the table.
        table: `otel_traces`, or `database.otel_traces`.
        position: Unix seconds of the hour to begin with.

    Raises:
        ConfigError: That is no such table.
    """
    if not _TABLE.fullmatch(table):
        msg = f"{table!r} is no table; write database.table"
        raise ConfigError(msg)
    if source.query(f"EXISTS TABLE {table}").rows[0][0] == 0:
        msg = f"there is no table {table} in {source.location}; name database.table, and by --source-dsn its server"
        raise ConfigError(msg)
    names = set(source.query(_ANY.replace("{table}", table)).names)
    if missing := sorted(_COLUMNS - names):
        msg = f"{table} lacks {', '.join(missing)}; it is not a table of the Collector's ClickHouse exporter"
        raise ConfigError(msg)
    for (hour,) in source.query(_HOURS.replace("{table}", table), {"since": position}):
        rows = source.query(_SPANS.replace("{table}", table), {"hour": hour})
        yield Part(_calls_of_rows(rows), int(str(hour)) + 3600)


def _calls_of_rows(rows: Any) -> list[LLMCall]:
    request = ExportTraceServiceRequest()
    for (resource, name, version), spans in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
        of_resource = request.resource_spans.add()
        for key, text in resource.items():
            _put(of_resource.resource.attributes.add(), key, text)
        of_scope = of_resource.scope_spans.add()
        of_scope.scope.name, of_scope.scope.version = name, version
        for _, _, _, trace_id, span_id, parent_id, span_name, started_ns, duration_ns, status, attributes in spans:
            span = of_scope.spans.add(
                trace_id=bytes.fromhex(trace_id),
                span_id=bytes.fromhex(span_id),
                parent_span_id=bytes.fromhex(parent_id),
                name=span_name,
                start_time_unix_nano=started_ns,
                end_time_unix_nano=started_ns + int(duration_ns),
            )
            if status in _ERRORS:
                span.status.code = span.status.STATUS_CODE_ERROR
            for key, text in attributes.items():
                _put(span.attributes.add(), key, text)
    return list(calls_in_traces(request.SerializeToString()))


def _put(attribute: KeyValue, key: str, text: str) -> None:
    """Put a value that the exporter wrote as text; counts become numbers again, and lists become lists."""
    attribute.key = key
    if _NUMBERED.search(key) and _INTEGER.fullmatch(text):
        attribute.value.int_value = int(text)
    elif text in ("true", "false"):
        attribute.value.bool_value = text == "true"
    elif text.startswith("[") and (entries := _list_of(text)) is not None:
        for entry in entries:
            _put_one(attribute.value.array_value.values.add(), entry)
    elif _NUMBERED.search(key) and (number := _float_of(text)) is not None:
        attribute.value.double_value = number
    else:
        attribute.value.string_value = text


def _put_one(value: AnyValue, entry: object) -> None:
    if isinstance(entry, int) and not isinstance(entry, bool):
        value.int_value = entry
    else:
        value.string_value = str(entry)


def _list_of(text: str) -> list[object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    is_plain = isinstance(found, list) and all(isinstance(entry, str | int) for entry in found)
    return found if is_plain else None


def _float_of(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def parts_of_file(path: Path, position: int) -> Iterator[Part]:
    """Yield the calls of a file of OTLP JSON: one ExportTraceServiceRequest a line, as the file exporter writes it.

    Args:
        path: The file.
        position: The bytes to skip.
    """
    with path.open("rb") as file:
        file.seek(position)
        calls, faults = list[LLMCall](), list[str]()
        while line := file.readline():
            if line.strip():
                try:
                    calls += calls_in_traces(_request_of(json.loads(line)).SerializeToString())
                except (ValueError, ParseError, TypeError, AttributeError) as exc:
                    faults.append(f"{path}, before byte {file.tell()}: {' '.join(str(exc).split())[:200]}")
            if len(calls) >= BATCH_CALLS:
                yield Part(calls, file.tell(), faults)
                calls, faults = [], []
        yield Part(calls, file.tell(), faults)


def _request_of(told: Mapping[str, Any]) -> ExportTraceServiceRequest:
    """Return a request from OTLP JSON, in which ids are hex and not, as protobuf has it elsewhere, base64."""
    for of_resource in told.get("resourceSpans", ()):
        for of_scope in of_resource.get("scopeSpans", ()):
            for span in of_scope.get("spans", ()):
                _ids_in_base64(span)
                for link in span.get("links", ()):
                    _ids_in_base64(link)
    request = ExportTraceServiceRequest()
    ParseDict(told, request, ignore_unknown_fields=True)
    return request


def _ids_in_base64(holder: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in holder:
            holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()
