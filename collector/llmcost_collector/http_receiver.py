"""OTLP over HTTP, and the pages for whoever operates the collector: /healthz, /readyz and /metrics.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response (1.x): 429 and 503 are retried, with Retry-After;
a body of google.rpc.Status tells why.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status

from llmcost_collector.receiver import RETRY_AFTER_S, Answer, BusyError, Verdict
from llmcost_collector.requests import (
    BadRequestError,
    SlowClientError,
    TooLargeError,
    inflated,
    protobuf_of_json,
    too_large,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmcost_collector.receiver import Receiver
    from otel_llmcost.spool import Signal

    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]
    Page = Callable[[], tuple[int, str, bytes]]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
BODY_WITHIN_S: Final = 30.0
"""A client that is slower loses its connection."""

_SIGNALS: Final[dict[str, Signal]] = {"/v1/traces": "traces", "/v1/logs": "logs"}
_DROPPED: Final = ("/v1/metrics", "/v1development/profiles")
_OFFLOAD_BYTES: Final = 256 * 1024
"""Bodies from so many bytes on are unpacked beside the event loop."""

_STATUS: Final = {
    Verdict.TAKEN: 200,
    Verdict.BAD: 400,
    Verdict.UNAUTHENTICATED: 401,
    Verdict.TOO_LARGE: 413,
    Verdict.FULL: 429,
    Verdict.UNAVAILABLE: 503,
}
_CODE: Final = {400: 3, 401: 16, 413: 8, 429: 8, 503: 14}
"""The gRPC code that a google.rpc.Status names beside the HTTP status."""


class HttpReceiver:
    """The ASGI application.

    Args:
        receiver: Takes the requests.
        pages: What answers a GET, by path: status, content type and body.
        max_bytes: Of a request, as sent and decompressed.
    """

    def __init__(self, receiver: Receiver, pages: Mapping[str, Page], *, max_bytes: int) -> None:
        self._receiver, self._pages, self._max_bytes = receiver, pages, max_bytes

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path in self._pages and method in ("GET", "HEAD"):
            status, kind, body = self._pages[path]()
            await send_answer(send, status, kind, body)
        elif path not in _SIGNALS and path not in _DROPPED:
            await send_answer(send, 404, "text/plain", b"OTLP is taken at /v1/traces and /v1/logs\n")
        elif method != "POST":
            await send_answer(send, 405, "text/plain", b"send OTLP by POST\n", {"allow": "POST"})
        else:
            await self._export(path, {name.decode("latin-1"): value for name, value in scope["headers"]}, receive, send)

    async def _export(self, path: str, headers: Mapping[str, bytes], receive: Receive, send: Send) -> None:
        said = {name: headers.get(name, b"").decode("latin-1") for name in _HEADERS}
        kind = said["content-type"].partition(";")[0].strip().lower()
        encoding = said["content-encoding"].strip().lower()
        if not self._receiver.lets_in(said["authorization"]):
            reason = "a bearer token is needed, or this one is unknown"
            await self._say(send, kind, self._receiver.refuse("http", Verdict.UNAUTHENTICATED, reason))
        elif kind not in (PROTOBUF, JSON):
            await send_answer(send, 415, "text/plain", f"content type {kind!r}: send {PROTOBUF} or {JSON}\n".encode())
        elif encoding not in ("", "identity", "gzip"):
            await send_answer(send, 415, "text/plain", b"content encoding: send gzip or none\n")
        else:
            try:
                with self._receiver.in_flight.held() as hold:
                    body = await read_body(said["content-length"], receive, max_bytes=self._max_bytes, hold=hold)
                    answer = await self._take(path, body, hold, is_json=kind == JSON, is_gzip=encoding == "gzip")
            except BusyError as error:
                answer = self._receiver.refuse("http", Verdict.FULL, str(error))
            except TooLargeError as error:
                answer = self._receiver.refuse("http", Verdict.TOO_LARGE, str(error))
            except SlowClientError:
                return
            except BadRequestError as error:
                answer = self._receiver.refuse("http", Verdict.BAD, str(error))
            await self._say(send, kind, answer)

    async def _take(
        self, path: str, body: bytes, hold: Callable[[int], None], *, is_json: bool, is_gzip: bool
    ) -> Answer:
        if path in _DROPPED:
            return Answer(Verdict.TAKEN)
        signal = _SIGNALS[path]

        def unpacked() -> bytes:
            data = inflated(body, max_bytes=self._max_bytes, hold=hold) if is_gzip else body
            if not is_json:
                return data
            hold(len(data))
            return protobuf_of_json(signal, data)

        is_large = len(body) >= _OFFLOAD_BYTES and (is_json or is_gzip)
        data = await asyncio.to_thread(unpacked) if is_large else unpacked()
        return await self._receiver.take("http", signal, data)

    async def _say(self, send: Send, kind: str, answer: Answer) -> None:
        """Send an answer in the format in which it was asked."""
        status = _STATUS[answer.verdict]
        message: Any = answer.response
        if status != 200:  # noqa: PLR2004 - OK
            message = Status(code=_CODE[status], message=answer.reason)
        headers = {"retry-after": str(RETRY_AFTER_S)} if status in (429, 503) else {}
        if status == 401:  # noqa: PLR2004 - unauthorized
            headers["www-authenticate"] = "Bearer"
        if kind == JSON:
            await send_answer(send, status, JSON, MessageToJson(message).encode() if message else b"{}", headers)
        else:
            await send_answer(send, status, PROTOBUF, message.SerializeToString() if message else b"", headers)


_HEADERS: Final = ("content-type", "content-encoding", "content-length", "authorization")


async def read_body(
    length: str,
    receive: Receive,
    *,
    max_bytes: int,
    within_s: float = BODY_WITHIN_S,
    hold: Callable[[int], None] | None = None,
) -> bytes:
    """Return the whole body of a request, as it was sent.

    Args:
        length: What its Content-Length says; may be empty.
        receive: Gives the next piece.
        max_bytes: It may have.
        within_s: Seconds for all of it.
        hold: Told of the bytes as they arrive; may raise.

    Raises:
        TooLargeError: It has more.
        SlowClientError: It did not come in time.
    """
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large(int(length), max_bytes)
    parts: list[bytes] = []
    held, is_more = 0, True
    try:
        async with asyncio.timeout(within_s):
            while is_more:
                message = await receive()
                if message["type"] != "http.request":
                    raise SlowClientError
                parts.append(message.get("body", b""))
                held += len(parts[-1])
                if held > max_bytes:
                    raise too_large(held, max_bytes)
                if hold is not None:
                    hold(len(parts[-1]))
                is_more = message.get("more_body", False)
    except TimeoutError as error:
        raise SlowClientError from error
    return b"".join(parts)


async def send_answer(
    send: Send, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Send an answer whole."""
    told = {"content-type": kind, "content-length": str(len(body)), **(headers or {})}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
