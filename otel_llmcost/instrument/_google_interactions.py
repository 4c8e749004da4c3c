"""Google's Interactions and Decisions, which `google-genai` 3 asks by a client of its own that Speakeasy generates.

`do_request` sends every request of it, with its retries; what an interaction goes on to ask by itself, where its answer
was cut, is a request and a call of its own. An interaction in the background is under way until somebody in this
process fetches it when it has ended: nothing that is told of it afterwards says that it was in the background, and so
no other process could tell it from one that was billed when it was asked for.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._call import note_fault
from otel_llmcost.instrument._deferred import MAX_REMEMBERED, overhear
from otel_llmcost.instrument._httpx import MAX_REQUEST_BYTES, HTTPXCall, HTTPXPatch, asked_of
from otel_llmcost.instrument._lines import LineReader, WholeReader
from otel_llmcost.providers.reading import section
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.instrument._call import Asked
    from otel_llmcost.providers.reading import Reading

_CALLS: Final = ("/interactions", "/decisions")


class InteractionsPatch(HTTPXPatch):
    """The patch of that client, on or off."""

    def __init__(self) -> None:
        super().__init__("google_genai", {"google.genai._gaos.basesdk": _sending})
        self._going_on: dict[str, _Call] = {}

    def remove(self) -> None:
        """Undo the patch, and end what is under way."""
        super().remove()
        while self._going_on:
            self._going_on.popitem()[1].finish()

    @property
    def kind(self) -> type[HTTPXCall]:
        """What a call is here."""
        return _Call

    def keep(self, name: str, call: _Call) -> None:
        """Keep a call until its answer is fetched; nobody has come for the oldest, if there are too many."""
        if len(self._going_on) >= MAX_REMEMBERED:
            self._going_on.pop(next(iter(self._going_on))).finish()
        self._going_on[name] = call

    def fetched(self, response: Any, provider: str) -> None:  # noqa: ARG002 - the call knows
        """Read what is told of an interaction that is under way."""
        try:
            name = response.request.url.path.rpartition("/")[2]
            if name in self._going_on and response.request.method == "GET" and response.status_code < 400:  # noqa: PLR2004
                take = partial(self._told, name)
                is_events = "event-stream" in response.headers.get("content-type", "")
                marks = self._going_on[name].asked.surface.marks
                overhear(response, LineReader(take, marks=marks) if is_events else WholeReader(take))
        except Exception as error:  # noqa: BLE001 - the application's request goes on
            note_fault("reading an interaction of google_genai", error)

    def _told(self, name: str, document: Mapping[str, Any]) -> None:
        call = self._going_on.get(name)
        if call is None:
            return
        reading = call.asked.surface.read(section(document, "interaction") or document)
        if reading.finish_reason and self._going_on.pop(name, None) is call:
            call.read(reading, UsageQuality.REPORTED)
            call.finish()


class _Call(HTTPXCall):
    """A call under way, perhaps in the background."""

    patch: InteractionsPatch
    _goes_on_as = ""
    """What Google calls it, as long as it is known to go on in the background."""

    def read(self, reading: Reading, quality: UsageQuality) -> None:
        """Note what the answer tells about itself, and whether it goes on."""
        super().read(reading, quality)
        goes_on = self.asked.body.get("background") is True and not reading.finish_reason
        self._goes_on_as = reading.response_id if goes_on else ""

    def finish(self) -> None:
        """Wait for whoever fetches the answer; the second time, at the end of the process, nobody does any more."""
        name, self._goes_on_as = self._goes_on_as, ""
        if name:
            self.patch.keep(name, self)
        else:
            super().finish()


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    request = kwargs.get("request") or args[2]
    if request.method != "POST" or not request.url.path.endswith(_CALLS):
        return None
    provider = "gcp.vertex_ai" if "/projects/" in request.url.path else "gcp.gemini"
    content = request.content
    body = json.loads(content) if len(content) <= MAX_REQUEST_BYTES else {}
    asked = asked_of(str(request.url), body, request.headers, provider=provider)
    if asked is not None:
        asked.model = asked.model.removeprefix("models/")
    return asked


def _sending(patch: HTTPXPatch, module: Any) -> None:
    patch.replace(module.BaseSDK, "do_request", patch.fetcher(_asked))
    patch.replace(module.AsyncBaseSDK, "do_request_async", patch.async_fetcher(_asked))
