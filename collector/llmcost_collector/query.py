"""Read-only ClickHouse over HTTP, in front of an embedded store: for the CLI, clickhouse-connect and Grafana.

What may be asked, `store/reader.py` decides. Here a request is only read the way a ClickHouse server reads it.
Source: https://clickhouse.com/docs/interfaces/http, 2026-11.
"""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import logging
from base64 import b64decode
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from llmcost_collector.http_receiver import read_body, send_answer
from llmcost_collector.requests import BadRequestError, inflated
from otel_llmcost.errors import QueryRefusedError
from otel_llmcost.store import Question, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmcost_collector.http_receiver import Receive, Send
    from otel_llmcost.store import Answered

_log: Final = logging.getLogger("llmcost_collector")

MAX_QUERY_BYTES: Final = 4 * 1024 * 1024
MAX_CONCURRENT: Final = 4
GZIP_FROM_BYTES: Final = 4096

_OF_TRANSPORT: Final = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_response_buffer_size",
        "http_write_exception_in_output_format",
        "log_comment",
        "log_queries",
        "max_execution_time",
        "password",
        "query",
        "query_id",
        "quota_key",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
"""Parameters of a request that change nothing in the answer here, or are read below."""

_UNAUTHENTICATED: Final = 516
_STATUS: Final = {_UNAUTHENTICATED: 401, 60: 404, 81: 404, 62: 400, 47: 400, 46: 400, 36: 400}
"""The HTTP status of an error by ClickHouse's number of it; 403 and 500 for the others."""

_READONLY: Final = frozenset({164, 452, 497})


class QueryServer:
    """The ASGI application.

    Args:
        reader: Gives what answers queries.
        database: Where tables are looked up unless a request says otherwise.
        lets_in: Tells whether an Authorization header holds a known token; the password of any user may be one, too.
    """

    def __init__(self, reader: Callable[[], Reader], database: str, lets_in: Callable[[str], bool]) -> None:
        self._reader, self._database, self._lets_in = reader, database, lets_in
        self._free = asyncio.Semaphore(MAX_CONCURRENT)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        try:
            if scope["path"] == "/ping":
                await send_answer(send, 200, "text/plain", b"Ok.\n")
                return
            question = await self._question(headers, asked, receive)
            if not question.sql.strip():
                await send_answer(send, 200, "text/plain", b"Ok.\n")
                return
            async with self._free:
                answered = await asyncio.to_thread(lambda: self._reader().answer(question))
        except QueryRefusedError as error:
            await _refuse(send, error)
        except BadRequestError as error:
            await _refuse(send, QueryRefusedError(62, str(error)))
        else:
            await _tell(send, headers, asked, answered)

    async def _question(self, headers: Mapping[str, str], asked: Mapping[str, str], receive: Receive) -> Question:
        if self._lets_in("") and not _is_near(headers.get("host", "")):
            msg = "without a token set, this is answered under a number or a name without dots only"
            raise QueryRefusedError(_UNAUTHENTICATED, msg)
        if not self._lets_in(_authorization(headers, asked)):
            msg = "a token is needed, as the password or as a bearer; the command takes it from LLMCOST_TOKEN"
            raise QueryRefusedError(_UNAUTHENTICATED, msg)
        body = await read_body(headers.get("content-length", ""), receive, max_bytes=MAX_QUERY_BYTES)
        encoding = headers.get("content-encoding", "")
        if encoding == "gzip":
            body = inflated(body, max_bytes=MAX_QUERY_BYTES)
        elif encoding not in ("", "identity"):
            msg = f"content encoding {encoding!r}: send gzip or none"
            raise BadRequestError(msg)
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/form-data"):
            asked, body = {**asked, **_fields_in(kind, body)}, b""
        settings = {name: value for name, value in asked.items() if not name.startswith("param_")}
        if settings.pop("readonly", "1") not in ("1", "2"):
            raise QueryRefusedError(452, "readonly cannot be taken back here")
        try:
            sql = "\n".join(filter(None, (asked.get("query", ""), body.decode())))
        except UnicodeDecodeError as error:
            msg = f"the query is no UTF-8: {error}"
            raise BadRequestError(msg) from error
        return Question(
            sql,
            form=asked.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
            database=asked.get("database") or headers.get("x-clickhouse-database") or self._database,
            parameters={name[len("param_") :]: text for name, text in asked.items() if name.startswith("param_")},
            settings={name: value for name, value in settings.items() if name not in _OF_TRANSPORT},
        )


def _is_near(host: str) -> bool:
    """Tell whether a Host header is one that no web page of a stranger can bring a browser to send.

    A page can have its own name point to this machine (DNS rebinding), and then read what is answered under that
    name; it can do so with none that has no dot, and with no address.
    """
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if "." not in name and ":" not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(".localhost")
    return True


def _fields_in(kind: str, body: bytes) -> dict[str, str]:
    """Return the fields of a form, in which clients send queries and parameters that are long.

    Args:
        kind: Its content type, which holds the boundary.
        body: The form.

    Raises:
        BadRequestError: It is no form, or a field is no UTF-8.
    """
    form = BytesParser(policy=HTTP).parsebytes(b"content-type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    try:
        for part in form.iter_parts():
            content: Any = part.get_payload(decode=True)
            fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
    except (UnicodeDecodeError, AttributeError, TypeError) as error:
        msg = f"the body is no form: {error}"
        raise BadRequestError(msg) from error
    return fields


def _authorization(headers: Mapping[str, str], asked: Mapping[str, str]) -> str:
    """Return who asks as an Authorization header with a bearer token says it, however ClickHouse lets them say it."""
    said = headers.get("authorization", "")
    if said.lower().startswith("basic "):
        try:
            said = "Bearer " + b64decode(said[6:]).decode().partition(":")[2]
        except ValueError:
            said = ""
    key = headers.get("x-clickhouse-key") or asked.get("password")
    return f"Bearer {key}" if key else said


async def _tell(send: Send, headers: Mapping[str, str], asked: Mapping[str, str], answered: Answered) -> None:
    data, told = answered.data, {"x-clickhouse-format": answered.form, "x-clickhouse-server-display-name": "llmcost"}
    is_wanted = asked.get("enable_http_compression") == "1" and "gzip" in headers.get("accept-encoding", "")
    if is_wanted and len(data) >= GZIP_FROM_BYTES:
        data = await asyncio.to_thread(gzip.compress, data, 1)
        told["content-encoding"] = "gzip"
    await send_answer(send, 200, "application/octet-stream", data, told)


async def _refuse(send: Send, error: QueryRefusedError) -> None:
    status = _STATUS.get(error.code, 403 if error.code in _READONLY else 500)
    said = str(error) if str(error).startswith("Code:") else f"Code: {error.code}. DB::Exception: {error}"
    told = {"x-clickhouse-exception-code": str(error.code)}
    await send_answer(send, status, "text/plain; charset=utf-8", f"{said}\n".encode(), told)
