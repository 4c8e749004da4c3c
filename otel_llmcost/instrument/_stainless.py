"""The SDKs that Stainless generates: one choke point for all their surfaces.

`_base_client.{Sync,Async}APIClient.request` frames a call with its retries, `_process_response` shows the HTTP
response. An SDK module of ours says only which paths are calls and how their requests name things.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import wrapt
from opentelemetry import trace
from opentelemetry.instrumentation.utils import unwrap

from otel_llmcost import semconv
from otel_llmcost.instrument._body import BodyReader, read_document, watch
from otel_llmcost.instrument._call import Asked, OpenCall, in_progress, note_fault
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.reading import Reading
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer

    from otel_llmcost.providers.reading import Surface

_METHODS: Final = tuple(
    f"{side}APIClient.{method}" for side in ("Sync", "Async") for method in ("request", "_process_response")
)
VERSION: Final = version("otel-llmcost")
_STREAM_OPTIONS: Final = "stream_options"
"""Hosts that answered 400 to it are asked without it from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SDK:
    """What there is to know about one SDK.

    Attributes:
        package: The package's name; its choke point is in `<package>._base_client`.
        provider: Who answers where the host is unknown.
        surfaces: How each path is read, by its ending.
        asks_for_usage: Paths whose streams tell their usage only when asked with `stream_options`.
        request_id_headers: Where an answer names itself.
        native_span: A function of `_base_client` that starts the SDK's own span and may return None instead.
    """

    package: str
    provider: str
    surfaces: Mapping[str, Surface]
    asks_for_usage: frozenset[str] = frozenset()
    request_id_headers: tuple[str, ...] = ("x-request-id", "request-id")
    native_span: str = ""

    @property
    def scope(self) -> tuple[str, str]:
        """Name and version of the instrumentation scope of its spans."""
        return f"{semconv.SCOPE_PREFIX}{self.package}", VERSION


