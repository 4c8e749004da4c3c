"""Answers over a WebSocket: the sessions of `client.realtime`, `client.responses` and `client.live`, by `connect()`.

Every event passes `recv_bytes` of a connection, whoever reads it and how. A response begins with `response.created`,
and the event that ends it tells its usage: each is one call. A finished transcription of what was said to a session
is a call of its own, at the price of the model that transcribed it. So is a Live session as a whole, which tells its
running total and, when it is closed, the last one; the responses and decisions that it delegates come inside of events.
"""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from otel_llmcost.instrument._call import Asked, OpenCall, note_fault
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.openai import DECISIONS, read_live_event, read_realtime_event
from otel_llmcost.providers.reading import Surface, section, word
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer

MODULES: Final = (
    "openai.resources.realtime.realtime",
    "openai.resources.beta.realtime.realtime",
    "openai.resources.responses.responses",
    "openai.resources.beta.responses.responses",
    "openai.resources.live.live",
    "openai.resources.live.forks",
    "openai.resources.live.sideband",
)
_CONNECTIONS: Final = (
    "RealtimeConnection", "ResponsesConnection", "LiveConnection", "ForksConnection", "SidebandConnection",
)  # fmt: skip
MAX_OPEN: Final = 100
"""So many responses of one connection may be under way."""
MAX_LIVE: Final = 10_000
"""Of so many Live sessions is known that they are told: several connections may belong to one."""

_BEGINNING_BYTES: Final = 200
_DELTA: Final = b".delta"
"""Nearly all events are pieces of text or audio, named so at their beginning, and tell nothing."""
_FINAL: Final = frozenset({"response.done", "response.completed", "response.incomplete", "response.failed"})
_STARTED: Final = "session.started"
_RUNNING: Final = "session.usage.updated"
_CLOSED: Final = "session.closed"
_DECIDED: Final = "decision.event"
_DECISION: Final = _DECIDED.encode()
_TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"

_RESPONSE: Final = Surface(operation="chat", read=read_realtime_event)
_TRANSCRIPTION: Final = Surface(operation="transcription", read=read_realtime_event)
_LIVE: Final = Surface(operation="chat", read=read_live_event)


class RealtimePatch(ModulePatch):
    """The patch of the connections of the `openai` package, on or off."""

    def __init__(self) -> None:
        super().__init__("openai", *MODULES)
        self._sessions: weakref.WeakKeyDictionary[Any, _Session] = weakref.WeakKeyDictionary()
        self._live: dict[str, bool] = {}

    def remove(self) -> None:
        """Undo the patch, and forget what was learned."""
        super().remove()
        self._live.clear()

    def wrap(self, module: Any) -> None:
        """Replace `recv_bytes` of the connections that the module has."""
        for name in _CONNECTIONS:
            for kind, around in ((name, self._recv), (f"Async{name}", self._async_recv)):
                owner = getattr(module, kind, None)
                if owner is not None and "recv_bytes" in vars(owner):
                    self.replace(owner, "recv_bytes", around)

    def _recv(self, original: Any) -> Any:
        def recv_bytes(connection: Any) -> Any:
            try:
                data = original(connection)
            except Exception as error:
                self._ended(connection, error)
                raise
            self._heard(connection, data)
            return data

        return recv_bytes

    def _async_recv(self, original: Any) -> Any:
        async def recv_bytes(connection: Any) -> Any:
            try:
                data = await original(connection)
            except Exception as error:  # not a cancellation: that ends the wait, and not the session
                self._ended(connection, error)
                raise
            self._heard(connection, data)
            return data

        return recv_bytes

    def _heard(self, connection: Any, data: Any) -> None:
        try:
            beginning = data[:_BEGINNING_BYTES]
            if not self.is_on or self.tracer is None or (_DELTA in beginning and _DECISION not in beginning):
                return
            event = json.loads(data)
            if isinstance(event, dict):
                self._session(connection, self.tracer).take(event)
        except Exception as error:  # noqa: BLE001 - the application's session goes on
            note_fault("reading an event", error)

    def _ended(self, connection: Any, error: Exception) -> None:
        try:
            session = self._sessions.get(connection)
            if session is not None:
                session.end(error)
        except Exception as fault:  # noqa: BLE001 - the application gets the error of its session
            note_fault("ending a session", fault)

    def _session(self, connection: Any, tracer: Tracer) -> _Session:
        session = self._sessions.get(connection)
        if session is None:
            session = self._sessions[connection] = _Session(_asked_by(connection), tracer, self.scope, self._live)
            later = runtime.started().pipeline.later
            weakref.finalize(connection, lambda: later(lambda: session.end(None))).atexit = False
        return session


