"""The `ollama` SDK: chat, generate, embed, embeddings.

`_request` of both clients frames a call. What it returns is decoded already, so the HTTP response is caught on its way
out of `httpx.Client.send`, which does nothing else for anybody else. A stream asks its question only when the first
line is wanted, perhaps long after the application has asked for it: then the frame is around that first step, and the
context in which it was asked for says who pays.
"""

from __future__ import annotations

import contextvars
import functools
from typing import TYPE_CHECKING, Any

from otel_llmcost.instrument._call import note_fault
from otel_llmcost.instrument._httpx import HTTPXPatch, asked_of
from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.providers.reading import section

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

    from otel_llmcost.instrument._call import Asked, OpenCall


class _Patch(HTTPXPatch):
    """The patch of the SDK, on or off."""

    def __init__(self) -> None:
        super().__init__("ollama", {"ollama._client": self._wrap})

    def _wrap(self, _: HTTPXPatch, module: Any) -> None:
        self.replace(module.Client, "_request", self._request)
        self.replace(module.AsyncClient, "_request", self._async_request)
        self.replace(module.httpx.Client, "send", self._send)
        self.replace(module.httpx.AsyncClient, "send", self._async_send)

    def _request(self, original: Any) -> Any:
        begin = self._beginning(_asked)
        whole = self.framed(begin, _seen)(original)

        def request(*args: Any, **kwargs: Any) -> Any:
            if not kwargs.get("stream"):
                return whole(*args, **kwargs)
            asked_in = contextvars.copy_context()
            enter = functools.partial(self._entered_later, asked_in, begin, args, kwargs)
            return _parts(enter, original(*args, **kwargs))

        return request

    def _async_request(self, original: Any) -> Any:
        begin = self._beginning(_asked)
        whole = self.framed_async(begin, _seen)(original)

        async def request(*args: Any, **kwargs: Any) -> Any:
            if not kwargs.get("stream"):
                return await whole(*args, **kwargs)
            asked_in = contextvars.copy_context()
            enter = functools.partial(self._entered_later, asked_in, begin, args, kwargs)
            return _async_parts(enter, await original(*args, **kwargs))

        return request

    def _entered_later(
        self,
        asked_in: contextvars.Context,
        begin: Callable[..., OpenCall | None],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> OpenCall | None:
        """Return the call that begins in one context and is in progress in another; None if our own code fails."""
        try:
            call = asked_in.run(self._begun, begin, args, kwargs)
            if call is not None:
                call.enter()
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("recording a call of ollama", error)
            return None
        return call

    # --- the HTTP response ---

    def _send(self, original: Any) -> Any:
        def send(*args: Any, **kwargs: Any) -> Any:
            return self._shown(original(*args, **kwargs))

        return send

    def _async_send(self, original: Any) -> Any:
        async def send(*args: Any, **kwargs: Any) -> Any:
            return self._shown(await original(*args, **kwargs))

        return send

    def _shown(self, response: Any) -> Any:
        """Show a response to the call that is being sent, if there is one."""
        try:
            if (call := self.under_way()) is not None:
                call.see(response)
                if call.awaits_body and self.response_hook is not None:
                    call.run_hook(self.response_hook, response)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("reading an answer of ollama", error)
        return response


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    client, _kind, method, path = args[:4]
    body = kwargs.get("json")
    if method != "POST" or not isinstance(body, dict):
        return None
    http = client._client  # noqa: SLF001 - there is no other way to the address
    asked = asked_of(str(http.base_url).rstrip("/") + path, body, http.headers, provider="ollama")
    limit = (section(body, "options") or {}).get("num_predict")
    if asked is not None and isinstance(limit, int) and limit > 0:  # below, it is no limit
        asked.max_output_tokens = limit
    return asked


def _seen(_call: Any, result: Any) -> Any:
    """Return the result, whose response has been read already."""
    return result


# --- streams ---


def _parts(enter: Callable[[], OpenCall | None], parts: Generator[Any]) -> Iterator[Any]:
    """Yield the parts of an answer, with a frame around the first step."""
    call = enter()
    try:
        if call is not None:
            try:
                first = next(parts, None)
            except BaseException as error:
                call.over(error)
                raise
            call.over()
            if first is None:
                return
            yield first
        yield from parts
    finally:
        parts.close()


async def _async_parts(enter: Callable[[], OpenCall | None], parts: AsyncGenerator[Any]) -> AsyncIterator[Any]:
    """Yield the parts of an answer, with a frame around the first step."""
    call = enter()
    try:
        if call is not None:
            try:
                first = await anext(parts, None)
            except BaseException as error:
                call.over(error)
                raise
            call.over()
            if first is None:
                return
            yield first
        async for part in parts:
            yield part
    finally:
        await parts.aclose()


class OllamaInstrumentor(Instrumentor):
    """Instruments every client of the `ollama` package, sync and async."""

    name = "ollama"
    requires = "ollama >= 0.4.7"
    tested = "0.6.3"
    patch = _Patch()
