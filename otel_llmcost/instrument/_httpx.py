"""SDKs that send through httpx or httpx2 from a function of their own, which returns the HTTP response.

That function frames a call: retries happen inside it, and what is asked stands in its arguments. The usage is read
from the response, or from its bytes while the application reads them. A module of ours says only where the function
is and what its arguments ask.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from otel_llmcost.instrument._body import BodyReader, read_document
from otel_llmcost.instrument._call import Asked, OpenCall, in_progress, note_fault
from otel_llmcost.instrument._deferred import Deferred
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.instrument._watch import watch
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.registry import route_of
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Tracer

    from otel_llmcost.providers.reading import Reading

    Asking = Callable[[tuple[Any, ...], dict[str, Any]], Asked | None]
    """Says what the arguments of a framing function ask; None if the request is no call of a model."""

REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id")
MAX_REQUEST_BYTES: Final = 1024 * 1024
"""A longer request is not decoded; its answer names the model too."""

_KEY_HEADERS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def asked_of(
    url: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    provider: str,
    is_stream: bool | None = None,
) -> Asked | None:
    """Return what a POST of `body` to `url` asks; None if its answer tells no usage.

    Args:
        url: The whole address.
        body: The JSON object that is sent, as far as it is known.
        headers: Those that bear the API key, as far as they are known.
        provider: Who answers where the host is unknown.
        is_stream: Whether a stream is asked for; None takes it from the body.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    known = provider_at(host, parts.port)
    route = route_of(known or provider, parts.path)
    if route is None:
        return None
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or body.get("max_output_tokens")
    return Asked(
        surface=route.surface,
        provider=route.surface.sold_as or known or provider,
        provider_source="host" if known else "sdk",
        server_address=host,
        base_url=f"{parts.scheme}://{parts.netloc}",
        model=route.model or _text(body.get("model")),
        is_stream=body.get("stream") is True if is_stream is None else is_stream,
        max_output_tokens=limit if isinstance(limit, int) else None,
        service_tier=_text(body.get("service_tier")),
        region=route.region,
        body=body,
        credential=_credential(headers),
    )


class HTTPXPatch(ModulePatch):
    """The patch of one SDK, on or off.

    Args:
        package: The package's name, which is its scope's too.
        wraps: For each module of the package, by its name, what wraps it; any may be missing in a release.
        request_id_headers: Where an answer names itself.
    """

    def __init__(
        self,
        package: str,
        wraps: Mapping[str, Callable[[HTTPXPatch, Any], None]],
        request_id_headers: tuple[str, ...] = REQUEST_ID_HEADERS,
    ) -> None:
        super().__init__(package, *wraps)
        self.request_id_headers = request_id_headers
        self.deferred = Deferred(self.scope)
        self._wraps = wraps

    def remove(self) -> None:
        """Undo the patch, and forget what was learned."""
        super().remove()
        self.deferred = Deferred(self.scope)

    def wrap(self, module: Any) -> None:
        """Wrap what there is to wrap in a module."""
        self._wraps[module.__name__](self, module)

    def sender(self, asking: Asking) -> Callable[[Any], Any]:
        """Return what frames a function that sends a request and returns the HTTP response."""
        return self.framed(self._beginning(asking), _seen)

    def async_sender(self, asking: Asking) -> Callable[[Any], Any]:
        """Return the same for a coroutine function."""
        return self.framed_async(self._beginning(asking), _seen)

    def fetcher(self, asking: Asking, provider: str = "") -> Callable[[Any], Any]:
        """Return what frames such a function, and reads what it fetches: that may answer a call made before.

        Args:
            asking: Says what the arguments ask.
            provider: Whose it is that is fetched, where the host is unknown.
        """
        framed = self.sender(asking)

        def around(original: Any) -> Any:
            send = framed(original)

            def ask(*args: Any, **kwargs: Any) -> Any:
                response = send(*args, **kwargs)
                self.fetched(response, provider)
                return response

            return ask

        return around

    def async_fetcher(self, asking: Asking, provider: str = "") -> Callable[[Any], Any]:
        """Return the same for a coroutine function."""
        framed = self.async_sender(asking)

        def around(original: Any) -> Any:
            send = framed(original)

            async def ask(*args: Any, **kwargs: Any) -> Any:
                response = await send(*args, **kwargs)
                self.fetched(response, provider)
                return response

            return ask

        return around

    def block_sender(self, asking: Asking) -> Callable[[Any], Any]:
        """Return the same for a function whose block, sync or async, sends a request and yields the HTTP response."""
        beginning = self._beginning(asking)

        def around(original: Any) -> Any:
            def send(*args: Any, **kwargs: Any) -> Any:
                block = original(*args, **kwargs)
                try:
                    return _Block(block, self._entering(block, functools.partial(beginning, *args, **kwargs)))
                except Exception as error:  # noqa: BLE001 - the application's call goes on
                    note_fault(f"recording a call of {self.package}", error)
                    return block

            return send

        return around

    def _entering(self, block: Any, begin: Callable[[], OpenCall | None]) -> Callable[[], Any]:
        """Return what enters a block, with the frame of a call around it."""
        if hasattr(block, "__aenter__"):
            enter = self.framed_async(begin, _seen)(block.__aenter__)
        else:
            enter = self.framed(begin, _seen)(block.__enter__)
        return enter  # type: ignore[no-any-return]  # what `framed` returns is of the type of what it is given

    def fetched(self, response: Any, provider: str) -> None:
        """Read what was not asked by a call of ours, if it answers a call that was made before.

        Args:
            response: The HTTP response.
            provider: Whose it is where the host is unknown.
        """
        try:
            if not self.is_on or response.request.method != "GET" or response.status_code >= 400:  # noqa: PLR2004
                return
            url = response.request.url
            known = provider_at(url.host, url.port)
            source = "host" if known else "sdk"
            self.deferred.see(response, host=url.host, provider=known or provider, provider_source=source)
        except Exception as error:  # noqa: BLE001 - the application's request goes on
            note_fault(f"reading an answer of {self.package}", error)

    def under_way(self) -> HTTPXCall | None:
        """Return the call of this SDK that is being sent in this context, None if there is none."""
        call = in_progress.get()
        return call if isinstance(call, HTTPXCall) and call.patch is self else None

    def _beginning(self, asking: Asking) -> Callable[..., OpenCall | None]:
        def begin(*args: Any, **kwargs: Any) -> OpenCall | None:
            asked = asking(args, kwargs)
            if asked is None or self.tracer is None:
                return None
            return self.kind(self, runtime.started(), self.tracer, asked)

        return begin

    @property
    def kind(self) -> type[HTTPXCall]:
        """What a call of this SDK is."""
        return HTTPXCall