class _Session:
    """One connection: which model it talks to, and which of its responses are under way.

    Args:
        asked: Host, provider and model.
        tracer: Where the spans go.
        scope: Name and version of their scope.
        live: The Live sessions that some connection has told or will tell as a whole, by their ids.
    """

    def __init__(
        self, asked: tuple[str, str, str], tracer: Tracer, scope: tuple[str, str], live: dict[str, bool]
    ) -> None:
        self._host, self._provider, self._model = asked
        self._transcribes = ""
        self._tracer, self._scope = tracer, scope
        self._open: dict[str, OpenCall] = {}
        self._all_live = live
        self._live: OpenCall | None = None
        self._running: Mapping[str, Any] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take note of an event."""
        kind = word(event, "type")
        if kind in ("session.created", "session.updated"):
            self._configured(section(event, "session") or {})
        elif kind == "response.created":
            if len(self._open) >= MAX_OPEN:
                self._open.pop(next(iter(self._open))).finish()
            name = _id_of(event)
            self._open[name] = self._begun(_RESPONSE, word(section(event, "response"), "model"))
        elif kind in _FINAL:
            call = self._open.pop(_id_of(event), None)
            self._told(call or self._begun(_RESPONSE, word(section(event, "response"), "model")), event)
        elif kind == _TRANSCRIBED:
            self._told(self._begun(_TRANSCRIPTION, self._transcribes), event)
        elif kind == "response.event":
            self.take(section(event, "event") or {})
        elif kind == _DECIDED and (decision := section(section(event, "event"), "decision")):
            self._told(self._begun(DECISIONS, word(decision, "model")), decision)
        else:
            self._take_live(kind, event)

    def _take_live(self, kind: str, event: Mapping[str, Any]) -> None:
        """Take note of an event that tells of a Live session as a whole."""
        session = section(event, "session") or {}
        if kind in (_STARTED, _CLOSED) and self._live is None and word(session, "id") not in self._all_live:
            if len(self._all_live) >= MAX_LIVE:
                self._all_live.pop(next(iter(self._all_live)))
            self._all_live[word(session, "id")] = True
            self._live = self._begun(_LIVE, word(session, "model"))
            self._running = {"session": session}
        if kind == _RUNNING:
            self._running = {**self._running, "usage": event.get("usage")}
        elif kind == _CLOSED and self._live is not None:
            call, self._live = self._live, None
            self._told(call, event)

    def end(self, error: Exception | None) -> None:
        """Finish what is under way: the connection is gone. Of a Live session that was not closed the total is told."""
        if self._live is not None:
            self._open[_STARTED] = self._live
            self._live.read(self._live.asked.surface.read(self._running), UsageQuality.PARTIAL)
            self._live = None
        while self._open:
            _, call = self._open.popitem()
            if error is None:
                call.finish()
            else:
                call.ended_by(error)

    def _configured(self, session: Mapping[str, Any]) -> None:
        self._model = self._model or word(session, "model")
        heard = section(section(session, "audio"), "input") or session
        transcription = section(heard, "transcription", "input_audio_transcription")
        self._transcribes = word(transcription, "model") or self._transcribes

    def _begun(self, surface: Surface, model: str) -> OpenCall:
        asked = Asked(
            surface=surface,
            provider=surface.sold_as or self._provider or "openai",
            provider_source="host" if self._provider else "sdk",
            server_address=self._host,
            base_url=self._host,
            model=model or self._model,
            is_stream=True,
            max_output_tokens=None,
            service_tier="",
        )
        return OpenCall(runtime.started(), self._tracer, asked, self._scope)

    def _told(self, call: OpenCall, event: Mapping[str, Any]) -> None:
        try:
            call.read(call.asked.surface.read(event), UsageQuality.REPORTED)
        finally:
            call.finish()


def _id_of(event: Mapping[str, Any]) -> str:
    return word(section(event, "response"), "id")


def _asked_by(connection: Any) -> tuple[str, str, str]:
    """Return host, provider and model of a connection, each empty where its handshake does not tell."""
    request = getattr(getattr(connection, "_connection", None), "request", None)
    if request is None:
        return "", "", ""
    address = urlsplit(f"//{request.headers.get('Host', '')}")
    query = parse_qs(urlsplit(request.path).query)
    named = query.get("model") or query.get("deployment") or [""]
    host = address.hostname or ""
    return host, provider_at(host, port=address.port), named[0]
