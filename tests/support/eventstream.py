"""Writes Amazon's binary event stream."""

from __future__ import annotations

import base64
import json
import zlib


def frame(kind: str, payload: object, message_type: str = "event") -> bytes:
    """Return a frame of the event stream, with the checksums that botocore verifies."""
    name = ":exception-type" if message_type == "exception" else ":event-type"
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\7" + len(value).to_bytes(2, "big") + value.encode()
        for key, value in ((name, kind), (":content-type", "application/json"), (":message-type", message_type))
    )
    body = json.dumps(payload, ensure_ascii=False).encode()
    prelude = (16 + len(headers) + len(body)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    whole = prelude + zlib.crc32(prelude).to_bytes(4, "big") + headers + body
    return whole + zlib.crc32(whole).to_bytes(4, "big")


def chunk(event: object) -> bytes:
    """Return a frame that carries what a model says to InvokeModelWithResponseStream."""
    return frame(
        "chunk", {"bytes": base64.b64encode(json.dumps(event, separators=(",", ":")).encode()).decode(), "p": "abc"}
    )
