"""Serves the dashboards on this machine, asked for anew whenever somebody looks: the pages of `llmcost up`.

It listens on loopback only, and answers only under a name that is this machine's, since a page of a stranger may have
its own name point here (DNS rebinding) and would then read what is answered under it. Nothing can be changed by a
request, and the store is asked by a connection that refuses writes.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode

from otel_llmcost.errors import ConfigError, LLMCostError
from otel_llmcost.pages.asking import Asker, answer, chosen_first
from otel_llmcost.pages.boards import load_boards, seconds_of
from otel_llmcost.pages.links import Served
from otel_llmcost.pages.page import Shown, policy, written
from otel_llmcost.pages.views import views_of
from otel_llmcost.reports.grafana import ALL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from otel_llmcost.pages.boards import Board
    from otel_llmcost.store import Store

    _Answer = tuple[int, str, bytes, dict[str, str]]
    """Status, kind, body and further headers."""

    Send = Callable[[Mapping[str, Any]], Awaitable[None]]

HOST: Final = "127.0.0.1"

_OURS: Final = frozenset({HOST, "localhost", "[::1]"})
_RANGE: Final = re.compile(r"now-[1-9]\d{0,3}[smhdw]")
_STEP_MS: Final = 10_000
"""The present is rounded down to it, so that looking twice within it asks once."""

_KEPT_S: Final = 30
_AT_ONCE: Final = 2
_MAX_CONNECTIONS: Final = 64
_HTML: Final = "text/html; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"


class Pages:
    """The ASGI application.

    Args:
        store: Where to ask; it should refuse writes.
        clock_ns: Tells the present in Unix nanoseconds.
    """

    def __init__(self, store: Store, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._asker, self._clock_ns = Asker(store, keep_s=_KEPT_S), clock_ns
        self._boards = {board.uid: board for board in load_boards()}
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, kind, body, more = await self._answered(scope, headers)
        told = {
            "content-type": kind,
            "content-length": str(len(body)),
            "content-security-policy": f"{policy()}; frame-ancestors 'none'",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "no-store",
            **more,
        }
        sent = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answered(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> _Answer:
        board = self._boards.get(scope["path"].removeprefix("/d/"))
        if refusal := _refusal(scope, headers):
            return refusal
        if scope["path"] == "/":
            return 307, _TEXT, b"", {"location": f"/d/{next(iter(self._boards))}"}
        if board is None:
            return 404, _TEXT, b"there is no such page\n", {}
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        try:
            async with self._free:
                return 200, _HTML, (await asyncio.to_thread(self._page, board, asked)).encode(), {}
        except ConfigError as error:
            return 400, _TEXT, f"{error}\n".encode(), {}
        except LLMCostError as error:
            return 503, _TEXT, f"{error}\n".encode(), {"retry-after": "5"}

    def _page(self, board: Board, asked: Mapping[str, list[str]]) -> str:
        now_ms = self._clock_ns() // 10**6 // _STEP_MS * _STEP_MS
        since, until = asked.get("from", [""])[-1] or board.since, asked.get("to", [""])[-1]
        until_ms = _until_ms(until, now_ms)
        values = {name[4:]: _chosen(values) for name, values in asked.items() if name.startswith("var-")}
        chosen = chosen_first(
            board, now_ms=now_ms, since_ms=_since_ms(since, until_ms), until_ms=until_ms, values=values
        )
        answered = answer(self._asker, board, chosen)
        words = urlencode({"from": since} | ({"to": until} if until else {}))
        ways = Served(time_range=words, values=answered.chosen.values, uids=self._boards)
        shown = Shown(answered=answered, views=views_of(answered, ways), since=since, until=until)
        return written(
            [shown],
            ways=[(each.title, _way(each, board, words, values), each is board) for each in self._boards.values()],
            made_at=datetime.fromtimestamp(now_ms // 1000, UTC),
            is_served=True,
        )


@contextmanager
def serving(pages: Pages, port: int) -> Iterator[str]:
    """Serve the pages on loopback and give their address.

    Args:
        pages: The application.
        port: Where; where another program has it, a free one.
    """
    import uvicorn

    listener = _listening(port)
    config = uvicorn.Config(
        pages,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="llmcost-pages", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _listening(port: int) -> socket.socket:
    """Return a socket on loopback that takes connections already, so that nobody is refused before the first answer."""
    try:
        return socket.create_server((HOST, port))
    except OSError:
        return socket.create_server((HOST, 0))


def _refusal(scope: Mapping[str, Any], headers: Mapping[str, str]) -> _Answer | None:
    """Return the answer to a request that is none of this machine's, or wants more than to read; else None."""
    host = headers.get("host", "").lower()
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    if name not in _OURS:
        return 403, _TEXT, f"pages are answered under {HOST} and localhost only\n".encode(), {}
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
        return 403, _TEXT, b"a page of somebody else may link here, and not load from here\n", {}
    if scope["method"] not in ("GET", "HEAD"):
        return 405, _TEXT, b"pages are only read\n", {"allow": "GET, HEAD"}
    return None


def _until_ms(said: str, now_ms: int) -> int:
    """Return the end of the range: the present, Unix milliseconds, or the end of a day (UTC).

    Raises:
        ConfigError: It is none of them.
    """
    if said in ("", "now"):
        return now_ms
    try:
        if said.isdecimal():
            return min(int(said), now_ms)
        day = datetime.combine(datetime.fromisoformat(said).date(), datetime.min.time(), UTC)
    except (ValueError, OverflowError) as error:
        msg = f"to cannot be {said!r}; write now, or a date such as 2026-11-01"
        raise ConfigError(msg) from error
    return min(int((day + timedelta(days=1)).timestamp()) * 1000 - 1000, now_ms)


def _since_ms(said: str, until_ms: int) -> int:
    """Return the start of the range: so far back from its end, or Unix milliseconds.

    Raises:
        ConfigError: It is neither, or not before the end.
    """
    if _RANGE.fullmatch(said):
        return max(0, until_ms - seconds_of(said.removeprefix("now-")) * 1000)
    if said.isdecimal() and int(said) < until_ms:
        return int(said)
    msg = f"from cannot be {said!r}; write how far back, such as now-14d"
    raise ConfigError(msg)


def _chosen(values: list[str]) -> tuple[str, ...]:
    """Return what was chosen of a variable: all, where all is among it."""
    return ALL if ALL[0] in values else tuple(values)


def _way(to: Board, here: Board, words: str, values: Mapping[str, tuple[str, ...]]) -> str:
    """Return the address of another dashboard with what was chosen here, as far as that knows it; its own range."""
    known = {variable.name for variable in to.variables} & {variable.name for variable in here.variables}
    kept = [(f"var-{name}", value) for name, chosen in values.items() if name in known for value in chosen if value]
    query = "&".join(filter(None, (words if to is here else "", urlencode(kept))))
    return f"/d/{to.uid}" + (f"?{query}" if query else "")
