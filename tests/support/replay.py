"""A provider on loopback that answers what a test tells it to: recorded exchanges, or faults in a sequence.

The idea: an `Answer` is a value, and a route holds a script of them. Each request takes the next answer of its
route and the last one stays, so `500, 500, 200` is three answers and a recording is one. Where the answer depends
on the request, a function from `Received` to `Answer` stands in its place. Whatever arrives is kept, so that a
test can say what the provider saw and what it did not.

    with ReplayServer() as server:
        server.answer_with(recording.answer(chunk_size=7), method=recording.method, path=recording.path)
        OpenAI(base_url=server.url + "/v1", api_key="test").chat.completions.create(**recording.request)
        assert not server.places_of("llmcost")
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer.

    Attributes:
        status: The HTTP status.
        body: The whole body, before compression.
        content_type: Sent as it is; empty sends none.
        headers: More headers, such as `x-request-id` or `retry-after`.
        is_stream: Whether the body goes out in HTTP chunks, one flush each, instead of with a content length.
        chunk_size: Bytes of a chunk; a size that divides no event splits events, UTF-8 characters and line ends.
        cut_after: Close the connection after so many bytes of the body; None sends all of it.
        hang_after: Send so many bytes, then nothing until the client leaves or the server stops; None never hangs.
        pause_s: Seconds between two chunks.
        is_gzip: Whether the body goes out compressed; the cut and the hang then count compressed bytes.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    is_stream: bool = False
    chunk_size: int = 97
    cut_after: int | None = None
    hang_after: int | None = None
    pause_s: float = 0.0
    is_gzip: bool = False


def json_answer(content: object, status: int = 200, **more: Any) -> Answer:
    return Answer(status=status, body=json.dumps(content).encode(), **more)


def stream_answer(body: bytes | str, **more: Any) -> Answer:
    body = body.encode() if isinstance(body, str) else body
    return Answer(body=body, is_stream=True, **{"content_type": EVENT_STREAM, **more})


def openai_error(status: int, message: str, param: str | None = None, **more: Any) -> Answer:
    """Return an error in OpenAI's shape, which compatible hosts copy."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return json_answer({"error": {"message": message, "type": kind, "param": param, "code": None}}, status, **more)


def anthropic_error(status: int, message: str, kind: str = "api_error", **more: Any) -> Answer:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CTestTestTest"}
    return json_answer(error, status, **more)


def malformed_json(body: bytes = b'{"id": "chatcmpl-1", "usage": {"prompt_tok') -> Answer:
    return Answer(body=body)


