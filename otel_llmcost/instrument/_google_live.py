"""Sessions of the Live API over a WebSocket: every turn of the model that tells a usage is one call.

Every message passes `recv` of the session's connection. A turn begins with the first piece of an answer and tells its
usage with the message that completes it, or with a tool call in the middle: then the rest of the turn, whose prompt is
longer by then, is a call of its own. A usage that is told once more with the same prompt takes the place of the first.
No message names the model; what was asked for does.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from otel_llmcost.instrument._call import Asked, OpenCall, note_fault
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.providers.formats import google
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.reading import section
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PIECE: Final = b'"modelTurn"'
"""Nearly all messages are pieces of an answer, text or audio, and tell nothing."""
_MARKS: Final = (b'"usageMetadata"', b'"turnComplete"', b'"toolCall"', b'"groundingMetadata"')
"""A message with none of these in it is not decoded."""


class LivePatch(ModulePatch):
    """The patch of `client.aio.live.connect`, on or off."""

    def __init__(self) -> None:
        super().__init__("google_genai", "google.genai.live")

    def wrap(self, module: Any) -> None:
        """Replace what opens a session."""
        self.replace(module.AsyncLive, "connect", self._connecting)

    def _connecting(self, original: Any) -> Any:
        def connect(live: Any, *args: Any, **kwargs: Any) -> Any:
            block = original(live, *args, **kwargs)
            try:
                return _Block(block, functools.partial(self._watch, str(kwargs.get("model")))) if self.is_on else block
            except Exception as error:  # noqa: BLE001 - the application's session goes on
                note_fault("hearing a session of google_genai", error)
                return block

        return connect

    def _watch(self, model: str, session: Any) -> _Turns:
        """Have the messages of a session heard, on this one connection of the many that `websockets` may have."""
        connection, client = session._ws, session._api_client  # noqa: SLF001 - there is no other way to either
        turns = _Turns(self, _asked_by(connection, client, model))
        connection.recv = turns.hearing(connection.recv)
        return turns


class _Block:
    """The block of a session, which ends what is under way when the application leaves it.

    Args:
        block: The SDK's own.
        watch: Has the messages of the session heard.
    """

    def __init__(self, block: Any, watch: Callable[[Any], _Turns]) -> None:
        self._block = block
        self._watch = watch
        self._turns: _Turns | None = None

    async def __aenter__(self) -> Any:
        session = await self._block.__aenter__()
        try:
            self._turns = self._watch(session)
        except Exception as error:  # noqa: BLE001 - the application's session goes on
            note_fault("hearing a session of google_genai", error)
        return session

    async def __aexit__(self, *raised: object) -> Any:
        try:
            return await self._block.__aexit__(*raised)
        finally:
            if self._turns is not None:
                self._turns.end(None)


class _Turns:
    """One session: the turn that is under way, and what it has told.

    Args:
        patch: The patch, by which nothing is heard once it is off.
        asking: Makes what is asked anew for each call.
    """

    def __init__(self, patch: LivePatch, asking: Callable[[], Asked]) -> None:
        self._patch = patch
        self._asking = asking
        self._call: OpenCall | None = None
        self._told: list[Mapping[str, Any]] = []
        self._prompt: object = None
        self._is_complete = False

    def hearing(self, original: Any) -> Any:
        """Return what receives a message as `original` does, and shows it."""

        @functools.wraps(original)
        async def recv(*args: Any, **kwargs: Any) -> Any:
            try:
                data = await original(*args, **kwargs)
            except TypeError:  # of an older connection, which is asked once more with other arguments
                raise
            except Exception as error:  # not a cancellation: that ends the wait, and not the session
                self.end(error)
                raise
            self.hear(data)
            return data

        return recv

    def hear(self, data: Any) -> None:
        """Take a message, as it came."""
        try:
            if not self._patch.is_on:
                return
            data = data.encode() if isinstance(data, str) else data
            if any(mark in data for mark in _MARKS):
                message = json.loads(data)
                if isinstance(message, dict):
                    self._take(message, is_piece=_PIECE in data or "toolCall" in message)
            elif _PIECE in data:
                self._under_way()
        except Exception as error:  # noqa: BLE001 - the application's session goes on
            note_fault("reading a message of google_genai", error)

    def end(self, error: BaseException | None) -> None:
        """Finish what is under way: the session is over."""
        call, self._call = self._call, None
        if call is None:
            return
        try:
            call.read(google.fold_live(call.asked.model, self._told), UsageQuality.REPORTED)
        except Exception as fault:  # noqa: BLE001 - the application's session goes on
            note_fault("reading a message of google_genai", fault)
        if error is None or self._is_complete or self._prompt is not None:
            call.finish()
        else:
            call.ended_by(error)

    def _take(self, message: Mapping[str, Any], *, is_piece: bool) -> None:
        usage = section(message, "usageMetadata")
        if is_piece or (usage is not None and self._call is None):
            self._under_way()
        if usage is not None:
            prompt = usage.get("promptTokenCount")
            if self._prompt not in (None, prompt):
                self.end(None)
                self._under_way()
            self._prompt = prompt
        if self._call is None:
            return
        self._told.append(message)
        if (section(message, "serverContent") or {}).get("turnComplete"):
            self._is_complete = True
            self._call.mark_end()
        if self._is_complete and self._prompt is not None:  # a usage may come after the end
            self.end(None)

    def _under_way(self) -> None:
        """Begin a call, unless one is under way whose turn is not complete."""
        if self._is_complete:
            self.end(None)
        if self._call is None and self._patch.tracer is not None:
            self._told, self._prompt, self._is_complete = [], None, False
            self._call = OpenCall(runtime.started(), self._patch.tracer, self._asking(), self._patch.scope)


def _asked_by(connection: Any, client: Any, model: str) -> Callable[[], Asked]:
    """Return what says what a turn of a session asks, and of whom."""
    request = getattr(connection, "request", None)
    address = urlsplit(f"//{request.headers.get('Host', '')}" if request is not None else "")
    host = address.hostname or ""
    known = provider_at(host, address.port)
    return functools.partial(
        Asked,
        surface=google.LIVE,
        provider=known or ("gcp.vertex_ai" if client.vertexai else "gcp.gemini"),
        provider_source="host" if known else "sdk",
        server_address=host,
        base_url=host,
        model=model.rpartition("models/")[2],
        is_stream=True,
        max_output_tokens=None,
        service_tier="",
        region=(client.location or "") if client.vertexai else "",
        credential=client.api_key or "",
    )