class HTTPXCall(OpenCall):
    """A call under way whose answer is a response of httpx or httpx2.

    Attributes:
        sends: How often it has been sent, 0 where the SDK's module does not count.
        traces_apart: Whether the SDK tells the call to a tracer provider that is not the global one.
    """

    sends = 0
    traces_apart = False
    _headers: Mapping[str, str] | None = None
    """Of the answer, their names in lower case, where they tell of its usage."""

    def __init__(self, patch: HTTPXPatch, process: runtime.Runtime, tracer: Tracer, asked: Asked) -> None:
        super().__init__(process, tracer, asked, patch.scope)
        self.patch = patch
        self._later = process.pipeline.later
        self._reader: BodyReader | None = None
        if asked.provider == "aws.bedrock":  # its answers do not name the model, and the path does
            self.record.response_model = asked.model

    def asked_again(self, patch: object) -> None:
        """Count one sending more, where the SDK's function calls itself."""
        if patch is self.patch:
            self.sends = max(self.sends, 1) + 1

    def failed(self, error: BaseException) -> None:
        """Note an error status by its number, any other error by its name, and finish."""
        response = getattr(error, "response", None) or getattr(error, "raw_response", None)
        status = getattr(response, "status_code", None)
        self.record.resend_count = max(self.sends - 1, 0)
        if not isinstance(status, int):
            super().failed(error)
            return
        self.record.provider_request_id = self._request_id(response)
        self.record.error_type = str(status)
        self.finish()

    def see(self, response: Any) -> None:
        """Read an answer that is here as a whole, or watch one that is still coming."""
        self.answered(self._request_id(response), max(self.sends - 1, 0), _sent_bytes(response.request))
        if self.asked.surface.complete is not None:
            self._headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code >= 400:  # noqa: PLR2004 - an error answer is no usage
            self.record.error_type = str(response.status_code)
        elif response.is_stream_consumed or response.is_closed:
            self.read(read_document(self, response.content), UsageQuality.REPORTED)
        else:
            kind = response.headers.get("content-type", "")
            is_events = ("stream" in kind or self.asked.is_stream) and "amazon" not in kind
            self._reader = BodyReader(self, is_events=is_events)
            watch(response, self._reader, self._later)
            self.awaits_body = True

    def finish(self) -> None:
        """Read what has arrived of a body that nobody has read to its end, as at the end of the process."""
        try:
            if self._reader is not None and not self._reader.is_over:
                self._reader.end(is_complete=False)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("reading an answer", error)
        super().finish()

    def read(self, reading: Reading, quality: UsageQuality) -> None:
        """Note what the answer tells about itself, in its body and in its headers."""
        complete = self.asked.surface.complete
        super().read(complete(reading, self._headers) if complete and self._headers else reading, quality)

    def _request_id(self, response: Any) -> str:
        return next(filter(None, map(response.headers.get, self.patch.request_id_headers)), "")


def _seen(call: Any, response: Any) -> Any:
    call.see(response)
    return response


class _Block:
    """The block of a request: the call begins when it is entered, and its body is watched inside.

    Args:
        block: The SDK's own, sync or async.
        enter: Enters it.
    """

    def __init__(self, block: Any, enter: Callable[[], Any]) -> None:
        self._block = block
        self._enter = enter

    def __enter__(self) -> Any:
        return self._enter()

    def __exit__(self, *raised: object) -> Any:
        return self._block.__exit__(*raised)

    async def __aenter__(self) -> Any:
        return await self._enter()

    async def __aexit__(self, *raised: object) -> Any:
        return await self._block.__aexit__(*raised)


def _sent_bytes(request: Any) -> int | None:
    """Return the size of the body that was sent; None where it was streamed, and nobody knows."""
    try:
        return len(request.content)
    except Exception:  # noqa: BLE001 - RequestNotRead of httpx or httpx2, which need not be imported for it
        return None


def _credential(headers: Mapping[str, str]) -> str:
    """Return the API key that headers bear, whatever the case of their names; empty where they bear none."""
    borne = {name.lower(): value for name, value in headers.items()}
    keys = (borne.get(name) for name in _KEY_HEADERS)
    return _text(next(filter(None, keys), "")).removeprefix("Bearer ")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