def refusing_stream_options(then: Answer) -> Callable[[Received], Answer]:
    """Answer 400, naming the field, to a body with `stream_options`, and `then` to one without."""
    message = "Unrecognized request argument supplied: stream_options"

    def script(received: Received) -> Answer:
        named = isinstance(received.json, dict) and "stream_options" in received.json
        return openai_error(400, message, "stream_options") if named else then

    return script


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came. Header names are in lower case; `json` is None where the body is no JSON."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class ReplayServer:
    """A threaded HTTP/1.1 server on 127.0.0.1, port chosen by the kernel. Use it as a context manager."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.closing = threading.Event()
        self._scripts: dict[tuple[str, str], list[Any]] = {}
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.replay = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return `http://127.0.0.1:<port>`, without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def answer_with(self, *answers: Any, method: str = "", path: str = "") -> None:
        """Script the answers of a route anew; the last one stays.

        Args:
            answers: `Answer`s, or functions from `Received` to `Answer`.
            method: The HTTP method; empty means any.
            path: The path, or path and query; empty means every path that has no script of its own.
        """
        with self._lock:
            self._scripts[(method, path)] = list(answers)

    def replay(self, recording: Recording, **changes: Any) -> None:
        """Serve `recording` at its own method, path and query; `changes` are fields of `Answer`."""
        self.answer_with(recording.answer(**changes), method=recording.method, path=recording.target)

    def take(self, received: Received) -> Answer:
        """Keep `received` and return the answer whose turn it is."""
        with self._lock:
            self.requests.append(received)
            script = self._script_of(received)
            if not script:
                return json_answer({"error": {"message": f"no answer for {received.method} {received.path}"}}, 404)
            answer = script.pop(0) if len(script) > 1 else script[0]
        return answer if isinstance(answer, Answer) else answer(received)

    def _script_of(self, received: Received) -> list[Any] | None:
        targets = (f"{received.path}?{received.query}", received.path, "")
        routes = ((method, target) for target in targets for method in (received.method, ""))
        return next((self._scripts[route] for route in routes if route in self._scripts), None)

    def places_of(self, text: str) -> list[str]:
        """Return where `text` occurs in what was received, whatever its case: for proving that nothing leaked."""
        text = text.lower()
        found = []
        for number, received in enumerate(self.requests):
            found += [f"{number} header {k}: {v}" for k, v in received.headers.items() if text in f"{k}: {v}".lower()]
            if text in f"{received.path}?{received.query}".lower():
                found.append(f"{number} target {received.path}?{received.query}")
            if text.encode() in received.body.lower():
                found.append(f"{number} body {received.body[:200]!r}")
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    replay: ReplayServer

    def handle_error(self, *_: object) -> None:
        """Keep quiet: a client that leaves in the middle is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        target = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(method=self.command, path=target.path, query=target.query, headers=headers, body=body)
        self._send(self.server.replay.take(received))

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _handle  # noqa: N815 - the names the base class looks for

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _send(self, answer: Answer) -> None:
        body = gzip.compress(answer.body, 1) if answer.is_gzip else answer.body
        stops = [size for size in (answer.cut_after, answer.hang_after) if size is not None]
        self.send_response(answer.status)
        self._send_headers(answer, len(body))
        self._send_body(answer, body[: min(stops)] if stops else body)
        if answer.hang_after is not None:
            self.server.replay.closing.wait(60)
        if stops:
            self.close_connection = True
        elif answer.is_stream:
            self.wfile.write(b"0\r\n\r\n")

    def _send_headers(self, answer: Answer, size: int) -> None:
        headers = {"content-type": answer.content_type} if answer.content_type else {}
        headers |= {"transfer-encoding": "chunked"} if answer.is_stream else {"content-length": str(size)}
        headers |= {"content-encoding": "gzip"} if answer.is_gzip else {}
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _send_body(self, answer: Answer, body: bytes) -> None:
        if not answer.is_stream:
            self.wfile.write(body)
            return
        for start in range(0, len(body), answer.chunk_size):
            chunk = body[start : start + answer.chunk_size]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            if answer.pause_s and self.server.replay.closing.wait(answer.pause_s):
                return


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recorded exchange with a provider; what `expected` holds as None it does not know."""

    id: str
    provider: str
    method: str
    path: str
    query: str
    host: str
    request: dict[str, Any]
    status: int
    content_type: str
    is_stream: bool
    body: bytes
    expected: dict[str, Any]

    @property
    def target(self) -> str:
        """Return path and query, as `ReplayServer.answer_with` takes them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def answer(self, **changes: Any) -> Answer:
        """Return the recorded answer; `changes` are fields of `Answer`."""
        answer = Answer(status=self.status, body=self.body, content_type=self.content_type, is_stream=self.is_stream)
        return replace(answer, **changes)


def recordings(*providers: str) -> tuple[list[Recording], str]:
    """Return the recordings of `providers` (all of them by default), and why there are none, else an empty text.

    They are looked for in LLMCOST_SHARED_DATA, then beside the checkout; a clone that stands alone has none.
    """
    given = os.environ.get("LLMCOST_SHARED_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "data"
    file = folder / "recordings.jsonl.gz"
    if not file.is_file():
        return [], "recordings.jsonl.gz is neither in LLMCOST_SHARED_DATA nor in ../shared/data"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        found = [_recording(json.loads(line)) for line in lines]
    return [each for each in found if not providers or each.provider in providers], ""


def _recording(line: dict[str, Any]) -> Recording:
    body = base64.b64decode(line["body_b64"]) if line.get("body_b64") else line["body"].encode()
    is_events = body.lstrip().startswith((b"data:", b"event:"))
    kind = line["content_type"] or (EVENT_STREAM if is_events else "application/json")
    kept = {name: line[name] for name in ("id", "provider", "method", "path", "query", "host", "status", "expected")}
    return Recording(
        **kept, request=line["request"] or {}, content_type=kind, is_stream=line["stream"] or is_events, body=body
    )
