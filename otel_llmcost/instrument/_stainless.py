"""The SDKs that Stainless generates: one choke point for all their surfaces.

`_base_client.{Sync,Async}APIClient.request` frames a call with its retries, `_process_response` shows the HTTP
response. An SDK module of ours says only which paths are calls and how their requests name things.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._body import BodyReader, read_document
from otel_llmcost.instrument._call import Asked, OpenCall, in_progress, note_fault
from otel_llmcost.instrument._deferred import Deferred
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.instrument._places import Places
from otel_llmcost.instrument._watch import watch
from otel_llmcost.providers.reading import Reading
from otel_llmcost.providers.registry import route_of
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer

    from otel_llmcost.instrument._places import Place
    from otel_llmcost.providers.registry import Route

_STREAM_OPTIONS: Final = "stream_options"
"""Where usage is asked for. Hosts that answered 400 to it are asked without it from then on."""
_REWRITING: Final = frozenset({"aws.bedrock", "gcp.vertex_ai"})
"""Providers whose clients ask another path than the one that they are told, with model and region in it."""
_FRAMES: Final = "amazon.eventstream"
"""The type of a stream that is kept and decoded as a whole, since its frames are no lines."""
_REFUSALS: Final = frozenset({400, 422})
"""How a host answers to a field that it does not know: Bad Request, or Unprocessable Content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SDK:
    """What there is to know about one SDK.

    Attributes:
        name: The name of our module for it, and of the scope of its spans.
        package: Where its choke point is: in `<package>._base_client`.
        provider: Who answers where the host is unknown.
        clients: Who answers instead, by the name of a client's class.
        request_id_headers: Where an answer names itself.
        account_headers: Where it names the account that is billed, and the part of it that asked.
        native_span: A function of `_base_client` that starts the SDK's own span and may return None instead.
    """

    name: str
    package: str
    provider: str
    clients: Mapping[str, str] = field(default_factory=dict)
    request_id_headers: tuple[str, ...] = ("x-request-id", "request-id")
    account_headers: tuple[str, str] = ("", "")
    native_span: str = ""


