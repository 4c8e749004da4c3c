"""Servers on loopback that take messages as Slack, PagerDuty and a mail server do, and refuse what those would refuse.

Formats: Slack's incoming webhooks and Block Kit (docs.slack.dev), PagerDuty's Events API v2 (developer.pagerduty.com),
both as of 2026-11; SMTP by aiosmtpd.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

SLACK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
PAGERDUTY_KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Web:
    """An HTTP server that was told what to answer.

    Attributes:
        url: Its address, without a path.
        taken: What was posted, by path, as JSON.
        faults: Status and Retry-After of answers to give first, in order.
        requests: How many requests came, refused ones included.
        headers: Those of the last request.
    """

    url: str = ""
    taken: list[tuple[str, Any]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def bodies(self, path: str) -> list[Any]:
        return [body for at, body in self.taken if at == path]


@contextmanager
def web(judge: Callable[[str, Any], tuple[int, str]]) -> Iterator[Web]:
    """Run a server that answers each post as `judge` says of its path and body."""
    taken = Web()

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.requests += 1
            taken.headers = dict(self.headers)
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if taken.faults:
                status, wait = taken.faults.pop(0)
                return self._answer(status, "not now", {"Retry-After": wait, "Location": f"{taken.url}/elsewhere"})
            body = json.loads(raw) if self.headers["Content-Type"] == "application/json" else None
            status, said = judge(self.path, body)
            if status < 300:
                taken.taken.append((self.path, body))
            return self._answer(status, said, {})

        def _answer(self, status: int, said: str, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        taken.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()


def as_all(path: str, body: Any) -> tuple[int, str]:
    """Answer as Slack on its path, as PagerDuty on its own, and take any JSON on /hook."""
    if path == "/hook":
        return (200, "thanks") if isinstance(body, dict) else (415, "no JSON")
    return as_pagerduty(path, body) if path == "/v2/enqueue" else as_slack(path, body)


def as_slack(path: str, body: Any) -> tuple[int, str]:
    if path != SLACK_PATH:
        return 404, "no_service"
    if not isinstance(body, dict) or set(body) - {"text", "blocks"} or not isinstance(body.get("text"), str):
        return 400, "invalid_payload"
    if not body["text"] or len(body["text"]) > 40_000:
        return 400, "no_text"
    blocks = body.get("blocks", [])
    if len(blocks) > 50 or not all(_is_section(block) for block in blocks):
        return 400, "invalid_blocks"
    return 200, "ok"


def _is_section(block: Any) -> bool:
    if set(block) != {"type", "text"} or block["type"] != "section" or set(block["text"]) != {"type", "text"}:
        return False
    text = block["text"]["text"]
    return block["text"]["type"] == "mrkdwn" and 1 <= len(text) <= 3000


def as_pagerduty(path: str, body: Any) -> tuple[int, str]:
    faults = _faults_of_event(body) if path == "/v2/enqueue" else ["no such path"]
    if faults:
        said = {"status": "invalid event", "message": "Event object is invalid", "errors": faults}
        return 400, json.dumps(said)
    return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]})


def _faults_of_event(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return ["no JSON"]
    payload = body.get("payload", {})
    is_trigger = body.get("event_action") == "trigger"
    faults = {
        "'routing_key' is invalid": body.get("routing_key") != PAGERDUTY_KEY,
        "'event_action' is invalid": body.get("event_action") not in ("trigger", "acknowledge", "resolve"),
        "'dedup_key' is missing or too long": not 0 < len(body.get("dedup_key", "")) <= 255,
        "'payload.summary' is missing or too long": is_trigger and not 0 < len(payload.get("summary", "")) <= 1024,
        "'payload.source' is missing or blank": is_trigger and not payload.get("source"),
        "'payload.severity' is invalid": is_trigger
        and payload.get("severity") not in ("critical", "error", "warning", "info"),
        "'payload.custom_details' is no object": not isinstance(payload.get("custom_details", {}), dict),
    }
    return [fault for fault, is_so in faults.items() if is_so]


@dataclass
class Mails:
    """A mail server.

    Attributes:
        port: Where it listens on 127.0.0.1.
        taken: The mails it took: sender, recipients, content, whether they came encrypted, who logged in.
        refused: Recipients that it does not know.
    """

    port: int = 0
    taken: list[tuple[str, list[str], bytes, bool, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 # likewise
        user = getattr(session.auth_data, "login", b"").decode() if session.auth_data else ""
        is_encrypted = session.ssl is not None
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content, is_encrypted, user))
        return "250 taken"


@contextmanager
def mails(*, tls: ssl.SSLContext | None = None, password: bytes = b"") -> Iterator[Mails]:
    """Run a mail server; with `tls` it offers STARTTLS and insists on it, with a password on a login."""
    taken = Mails()

    def judge(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and data.password == password
        return AuthResult(success=is_right, auth_data=data if is_right else None, handled=is_right)

    class OnAnyPort(Controller):
        def factory(self) -> SMTP:
            given: dict[str, Any] = {"authenticator": judge, "auth_required": True} if password else {}
            if tls is None:
                given |= {"auth_require_tls": False}
            return SMTP(self.handler, hostname="mail.test", tls_context=tls, require_starttls=tls is not None, **given)

        def _trigger_server(self) -> None:
            taken.port = self.server.sockets[0].getsockname()[1]
            self.port = taken.port
            super()._trigger_server()

    controller = OnAnyPort(taken, hostname="127.0.0.1", port=0, ready_timeout=60)
    controller.start()
    try:
        yield taken
    finally:
        controller.stop()