@dataclass(slots=True)
class Patch:
    """The patch of one SDK, on or off.

    Args:
        sdk: The SDK.
    """

    sdk: SDK
    _is_on: bool = False
    _waits_for_import: bool = False
    _tracer: Tracer | None = None
    _hosts_without_stream_options: set[str] = field(default_factory=set)

    @property
    def _module(self) -> str:
        return f"{self.sdk.package}._base_client"

    def apply(self, tracer_provider: trace.TracerProvider | None = None) -> None:
        """Patch the SDK, now or when it is imported; nothing happens a second time."""
        if self._is_on:
            return
        self._is_on = True
        self._tracer = trace.get_tracer(*self.sdk.scope, tracer_provider, semconv.SCHEMA_URL)
        if self._module in sys.modules:
            self._wrap(sys.modules[self._module])
        elif not self._waits_for_import:
            self._waits_for_import = True
            wrapt.register_post_import_hook(self._wrap, self._module)

    def remove(self) -> None:
        """Undo the patch."""
        if not self._is_on:
            return
        self._is_on = False
        self._hosts_without_stream_options.clear()
        if module := sys.modules.get(self._module):
            for name in _METHODS:
                owner, _, method = name.partition(".")
                unwrap(getattr(module, owner), method)
            if self.sdk.native_span and hasattr(module, self.sdk.native_span):
                unwrap(module, self.sdk.native_span)

    def _wrap(self, module: Any) -> None:
        if not self._is_on:
            return
        wrapt.wrap_function_wrapper(module, "SyncAPIClient.request", self._request)
        wrapt.wrap_function_wrapper(module, "AsyncAPIClient.request", self._async_request)
        for side in ("Sync", "Async"):
            wrapt.wrap_function_wrapper(module, f"{side}APIClient._process_response", self._process_response)
        if self.sdk.native_span and hasattr(module, self.sdk.native_span):
            wrapt.wrap_function_wrapper(module, self.sdk.native_span, _no_second_span)

    # --- the frame ---

    def _request(self, wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self._begun(client, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        try:
            with call.current():
                try:
                    result = wrapped(*call.args, **call.kwargs)
                except Exception as error:
                    if not self._is_about_stream_options(call, error):
                        raise
                    result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.returned()
        return result

    async def _async_request(self, wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self._begun(client, args, kwargs)
        if call is None:
            return await wrapped(*args, **kwargs)
        try:
            with call.current():
                try:
                    result = await wrapped(*call.args, **call.kwargs)
                except Exception as error:
                    if not self._is_about_stream_options(call, error):
                        raise
                    result = await wrapped(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.returned()
        return result

    def _begun(self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _SDKCall | None:
        """Return the call that begins here; None if it is none of the kinds we know, or our own code fails."""
        try:
            process = runtime.started()
            options = kwargs.get("options") or args[1]
            path = _path(options)
            surface = self.sdk.surfaces.get(path)
            if surface is None or options.method.lower() != "post" or self._tracer is None:
                return None
            asked = self._asked(client, options, surface)
            return _SDKCall(self, process, self._tracer, asked, (client, path, args, kwargs))
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault(f"recording a call of {self.sdk.package}", error)
            return None

    def _asked(self, client: Any, options: Any, surface: Surface) -> Asked:
        body = _body(options)
        host = client.base_url.host or ""
        provider = provider_at(host)
        limit = body.get("max_completion_tokens") or body.get("max_output_tokens") or body.get("max_tokens")
        return Asked(
            surface=surface,
            provider=provider or self.sdk.provider,
            provider_source="host" if provider else "sdk",
            server_address=host,
            model=_text(body.get("model")),
            is_stream=body.get("stream") is True,
            max_output_tokens=limit if isinstance(limit, int) else None,
            service_tier=_text(body.get("service_tier")),
        )

    # --- the usage of streams ---

    def with_usage_asked(self, call: _SDKCall, path: str, options: Any) -> Any | None:
        """Return a copy of `options` that asks for the usage of a stream; None where that is not needed or wanted."""
        body = _body(options)
        given = body.get(_STREAM_OPTIONS)
        if (
            path not in self.sdk.asks_for_usage
            or not call.asked.is_stream
            or call.host in self._hosts_without_stream_options
            or (isinstance(given, dict) and "include_usage" in given)
            or not isinstance(options.json_data, dict)
        ):
            return None
        asking = copy.copy(options)
        kept = given if isinstance(given, dict) else {}
        asking.json_data = {**options.json_data, _STREAM_OPTIONS: {**kept, "include_usage": True}}
        return asking

    def _is_about_stream_options(self, call: _SDKCall, error: Exception) -> bool:
        """Whether a host refused what we added; then it is remembered, and asked once more without it."""
        if not call.asks_for_usage or getattr(error, "status_code", None) != 400:  # noqa: PLR2004 - Bad Request
            return False
        response = getattr(error, "response", None)
        if _STREAM_OPTIONS not in f"{error} {getattr(response, 'text', '')}":
            return False
        call.asks_for_usage = False
        self._hosts_without_stream_options.add(call.host)
        return True

    # --- the response ---

    def _process_response(self, wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = in_progress.get()
        if isinstance(call, _SDKCall) and call.patch is self:
            try:
                call.see(kwargs["response"], kwargs.get("retries_taken") or 0)
            except Exception as error:  # noqa: BLE001 - the application's call goes on
                note_fault(f"reading an answer of {self.sdk.package}", error)
        return wrapped(*args, **kwargs)


class _SDKCall(OpenCall):
    """A call under way in a Stainless SDK."""

    _unread: Any = None
    """The response whose body is here, until it has been read."""

    def __init__(
        self,
        patch: Patch,
        process: runtime.Runtime,
        tracer: Tracer,
        asked: Asked,
        how: tuple[Any, str, tuple[Any, ...], dict[str, Any]],
    ) -> None:
        client, path, args, kwargs = how
        super().__init__(process, tracer, asked, patch.sdk.scope)
        self.patch = patch
        self.host = str(client.base_url)
        self._later = process.pipeline.later
        options = kwargs.get("options") or args[1]
        asking = patch.with_usage_asked(self, path, options)
        self.asks_for_usage = asking is not None
        self.args, self.kwargs = _with_options(args, kwargs, asking) if asking is not None else (args, kwargs)

    def see(self, response: Any, retries: int) -> None:
        """Read an answer that is here as a whole, or watch one that is still coming."""
        if response.status_code >= 400:  # noqa: PLR2004 - an error answer is no usage
            return
        headers = response.headers
        request_id = next(filter(None, map(headers.get, self.patch.sdk.request_id_headers)), "")
        self.answered(request_id, retries, _sent_bytes(response.request))
        if response.is_stream_consumed:
            self._unread = response
            response.json = self._json
            return
        self.awaits_body = True
        is_events = "event-stream" in headers.get("content-type", "") or self.asked.is_stream
        watch(response, BodyReader(self, is_events=is_events, hides_usage=self.asks_for_usage), self._later)

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
            vars(response).pop("json", None)
            try:
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


def _with_options(
    args: tuple[Any, ...], kwargs: dict[str, Any], options: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if "options" in kwargs:
        return args, {**kwargs, "options": options}
    return (args[0], options, *args[2:]), kwargs


def _path(options: Any) -> str:
    return str(options.url).partition("?")[0]


def _body(options: Any) -> dict[str, Any]:
    """Return the request's body as it will be sent, as far as it is a JSON object."""
    body = options.json_data if isinstance(options.json_data, dict) else {}
    extra = options.extra_json
    return {**body, **extra} if isinstance(extra, dict) else body


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _no_second_span(wrapped: Any, _instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Leave out the SDK's own span of a call that we record."""
    return None if in_progress.get() is not None else wrapped(*args, **kwargs)