class Patch(ModulePatch):
    """The patch of one SDK, on or off.

    Args:
        sdk: The SDK.
    """

    def __init__(self, sdk: SDK) -> None:
        super().__init__(sdk.name, f"{sdk.package}._base_client")
        self.sdk = sdk
        self._places = Places(sdk.provider, sdk.clients)
        self._without_stream_options: set[str] = set()
        self.deferred = Deferred(self.scope)

    def remove(self) -> None:
        """Undo the patch, and forget what was learned."""
        super().remove()
        self._without_stream_options.clear()
        self.deferred = Deferred(self.scope)

    def wrap(self, module: Any) -> None:
        """Replace the choke point of both clients."""
        self.replace(module.SyncAPIClient, "request", self._request)
        self.replace(module.AsyncAPIClient, "request", self._async_request)
        self.replace(module.SyncAPIClient, "_process_response", self._process_response)
        self.replace(module.AsyncAPIClient, "_process_response", self._process_response)
        if self.sdk.native_span and hasattr(module, self.sdk.native_span):
            self.replace(module, self.sdk.native_span, _no_second_span)

    # --- the frame ---

    def _request(self, original: Any) -> Any:
        def request(client: Any, *args: Any, **kwargs: Any) -> Any:
            call = self._call(client, args, kwargs)
            if call is None:
                return original(client, *args, **kwargs)
            try:
                try:
                    result = original(client, *call.args, **call.kwargs)
                except Exception as error:
                    if not (call.asks_for_usage and self._is_about_stream_options(call, error)):
                        raise
                    result = original(client, *args, **kwargs)
                    self._note_refusal(call)  # not before: an error may quote what was sent
            except BaseException as error:
                call.over(error)
                raise
            call.over()
            return result

        return request

    def _async_request(self, original: Any) -> Any:
        async def request(client: Any, *args: Any, **kwargs: Any) -> Any:
            call = self._call(client, args, kwargs)
            if call is None:
                return await original(client, *args, **kwargs)
            try:
                try:
                    result = await original(client, *call.args, **call.kwargs)
                except Exception as error:
                    if not (call.asks_for_usage and self._is_about_stream_options(call, error)):
                        raise
                    result = await original(client, *args, **kwargs)
                    self._note_refusal(call)  # not before: an error may quote what was sent
            except BaseException as error:
                call.over(error)
                raise
            call.over()
            return result

        return request

    def _call(self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _SDKCall | None:
        """Return the call that begins here, entered; None if it is none of the kinds we know, or our own code fails."""
        if in_progress.get() is not None or not self.is_on:
            return None
        call: _SDKCall | None = None
        try:
            options = kwargs.get("options") or args[1]
            if options.method.lower() != "post":
                return None
            place = self._places.of(client, options.url)
            route = self._places.route(place.provider, place.path, options.url)
            if route is None or self.tracer is None:
                return None
            body = _body(options)
            asked = _asked(place, route, body)
            asked.credential = _text(getattr(client, "api_key", None))
            call = _SDKCall(self, runtime.started(), self.tracer, asked)
            call.args, call.kwargs = args, kwargs
            if self.request_hook is not None:
                call.run_hook(self.request_hook, options)
            if asked.is_stream and route.surface.is_asked_for_usage and self._may_ask(place, options, body):
                call.asks_for_usage = True
                call.args, call.kwargs = _with_options(args, kwargs, _asking_for_usage(options, body))
            call.enter()
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault(f"recording a call of {self.sdk.package}", error)
            if call is not None:
                call.finish()
            return None
        return call

    # --- the usage of streams ---

    def _may_ask(self, place: Place, options: Any, body: Mapping[str, Any]) -> bool:
        """Whether a stream is to be asked for its usage: the application has not said, and the host takes it."""
        given = body.get(_STREAM_OPTIONS)
        return (
            not self.keeps_stream_options
            and not place.tells_unasked
            and not (isinstance(given, dict) and "include_usage" in given)
            and isinstance(options.json_data, dict)
            and str(place.base_url) not in self._without_stream_options
        )

    def _is_about_stream_options(self, call: _SDKCall, error: Exception) -> bool:
        """Whether a host refused what we added; then it is asked once more without it."""
        try:
            if getattr(error, "status_code", None) not in _REFUSALS:
                return False
            response = getattr(error, "response", None)
            is_about_it = _STREAM_OPTIONS in f"{error} {getattr(response, 'text', '')}"
        except Exception as fault:  # noqa: BLE001 - the application gets the error that it would have got
            note_fault("reading a refusal", fault)
            is_about_it = True  # better asked once more than failed by what we added
        call.asks_for_usage = not is_about_it
        return is_about_it

    def _note_refusal(self, call: _SDKCall) -> None:
        """Remember a host that does not take what we add, and took the call without it."""
        try:
            self._without_stream_options.add(call.host)
        except Exception as fault:  # noqa: BLE001 - the application has its answer
            note_fault("remembering a refusal", fault)

    # --- the response ---

    def _process_response(self, original: Any) -> Any:
        def process(client: Any, *args: Any, **kwargs: Any) -> Any:
            call = in_progress.get()
            try:
                if isinstance(call, _SDKCall) and call.patch is self:
                    call.see(kwargs["response"], kwargs.get("retries_taken") or 0)
                elif call is None and self.is_on:
                    self._fetched(client, kwargs["response"])
            except Exception as error:  # noqa: BLE001 - the application's call goes on
                note_fault(f"reading an answer of {self.sdk.package}", error)
            return original(client, *args, **kwargs)

        return process

    def _fetched(self, client: Any, response: Any) -> None:
        """Read what was not asked by a call of ours, if it answers a call that was made before."""
        if response.request.method == "GET" and response.status_code < 400:  # noqa: PLR2004 - an error tells nothing
            place = self._places.of(client)
            self.deferred.see(response, host=place.host, provider=place.provider, provider_source=place.provider_source)


class _SDKCall(OpenCall):
    """A call under way in a Stainless SDK.

    Attributes:
        args: The arguments to go on with, kwargs likewise; changed where the usage of a stream is asked for.
        asks_for_usage: Whether that is so.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    asks_for_usage = False

    _unread: Any = None
    """The response whose body is here, until it has been read."""
    _headers: Mapping[str, str] | None = None
    """The headers of the answer, where they tell of the usage."""
    _in_background: Reading | None = None
    """What a background response tells so far; whoever fetches it is told the same."""

    def __init__(self, patch: Patch, process: runtime.Runtime, tracer: Tracer, asked: Asked) -> None:
        super().__init__(process, tracer, asked, patch.scope)
        self.patch = patch
        self._later = process.pipeline.later

    @property
    def host(self) -> str:
        """Where it is asked, port and path included."""
        return str(self.asked.base_url)

    def see(self, response: Any, retries: int) -> None:
        """Read an answer that is here as a whole, or watch one that is still coming."""
        if response.status_code >= 400:  # noqa: PLR2004 - an error answer is no usage
            return
        if self.patch.response_hook is not None:
            self.run_hook(self.patch.response_hook, response)
        headers, sdk = response.headers, self.patch.sdk
        request_id = next(filter(None, map(headers.get, sdk.request_id_headers)), "")
        billed, part = sdk.account_headers
        accounts = (headers.get(billed, ""), headers.get(part, ""))
        self.answered(request_id, retries, _sent_bytes(response.request), accounts)
        if self.asked.provider in _REWRITING:
            self._reroute(response.request.url.path)
        if self.asked.surface.complete is not None:
            self._headers = headers
        if response.is_stream_consumed:
            self._unread = response
            response.json = self._json
            return
        kind = headers.get("content-type", "")
        is_events = "event-stream" in kind or (self.asked.is_stream and _FRAMES not in kind)
        watch(response, BodyReader(self, is_events=is_events, hides_usage=self.asks_for_usage), self._later)
        self.awaits_body = True

    def read(self, reading: Reading, quality: UsageQuality) -> None:
        """Note what the answer tells about itself, in its headers too."""
        if self._headers is not None and (complete := self.asked.surface.complete) is not None:
            reading = complete(reading, self._headers)
        if self.asked.body.get("background") is True and reading.response_id:
            self._in_background = reading
            reading = replace(reading, usage=None, billed=None, reported_cost=None)
        super().read(reading, quality)

    def deliver(self, attributes: Mapping[str, Any]) -> None:
        """Hand the record on; that of a background response under an identity that is not its span's."""
        if self._in_background is None:
            super().deliver(attributes)
        else:
            self.patch.deferred.asked(self.record, self._in_background)

    def _reroute(self, path: str) -> None:
        """Read the answer as that of the path that was really asked; it may tell the region too."""
        route = route_of(self.asked.provider, path)
        if route is not None:
            self.asked.surface = route.surface
            self.record.region = route.region or self.record.region

    def _json(self, **kwargs: Any) -> Any:
        """Decode the answer as its own method does, and read it too, so that nothing is decoded twice."""
        response = self._unread
        del response.json
        document = response.json(**kwargs)
        self._unread = None
        try:
            reading = self.asked.surface.read(document) if isinstance(document, dict) else Reading()
            self.read(reading, UsageQuality.REPORTED)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("reading an answer", error)
        return document

    def finish(self) -> None:
        """Read an answer that the SDK did not decode, a raw one for instance; then as any call."""
        response, self._unread = self._unread, None
        if response is not None:
            try:
                vars(response).pop("json", None)
                self.read(read_document(self, response.content), UsageQuality.REPORTED)
            except Exception as error:  # noqa: BLE001 - the application's call goes on
                note_fault("reading an answer", error)
        super().finish()


def _sent_bytes(request: Any) -> int | None:
    """Return the size of the body that was sent; None where it was streamed, and nobody knows."""
    try:
        return len(request.content)  # a tenth of the work of looking up the header
    except Exception:  # noqa: BLE001 - RequestNotRead of httpx or httpx2, which need not be imported for it
        return None


def _asked(place: Place, route: Route, body: Mapping[str, Any]) -> Asked:
    limit = body.get("max_completion_tokens") or body.get("max_output_tokens") or body.get("max_tokens")
    return Asked(
        surface=route.surface,
        provider=route.surface.sold_as or place.provider,
        provider_source=place.provider_source,
        server_address=place.host,
        base_url=place.base_url,
        model=_text(body.get("model")) or route.model,
        is_stream=body.get("stream") is True,
        max_output_tokens=limit if isinstance(limit, int) else None,
        service_tier=_text(body.get("service_tier")),
        region=route.region or place.region,
        body=body,
    )


def _with_options(
    args: tuple[Any, ...], kwargs: dict[str, Any], options: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if "options" in kwargs:
        return args, {**kwargs, "options": options}
    return (args[0], options, *args[2:]), kwargs


def _asking_for_usage(options: Any, body: Mapping[str, Any]) -> Any:
    """Return a copy of `options` that asks for the usage of a stream."""
    asking = copy.copy(options)
    asking.json_data = {
        **options.json_data,
        _STREAM_OPTIONS: {**(body.get(_STREAM_OPTIONS) or {}), "include_usage": True},
    }
    return asking


def _body(options: Any) -> dict[str, Any]:
    """Return the request's body as it will be sent, as far as it is a JSON object."""
    body = options.json_data if isinstance(options.json_data, dict) else {}
    extra = options.extra_json
    return {**body, **extra} if isinstance(extra, dict) else body


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _no_second_span(original: Any) -> Any:
    """Leave out the SDK's own span of a call that we record."""

    def start(*args: Any, **kwargs: Any) -> Any:
        return None if in_progress.get() is not None else original(*args, **kwargs)

    return start
