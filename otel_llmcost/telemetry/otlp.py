"""Calls as OTLP: one ExportTraceServiceRequest for a batch of them, written by hand.

The idea: of a call's attributes most are the same text as in the call before, so the bytes of a text attribute are
remembered, and a span is joined from them. That is a third of the work of building protobuf messages, and protobuf
with its messages (5 MB) need not be loaded into the application.
Source: opentelemetry-proto 1.x, trace.proto, common.proto; https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from otel_llmcost.call import span_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.util.types import AttributeValue

    from otel_llmcost.call import LLMCall

_KIND_CLIENT: Final = b"\x30\x03"  # field 6, SPAN_KIND_CLIENT
_STATUS_ERROR: Final = b"\x7a\x02\x18\x02"  # field 15, a Status whose code (field 3) is STATUS_CODE_ERROR
_TIMES: Final = struct.Struct("<cQcQ")  # fields 7 and 8, fixed64
_DOUBLE: Final = struct.Struct("<cd")
_BYTES: Final = [bytes((number,)) for number in range(128)]
_MASK: Final = (1 << 64) - 1
_INT64_MAX: Final = (1 << 63) - 1
MAX_REMEMBERED: Final = 2_048


def encoded(
    calls: Iterable[tuple[LLMCall, Mapping[str, AttributeValue]]], resource: Mapping[str, AttributeValue]
) -> bytes:
    """Return the bytes of a request that tells of `calls`.

    Args:
        calls: Each with the attributes that `call.to_attributes` gave for it.
        resource: The attributes of the process that made them.
    """
    scopes: dict[tuple[str, str], list[bytes]] = {}
    for call, attributes in calls:
        scopes.setdefault((call.scope_name, call.scope_version), []).append(_field(2, _span(call, attributes)))
    parts = [_field(1, b"".join([_field(1, _attribute(key, value)) for key, value in resource.items()]))]
    for (name, version), spans in scopes.items():
        scope = _field(1, name.encode()) + _field(2, version.encode())
        parts.append(_field(2, _field(1, scope) + b"".join(spans)))
    return _field(1, b"".join(parts))


def _span(call: LLMCall, attributes: Mapping[str, AttributeValue]) -> bytes:
    start = call.started_at_ns
    parent = f"2208{call.parent_span_id}" if call.parent_span_id else ""
    parts = [
        bytes.fromhex(f"0a10{call.trace_id}1208{call.span_id}{parent}"),  # fields 1, 2 and 4, of 16, 8 and 8 bytes
        _field(5, span_name(call).encode("utf-8", "replace")),
        _KIND_CLIENT,
        _TIMES.pack(b"\x39", start, b"\x41", start + call.duration_ns),
    ]
    parts += [
        _text(key, value) if type(value) is str else _field(9, _attribute(key, value))
        for key, value in attributes.items()
    ]
    if call.error_type:
        parts.append(_STATUS_ERROR)
    return b"".join(parts)


@lru_cache(MAX_REMEMBERED)
def _text(key: str, value: str) -> bytes:
    """Return a text attribute of a span."""
    return _field(9, _attribute(key, value))


def _attribute(key: str, value: AttributeValue) -> bytes:
    """Return a KeyValue."""
    return _key(key) + _field(2, _value(value))


@lru_cache(MAX_REMEMBERED)
def _key(key: str) -> bytes:
    return _field(1, key.encode())


def _value(value: AttributeValue) -> bytes:
    """Return an AnyValue."""
    if isinstance(value, str):
        return _field(1, value.encode("utf-8", "replace"))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(max(min(value, _INT64_MAX), ~_INT64_MAX) & _MASK)  # a wrapped count would look real
    if isinstance(value, float):
        return _DOUBLE.pack(b"\x21", value)
    if isinstance(value, list | tuple):
        return _field(5, b"".join([_field(1, _value(str(item))) for item in value]))
    return b""


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field, whose number is at most 15."""
    return _BYTES[number << 3 | 2] + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < 128:  # noqa: PLR2004 - seven bits to a byte
        return _BYTES[number]
    groups = bytearray()
    while number > 127:  # noqa: PLR2004
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)
