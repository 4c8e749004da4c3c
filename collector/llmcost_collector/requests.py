"""OTLP requests as they arrive, whatever carried them: read, sifted and checked before anything is promised.

What is kept is always protobuf. A request that cannot be read is refused whole and for good; single spans that nobody
could ever store are told in the partial success, with the reason, and the others are taken.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, EncodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from llmcost_collector.sieve import NotProtobufError, sift
from otel_llmcost.semconv import TELLING_WORDS, TELLING_WORDS_OF_LOGS
from otel_llmcost.store.rows import CLOCK_AHEAD_NS, DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from otel_llmcost.spool import Signal

_REQUEST_OF: Final[dict[Signal, Any]] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
_RESPONSE_OF: Final[dict[Signal, Any]] = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse}
_WORDS_OF: Final[dict[Signal, Sequence[bytes]]] = {"traces": TELLING_WORDS, "logs": TELLING_WORDS_OF_LOGS}
_REJECTED: Final[dict[Signal, str]] = {"traces": "rejected_spans", "logs": "rejected_log_records"}
_IDS: Final = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
MAX_MEMBERS: Final = 1_000
"""Parts of a gzip body that were compressed each by itself."""

_PIECE: Final = 64 * 1024
_UNPACKED_PIECE: Final = 1024 * 1024

_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)


class BadRequestError(ValueError):
    """Permanent: the request cannot be read, and sending it again does not help."""


class TooLargeError(BadRequestError):
    """Permanent: the request, decompressed, is larger than allowed."""


class SlowClientError(BadRequestError):
    """The body did not arrive in time, or its sender has gone."""


@dataclass(slots=True)
class Request:
    """What a request holds for us.

    Attributes:
        signal: Spans or log records.
        payload: The part of it that may tell of LLM calls, as protobuf; empty for none.
        seen: Spans or records in the whole.
        kept: Spans or records in the payload; 0 for log records, which are counted when they are decoded.
        rejected: How many were rejected, by reason.
        told: For each reason an example that names a span.
    """

    signal: Signal
    payload: bytes = b""
    seen: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    told: dict[str, str] = field(default_factory=dict)

    def reject(self, reason: str, example: str) -> None:
        """Count a span that is left out."""
        self.rejected[reason] += 1
        self.told.setdefault(reason, example)

    def answer(self) -> Any:
        """Return the response: empty, or a partial success with the count and the reasons."""
        response = _RESPONSE_OF[self.signal]()
        if self.rejected:
            said = (f"{count} × {reason}: {self.told[reason]}" for reason, count in self.rejected.items())
            response.partial_success.error_message = "; ".join(said)
            setattr(response.partial_success, _REJECTED[self.signal], self.rejected.total())
        return response


def read(signal: Signal, data: bytes, *, now_ns: int, retention_days: int) -> Request:
    """Return what a protobuf request holds for us.

    Args:
        signal: Spans or log records.
        data: The bytes of the request, decompressed.
        now_ns: The present in Unix nanoseconds.
        retention_days: Days for which calls are kept; older ones are rejected.

    Raises:
        BadRequestError: The bytes are no such request.
    """
    try:
        payload, seen = sift(data, _WORDS_OF[signal])
        message = _REQUEST_OF[signal].FromString(payload) if payload else None
    except (NotProtobufError, DecodeError) as error:
        msg = f"the body is no {_REQUEST_OF[signal].__name__}: {error}"
        raise BadRequestError(msg) from error
    request = Request(signal, payload, seen)
    if message is not None and signal == "traces":
        _check(message, request, now_ns - retention_days * DAY_NS, now_ns + CLOCK_AHEAD_NS)
    return request


def _check(message: Any, request: Request, oldest_ns: int, newest_ns: int) -> None:
    """Leave out the spans that nobody could store."""
    for group in (scope for resource in message.resource_spans for scope in resource.scope_spans):
        sound = []
        for span in group.spans:
            trace_id, span_id = span.trace_id, span.span_id
            if len(trace_id) != 16 or len(span_id) != 8 or trace_id == _NO_TRACE or span_id == _NO_SPAN:  # noqa: PLR2004
                request.reject("identity", f"trace id {trace_id[:16].hex()!r}, span id {span_id[:8].hex()!r}")
            elif not oldest_ns <= span.start_time_unix_nano <= newest_ns:
                request.reject("clock", _clock_fault(span))
            else:
                sound.append(span)
        request.kept += len(sound)
        if len(sound) < len(group.spans):
            copies = [type(span).FromString(span.SerializeToString()) for span in sound]
            del group.spans[:]
            group.spans.extend(copies)
    if request.rejected:
        request.payload = message.SerializeToString() if request.kept else b""


def _clock_fault(span: Span) -> str:
    return f"span {span.span_id.hex()} starts at Unix nanosecond {span.start_time_unix_nano}, out of what is kept"


def protobuf_of_json(signal: Signal, data: bytes) -> bytes:
    """Return the protobuf bytes of a request in OTLP's JSON, in which ids are hex and keys nobody knows are allowed.

    Raises:
        BadRequestError: The bytes are no such request.
    """
    try:
        told = json.loads(data)
        if not isinstance(told, dict):
            raise TypeError(_KIND_FAULT)  # noqa: TRY301 - told with the others
        for record in _records(told, signal):
            for name in _IDS & record.keys():
                record[name] = b64encode(bytes.fromhex(record[name])).decode()
        message = ParseDict(told, _REQUEST_OF[signal](), ignore_unknown_fields=True)
        return bytes(message.SerializeToString())
    except (ValueError, TypeError, AttributeError, RecursionError, ParseError, EncodeError, OverflowError) as error:
        msg = f"the body is no {_REQUEST_OF[signal].__name__} in JSON: {' '.join(str(error).split())[:200]}"
        raise BadRequestError(msg) from error


_KIND_FAULT: Final = "it is no object"
_LEVELS: Final[dict[Signal, tuple[tuple[str, str], ...]]] = {
    "traces": (("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans", "spans")),
    "logs": (("resourceLogs", "resource_logs"), ("scopeLogs", "scope_logs"), ("logRecords", "log_records")),
}


def _records(told: dict[str, Any], signal: Signal) -> Iterator[dict[str, Any]]:
    """Yield every span with its links, or every log record."""
    level = [told]
    for camel, snake in _LEVELS[signal]:
        level = [child for each in level for child in (each.get(camel) or each.get(snake) or ())]
    for record in level:
        yield record
        yield from record.get("links") or ()


def inflated(data: bytes, *, max_bytes: int, hold: Callable[[int], None] | None = None) -> bytes:
    """Return what was compressed with gzip.

    Args:
        data: The compressed bytes.
        max_bytes: It may have, unpacked.
        hold: Told of the bytes as they are unpacked; may raise.

    Raises:
        TooLargeError: It is more than `max_bytes`; no more than that was ever unpacked.
        BadRequestError: It is no gzip, or torn.
    """
    unpacker = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    held, position, members, view = 0, 0, 1, memoryview(data)
    try:
        while position < len(data):
            piece = view[position : position + _PIECE]  # zlib copies what it leaves over
            parts.append(unpacker.decompress(piece, min(max_bytes + 1 - held, _UNPACKED_PIECE)))
            held += len(parts[-1])
            if held > max_bytes:
                raise too_large(held, max_bytes)
            if hold is not None:
                hold(len(parts[-1]))
            position += len(piece) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            if unpacker.eof and position < len(data):  # another member follows
                members += 1
                if members > MAX_MEMBERS:
                    raise BadRequestError(_MEMBERS_FAULT)
                unpacker = zlib.decompressobj(wbits=31)
    except zlib.error as error:
        msg = f"the body is no gzip: {error}"
        raise BadRequestError(msg) from error
    if data and not unpacker.eof:
        msg = "the gzip body is torn"
        raise BadRequestError(msg)
    return b"".join(parts)


_MEMBERS_FAULT: Final = f"the gzip body has more than {MAX_MEMBERS} members"


def too_large(size: int, max_bytes: int) -> TooLargeError:
    """Return the error for a body of so many bytes or more."""
    msg = f"the request has {size} bytes or more, {max_bytes} are allowed; send smaller batches"
    return TooLargeError(msg)
