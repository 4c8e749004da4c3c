"""The `google-genai` SDK: the Gemini API and Vertex AI.

`BaseApiClient._request` and `_async_request` frame a call with its retries, above all the transports that the SDK may
use (httpx, httpx2, aiohttp, requests): they take the final URL and body, and return the answer as text, or an
`HttpResponse` whose segments are the decoded events of a stream. `_request_once` is one attempt, and
`APIError.raise_for_response` sees the bare HTTP answer to each.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from otel_llmcost.instrument._body import EventReader, read_document, sent_bytes
from otel_llmcost.instrument._call import Asked, OpenCall, in_progress, note_fault
from otel_llmcost.instrument._google_batches import BatchPatch
from otel_llmcost.instrument._google_interactions import InteractionsPatch
from otel_llmcost.instrument._google_live import LivePatch
from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._lazy import lazy, lazy_async
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.instrument._watch import Tap
from otel_llmcost.providers.formats import google
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.reading import objects, section, word
from otel_llmcost.providers.registry import route_of
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from otel_llmcost.providers.reading import Reading, Surface

_STREAMS: Final = {
    "google.genai.models": ("Models", "AsyncModels", "generate_content_stream"),
    "google.genai.chats": ("Chat", "AsyncChat", "send_message_stream"),
}
"""The modules whose streams ask when they are read → the classes of both clients, and the method."""

_STREAM: Final = ":streamGenerateContent"
_PROJECT: Final = re.compile(r"/projects/([^/]+)/")
_REQUEST_ID_HEADERS: Final = ("x-request-id", "x-goog-request-id")
"""Google's hosts name no answer; gateways before them do."""

_TIER_HEADERS: Final = ("X-Vertex-AI-LLM-Shared-Request-Type", "X-Vertex-AI-LLM-Request-Type")
"""Where Vertex AI is asked for a tier: shared capacity (`flex`, `priority`), or provisioned (`dedicated`)."""


class _Patch(ModulePatch):
    """The patch of the SDK, on or off."""

    def __init__(self) -> None:
        super().__init__("google_genai", "google.genai._api_client", *_STREAMS)

    def wrap(self, module: Any) -> None:
        """Replace the choke point of both clients, and what shows attempts and answers; or what asks for streams."""
        if streams := _STREAMS.get(module.__name__):
            kind, async_kind, method = streams
            self.replace(getattr(module, kind), method, lazy)
            self.replace(getattr(module, async_kind), method, lazy_async)
            return
        client, error = module.BaseApiClient, module.errors.APIError
        self.replace(client, "_request", self.framed(self._begin, _see))
        self.replace(client, "_async_request", self.framed_async(self._begin, _see))
        if "_request_once" in vars(client):
            self.replace(client, "_request_once", _attempt)
            self.replace(client, "_async_request_once", _async_attempt)
        self.replace(error, "raise_for_response", _answer)
        if "raise_for_async_response" in vars(error):
            self.replace(error, "raise_for_async_response", _async_answer)

    def _begin(self, client: Any, http_request: Any, *_args: Any, **_kwargs: Any) -> _Call | None:
        """Return the call that begins here; None if it is none of the kinds that tell usage."""
        url = urlsplit(http_request.url)
        host, body = url.hostname or "", http_request.data
        provider = provider_at(host, url.port)
        source = "host" if provider else "sdk"
        provider = provider or ("gcp.vertex_ai" if client.vertexai else "gcp.gemini")
        route = route_of(provider, url.path)
        if route is None or http_request.method.lower() != "post" or not isinstance(body, dict) or self.tracer is None:
            return None
        limit = (section(body, "generationConfig") or {}).get("maxOutputTokens")
        asked = Asked(
            surface=_surface(route.surface, body),
            provider=provider,
            provider_source=source,
            server_address=host,
            base_url=http_request.url,
            model=route.model,
            is_stream=url.path.endswith(_STREAM),
            max_output_tokens=limit if isinstance(limit, int) else None,
            service_tier=_tier(body, http_request.headers),
            region=route.region,
            body=body,
            credential=client.api_key or "",
        )
        process = runtime.started()
        call = _Call(process, self.tracer, asked, self.scope)
        call.later = process.pipeline.later
        if project := _PROJECT.search(url.path):
            call.record.sub_account_id = unquote(project[1])
        return call


