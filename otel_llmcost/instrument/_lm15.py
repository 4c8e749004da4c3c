"""`lm15`, which asks providers over sockets of its own: the package, and the copy of it that DSPy brings.

The `stream` of its transports sends every request, once, and returns the response with the body still to come. All
that is read of it passes `_chunks`, and however it ends, `_release` is called. The `stream` of a model returns at once,
and asks when it is read.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._body import BodyReader
from otel_llmcost.instrument._httpx import MAX_REQUEST_BYTES, HTTPXCall, HTTPXPatch, asked_of
from otel_llmcost.instrument._lazy import lazy, lazy_async
from otel_llmcost.instrument._watch import Tap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from otel_llmcost.instrument._call import Asked, OpenCall
    from otel_llmcost.instrument._httpx import Asking

_SPOKEN: Final = {"/v1/messages": "anthropic", "GenerateContent": "gcp.gemini", "generateContent": "gcp.gemini"}
"""Whose format is spoken at a host that nobody knows, by how its path ends; OpenAI's at any other."""

_MODELS: Final = ("base", "async_base", "openai", "gemini")
"""The modules of models that have a `stream` of their own."""


class LM15Patch(HTTPXPatch):
    """The patch of the package or of a copy, on or off.

    Args:
        package: What the scope is named after.
        place: Where the package is.
    """

    def __init__(self, package: str, place: str) -> None:
        sending = {f"{place}.transports._sync": _sync, f"{place}.transports._async": _async}
        super().__init__(package, sending | {f"{place}.providers.{name}": _streaming for name in _MODELS})

    @property
    def kind(self) -> type[HTTPXCall]:
        """What a call is here."""
        return _Call

    def _beginning(self, asking: Asking) -> Callable[..., OpenCall | None]:
        begin = super()._beginning(asking)

        def begin_and_weigh(*args: Any, **kwargs: Any) -> OpenCall | None:
            sent_bytes = len(_request_in(args, kwargs).body or b"")
            call = begin(*args, **kwargs)
            if isinstance(call, _Call):
                call.sent_bytes = sent_bytes
            return call

        return begin_and_weigh


def _sync(patch: HTTPXPatch, module: Any) -> None:
    patch.replace(module.StdlibTransport, "stream", patch.sender(_asked))


def _async(patch: HTTPXPatch, module: Any) -> None:
    patch.replace(module.StdlibAsyncTransport, "_do_stream", patch.async_sender(_asked))


def _streaming(patch: HTTPXPatch, module: Any) -> None:
    for kind in vars(module).values():
        if isinstance(kind, type) and kind.__module__ == module.__name__ and _is_model(kind) and "stream" in vars(kind):
            patch.replace(kind, "stream", lazy_async if kind.__name__.startswith("Async") else lazy)


def _is_model(kind: type) -> bool:
    """Return whether a class asks by a transport, and is not one."""
    return hasattr(kind, "_stream_raw")


def _request_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return kwargs.get("request") or args[1]


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    request = _request_in(args, kwargs)
    if request.method.upper() != "POST":
        return None
    path, content = request.url.partition("?")[0], request.body
    spoken = next((provider for ending, provider in _SPOKEN.items() if path.endswith(ending)), "openai")
    body = json.loads(content) if content[:1] == b"{" and len(content) <= MAX_REQUEST_BYTES else {}
    is_stream = path.endswith("GenerateContent") or None  # only Google's path tells
    return asked_of(request.url, body, dict(request.headers), provider=spoken, is_stream=is_stream)


class _Call(HTTPXCall):
    """A call under way whose answer is a response of lm15's.

    Attributes:
        sent_bytes: The size of what was sent.
    """

    sent_bytes = 0

    def see(self, response: Any) -> None:
        """Watch an answer whose body is still to come; an error is over with its status."""
        self._headers = {name.lower(): value for name, value in response.headers}
        self.answered(self._request_id(SimpleNamespace(headers=self._headers)), 0, self.sent_bytes)
        if response.status >= 400:  # noqa: PLR2004 - an error answer is no usage
            self.record.error_type = str(response.status)
            return
        kind = self._headers.get("content-type", "")
        is_events = ("stream" in kind or self.asked.is_stream) and "amazon" not in kind
        self._reader = BodyReader(self, is_events=is_events)
        tap, is_async = Tap(self._reader, self._later), hasattr(response, "aclose")
        response._chunks = (_heard_async if is_async else _heard)(response._chunks, tap)  # noqa: SLF001
        response._release = (_released_async if is_async else _released)(response._release, tap)  # noqa: SLF001
        self.awaits_body = True


# --- the body ---


def _heard(pieces: Iterator[bytes], tap: Tap) -> Iterator[bytes]:
    """Yield the pieces of a body, and show each."""
    try:
        for piece in pieces:
            _show(tap, piece)
            yield piece
    except BaseException as error:
        tap.broke_off(error)
        raise
    tap.ended()


async def _heard_async(pieces: AsyncIterator[bytes], tap: Tap) -> AsyncIterator[bytes]:
    """Yield the pieces of a body, and show each."""
    try:
        async for piece in pieces:
            _show(tap, piece)
            yield piece
    except BaseException as error:
        tap.broke_off(error)
        raise
    tap.ended()


def _show(tap: Tap, piece: bytes) -> None:
    try:
        tap.reader.feed(piece)
    except Exception as error:  # noqa: BLE001 - the application's stream goes on
        tap.given_up(error)


def _released(release: Any, tap: Tap) -> Any:
    """Return what gives the connection back, and notes that nothing more is read."""

    def released(*args: Any) -> None:
        tap.closed()
        release(*args)

    return released


def _released_async(release: Any, tap: Tap) -> Any:
    """Return the same for a coroutine function."""

    async def released(*args: Any) -> None:
        tap.closed()
        await release(*args)

    return released
