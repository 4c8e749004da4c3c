"""The providers, pretended on loopback: OpenAI and Anthropic in their real wire formats, and a log of every answer.

The log is what a bill would be made from. Each line is one HTTP answer, written before its last bytes leave, so
whoever has read an answer to its end finds it there:

    {"time_unix_ns", "provider", "endpoint", "outcome", "status", "requested_model", "model", "response_id",
     "request_id", "client_request_id", "is_stream", "service_tier", "web_searches", "usage", "usage_sent"}

`outcome` is `answered`, `refused` (an error: nothing is billed) or `aborted` (the client left a stream: its usage
was never told). `usage` is the provider's own object, whether or not the client asked to be told (`usage_sent`).
`client_request_id` is the caller's `X-Client-Request-Id`, by which an auditor finds the caller's own books.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from otel_llmcost.demo.exchange import ENDPOINTS, Endpoint, Exchange, Reply
from otel_llmcost.demo.pretend import PretendModel

if TYPE_CHECKING:
    from collections.abc import Generator


class Simulator:
    """The pretend providers on 127.0.0.1, one thread a connection. Use it as a context manager.

    Args:
        log: The file that answers are appended to, as JSON lines.
        seed: Decides what is answered.
        run_id: Decides the ids: two runs must not answer with the same ones, as no two real answers do.
        fault_rate: The share of requests whose first attempt is refused: between 0 and 1.
    """

    def __init__(self, log: Path, *, seed: int = 1, run_id: str = "", fault_rate: float = 0.04) -> None:
        self._model, self._run_id, self._fault_rate = PretendModel(seed), run_id, fault_rate
        self._log = log.open("a", encoding="utf-8")
        self._log_lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.simulator = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Return `http://127.0.0.1:<port>`; the kernel chooses the port."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        """Start to answer, in threads."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop answering and close the log."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
        with self._log_lock:
            self._log.close()

    def reply(self, endpoint: Endpoint, body: dict[str, Any], attempt: int, client_request_id: str | None) -> Reply:
        """Return the answer to one request; the arguments are those of `Exchange`."""
        exchange = Exchange(
            endpoint,
            body,
            attempt=attempt,
            client_request_id=client_request_id,
            model=self._model,
            run_id=self._run_id,
            note=self._note,
        )
        return exchange.reply(self._fault_rate)

    def _note(self, line: dict[str, Any]) -> None:
        with self._log_lock:
            if not self._log.closed:
                self._log.write(json.dumps(line) + "\n")
                self._log.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    simulator: Simulator

    def handle_error(self, *_: object) -> None:
        """Keep quiet about clients that leave."""


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Answer a request for a model."""
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        endpoint = ENDPOINTS.get(self.path.partition("?")[0])
        if endpoint is None:
            self._send_json(404, {}, {"error": {"message": f"unknown path {self.path}", "type": "not_found_error"}})
            return
        attempt = int(self.headers.get("x-stainless-retry-count") or 0)
        asked_as = self.headers.get("x-client-request-id")
        reply = self.server.simulator.reply(endpoint, json.loads(content), attempt, asked_as)
        if reply.events is None:
            self._send_json(reply.status, reply.headers, reply.body)
        else:
            self._send_events(reply.status, reply.headers, reply.events)

    def log_message(self, *_: object) -> None:
        """Keep quiet: what was answered is noted elsewhere."""

    def _send_json(self, status: int, headers: dict[str, str], content: dict[str, Any] | None) -> None:
        body = json.dumps(content).encode()
        self._start(status, {"content-type": "application/json", "content-length": str(len(body)), **headers})
        self.wfile.write(body)

    def _send_events(self, status: int, headers: dict[str, str], events: Generator[tuple[str, str]]) -> None:
        kind = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        self._start(status, kind | headers)
        with closing(events):
            for name, data in events:
                event = (f"event: {name}\ndata: {data}\n\n" if name else f"data: {data}\n\n").encode()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    """Answer until SIGTERM or until whoever started it is gone; the address is told as JSON on the first line."""
    parser = argparse.ArgumentParser(description="pretend OpenAI and Anthropic on loopback")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run-id", default=str(time.time_ns()))
    given = parser.parse_args()
    leaving = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.set())
    threading.Thread(target=_wait_for_parent, args=(leaving,), daemon=True).start()
    with Simulator(given.log, seed=given.seed, run_id=given.run_id) as simulator:
        print(json.dumps({"url": simulator.url}), flush=True)
        leaving.wait()


def _wait_for_parent(leaving: threading.Event) -> None:
    """Set `leaving` when standard input ends, which it does even when the parent is killed."""
    sys.stdin.read()
    leaving.set()


if __name__ == "__main__":
    main()