class _Call(OpenCall):
    """A call under way in the SDK.

    Attributes:
        attempts: How often it has been sent.
        headers: The answer's, whatever the case of a name.
        later: Has work done outside the garbage collector.
    """

    attempts = 0
    headers: Mapping[str, str]
    later: Any

    def see(self, response: Any) -> None:
        """Take note of an HTTP answer, of whatever transport, before its body is read."""
        self.headers = response.headers
        request_id = next(filter(None, map(self.headers.get, _REQUEST_ID_HEADERS)), "")
        accounts = ("", self.record.sub_account_id)
        self.answered(request_id, max(self.attempts - 1, 0), sent_bytes(response), accounts)

    def read(self, reading: Reading, quality: UsageQuality) -> None:
        """Note what the answer tells about itself, its headers included."""
        complete = self.asked.surface.complete
        super().read(complete(reading, self.headers) if complete else reading, quality)


def _surface(surface: Surface, body: Mapping[str, Any]) -> Surface:
    """Return how the answer is read: only the request tells what `predict` is to make."""
    if surface is not google.EMBEDDED:
        return surface
    return google.IMAGES if any("prompt" in each for each in objects(body, "instances")) else surface


def _tier(body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Return the tier asked for, in the provider's words."""
    return word(body, "serviceTier") or next(filter(None, map(headers.get, _TIER_HEADERS)), "")


# --- attempts and HTTP answers ---


def _attempt(original: Any) -> Any:
    """Count an attempt."""

    def request_once(*args: Any, **kwargs: Any) -> Any:
        _count_attempt()
        return original(*args, **kwargs)

    return request_once


def _async_attempt(original: Any) -> Any:
    """Count an attempt."""

    async def request_once(*args: Any, **kwargs: Any) -> Any:
        _count_attempt()
        return await original(*args, **kwargs)

    return request_once


def _count_attempt() -> None:
    if isinstance(call := in_progress.get(), _Call):
        call.attempts += 1


def _answer(original: Any) -> Any:
    """Show an answer to the call in progress."""

    def raise_for_response(cls: Any, response: Any) -> Any:
        _show(response)
        return original(cls, response)

    return raise_for_response


def _async_answer(original: Any) -> Any:
    """Show an answer to the call in progress."""

    async def raise_for_response(cls: Any, response: Any) -> Any:
        _show(response)
        return await original(cls, response)

    return raise_for_response


def _show(response: Any) -> None:
    call = in_progress.get()
    if isinstance(call, _Call):
        try:
            call.see(response)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("reading an answer of google_genai", error)


# --- the answer ---


def _see(call: _Call, result: Any) -> Any:
    """Read an answer that is here as a whole, or watch one that is still coming."""
    told = result.response_stream
    if isinstance(told, list):
        call.read(read_document(call, told[0].encode() if told else b""), UsageQuality.REPORTED)
        return result
    result.llmcost_reader = reader = EventReader(call)
    result.llmcost_tap = Tap(reader, call.later)
    result.__class__ = _watched_class(result.__class__)
    call.awaits_body = True
    return result


@functools.cache
def _watched_class(kind: Any) -> Any:
    """Return the subclass of a response class that shows its events to a reader."""
    return type(kind.__name__, (_Watched, kind), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})


class _Watched:
    """The methods of a streamed answer that its events pass through."""

    llmcost_tap: Tap
    llmcost_reader: EventReader

    def segments(self) -> Iterator[Any]:
        """Iterate over the events as the answer does."""
        tap, reader = self.llmcost_tap, self.llmcost_reader
        events = super().segments()  # type: ignore[misc]  # the response class comes second
        try:
            for event in events:
                reader.see(event)
                yield event
            tap.ended()
        except BaseException as error:
            tap.broke_off(error)
            raise
        finally:
            events.close()

    async def async_segments(self) -> AsyncIterator[Any]:
        """Iterate over the events as the answer does."""
        tap, reader = self.llmcost_tap, self.llmcost_reader
        events = super().async_segments()  # type: ignore[misc]  # the response class comes second
        try:
            async for event in events:
                reader.see(event)
                yield event
            tap.ended()
        except BaseException as error:
            tap.broke_off(error)
            raise
        finally:
            await events.aclose()


class GoogleGenAIInstrumentor(Instrumentor):
    """Instruments every client of the `google-genai` package, sync and async."""

    name = "google_genai"
    requires = "google-genai >= 1.5"
    tested = "3.4.0"
    patch = _Patch()
    also = (BatchPatch(), LivePatch(), InteractionsPatch())
