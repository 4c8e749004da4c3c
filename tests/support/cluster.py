"""A cluster of two real servers on loopback, two shards, and what stands in for the Keeper that they lack.

The server that can be had from a package registry has no Keeper, so it refuses ON CLUSTER and does not write into
replicated tables. A front before each server does the one thing for which the store needs one: it runs every statement
with ON CLUSTER on both servers, and there without replicas. All else passes through as it is: Distributed tables, reads
and writes over both shards and derivations are the servers' own.
"""

from __future__ import annotations

import http.client
import re
import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tests.support import clickhouse, ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAME: Final = "llmcost_test"
_Server = TypeVar("_Server", bound=socketserver.BaseServer)
_ON_CLUSTER: Final = re.compile(rb"(?<!\w)ON CLUSTER '" + NAME.encode() + b"'")
_IN_FORM: Final = re.compile(rb'name="query"\r\n\r\n(.*?)\r\n--', re.DOTALL)
_REPLICATED: Final = re.compile(rb"Replicated(\w*MergeTree)")
_PASSED_ON: Final = ("Content-Type", "Content-Encoding", "Accept-Encoding", "User-Agent", "Authorization")


class Front(ThreadingHTTPServer):
    """What a client of one of the servers speaks to.

    Attributes:
        servers: That server first, and then the others.
        on_cluster: The statements that were run on all.
    """

    daemon_threads = True

    def __init__(self, servers: Sequence[clickhouse.Server]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.servers = servers
        self.on_cluster: list[str] = []

    def dsn(self, database: str = "llmcost") -> str:
        return f"clickhouse://127.0.0.1:{self.server_address[1]}/{database}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _answer(self, body: bytes) -> None:
        if _ON_CLUSTER.search(body):
            form = _IN_FORM.search(body)
            self.server.on_cluster.append((form[1] if form else body).decode())
            body = _REPLICATED.sub(rb"\1", _ON_CLUSTER.sub(b"", body))
            with ThreadPoolExecutor() as pool:
                answers = list(pool.map(lambda server: self._forward(server, body), self.server.servers))
            status, headers, said = max(answers, key=lambda answer: answer[0])  # an error goes before a success
        else:
            status, headers, said = self._forward(self.server.servers[0], body)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "keep-alive", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _forward(self, server: clickhouse.Server, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        try:
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
        """Say nothing."""


class Relay(socketserver.ThreadingTCPServer):
    """What a server speaks to in place of the other one: it passes on all that is said, and reads what nobody wants.

    A server that has enough of another's answer (`LIMIT 1`) may close the connection on the rest, which resets it. For
    clickhouse-server that is a line in its log. clickhouse-local, which runs here, ends itself on any exception that
    leaves the thread of a connection.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pipe)
        self.to_port = ports.held_for(self)


class _Pipe(socketserver.BaseRequestHandler):
    request: socket.socket
    server: Relay

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.to_port)) as shard:
            asking = threading.Thread(target=_pass_on, args=(self.request, shard), daemon=True)
            asking.start()
            _pass_on(shard, self.request)
            asking.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Pass on all that is said until the source is silent, also when nobody listens any more."""
    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        while said := source.recv(1 << 16):
            with suppress(OSError):
                sink.sendall(said)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def running(directory: Path) -> Iterator[tuple[Front, Front]]:
    """Run two servers, each a shard, and a front before each of them."""
    with ExitStack() as stack:
        relays = [_serving(Relay(), stack) for _ in range(2)]
        servers = []
        for number, relay in enumerate(relays, 1):
            shards = "".join(
                "<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host>"
                f"<port>{relay.to_port if other is relay else other.server_address[1]}</port></replica></shard>"
                for other in relays
            )
            config = (
                f"<remote_servers><{NAME}>{shards}</{NAME}></remote_servers>"
                f"<macros><shard>{number}</shard><replica>1</replica></macros>"
            )
            server = clickhouse.Server(directory / f"shard{number}", config=config, tcp_port=relay.to_port)
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        yield _serving(Front(servers), stack), _serving(Front(servers[::-1]), stack)


def _serving(server: _Server, stack: ExitStack) -> _Server:
    """Serve in a thread until the stack is left."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return server
