"""Requests as protobuf allows them and no exporter writes them: out of order, in parts, twice, with unknown fields."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

VARINT, FIXED64, DELIMITED, GROUP, END_GROUP, FIXED32 = range(6)


def varint(number: int, *, stretched_to: int = 1) -> bytes:
    """A varint; protobuf allows for more bytes than it needs."""
    number &= 2**64 - 1
    groups = []
    while number > 127 or len(groups) + 1 < stretched_to:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes((*groups, number))


def field(number: int, kind: int, content: bytes, *, stretched_to: int = 1) -> bytes:
    tag = varint(number << 3 | kind, stretched_to=stretched_to)
    return tag + (varint(len(content), stretched_to=stretched_to) if kind == DELIMITED else b"") + content


def anything(rng: Random, depth: int = 0) -> bytes:
    """A field that nobody knows, or one that is known but of another kind."""
    number, kind = rng.choice((1, 2, 3, 6, 9, 15, 16, 200, 2**20, 2**29 - 1)), rng.randrange(6)
    if kind == VARINT:
        return field(number, kind, varint(rng.getrandbits(64), stretched_to=rng.randrange(1, 11)))
    if kind in (FIXED64, FIXED32):
        return field(number, kind, rng.randbytes(8 if kind == FIXED64 else 4))
    if kind == DELIMITED:
        number = rng.choice((4, 20, 300))  # of a known one it would be more of it
        return field(number, kind, rng.randbytes(rng.choice((0, 3, 200))))
    inner = anything(rng, depth + 1) if depth < 5 else b""
    return field(number, GROUP, inner) + field(number, END_GROUP, b"")


def strangely(message: Any, rng: Random, odd: float) -> bytes:
    """The bytes of a message as no exporter writes them: out of order, in parts, twice, with what nobody knows."""
    pieces = [
        _piece(about, each, rng, odd)
        for about, told in message.ListFields()
        for each in (told if about.is_repeated else [told])
    ]
    if rng.random() < odd:
        pieces.insert(rng.randrange(len(pieces) + 1), anything(rng))
    if rng.random() < odd:
        pieces.insert(rng.randrange(len(pieces) + 1), rng.choice(pieces or [b""]))
    if rng.random() < odd:
        rng.shuffle(pieces)
    return b"".join(pieces)


def _piece(about: Any, told: Any, rng: Random, odd: float) -> bytes:
    kind = type(about)
    stretch = rng.randrange(1, 6) if rng.random() < odd else 1
    if about.type == kind.TYPE_MESSAGE:
        parts = 2 if rng.random() < odd / 2 and not about.is_repeated else 1
        contents = (strangely(told, rng, odd) for _ in range(parts))
        return b"".join(field(about.number, DELIMITED, content, stretched_to=stretch) for content in contents)
    if about.type in (kind.TYPE_STRING, kind.TYPE_BYTES):
        said = told.encode() if isinstance(told, str) else told
        if rng.random() < odd / 200:
            said += b"\xff"  # in a text no UTF-8; in an id a byte too many
        return field(about.number, DELIMITED, said, stretched_to=stretch)
    if about.type in (kind.TYPE_FIXED64, kind.TYPE_FIXED32, kind.TYPE_DOUBLE):
        form = {kind.TYPE_FIXED64: "<Q", kind.TYPE_FIXED32: "<I", kind.TYPE_DOUBLE: "<d"}[about.type]
        return field(about.number, FIXED32 if form == "<I" else FIXED64, struct.pack(form, told))
    return field(about.number, VARINT, varint(int(told), stretched_to=2 * stretch))


def damaged(data: bytes, rng: Random) -> bytes:
    """The same with bytes cut off or changed: mostly no protobuf any more."""
    changed = bytearray(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.3 else data)
    for _ in range(rng.choice((0, 1, 1, 4)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)
