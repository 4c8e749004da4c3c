"""The `mistralai` SDK: chat, agents, FIM, embeddings, OCR, conversations, audio; its Azure and Google clients too.

Speakeasy generates it: `BaseSDK.do_request` sends every request of every client, with its retries. What it fetches may
be the results of a batch: a file, or what stands in the job itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._httpx import MAX_REQUEST_BYTES, HTTPXPatch, asked_of
from otel_llmcost.instrument._instrumentor import Instrumentor

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_llmcost.instrument._call import Asked

_CLIENTS: Final = {
    "mistralai": "mistral_ai",
    "mistralai.client": "mistral_ai",
    "mistralai_azure": "azure.ai.inference",
    "mistralai.azure.client": "azure.ai.inference",
    "mistralai_gcp": "gcp.vertex_ai",
    "mistralai.gcp.client": "gcp.vertex_ai",
}
"""The packages of the clients, up to 1.x and since 2.0 → who answers where the host is unknown."""


def _asking(provider: str) -> Callable[[tuple[Any, ...], dict[str, Any]], Asked | None]:
    def asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
        request = kwargs.get("request") or args[2]
        if request.method != "POST":
            return None
        is_stream = bool(kwargs.get("stream") or args[4:5] == (True,))
        return asked_of(str(request.url), _body(request), request.headers, provider=provider, is_stream=is_stream)

    return asked


def _body(request: Any) -> dict[str, Any]:
    """Return the JSON object that is sent; an empty one where it is none, such as an upload of audio."""
    if "json" not in request.headers.get("content-type", ""):
        return {}
    content = request.content
    body = json.loads(content) if len(content) <= MAX_REQUEST_BYTES else {}
    return body if isinstance(body, dict) else {}


def _wraps() -> dict[str, Callable[[HTTPXPatch, Any], None]]:
    wraps: dict[str, Callable[[HTTPXPatch, Any], None]] = {}
    for package, provider in _CLIENTS.items():
        wraps[f"{package}.basesdk"] = _sending(provider)
        wraps[f"{package}._hooks.sdkhooks"] = _counting
        wraps[f"{package}._hooks.tracing"] = _silencing
    return wraps


def _sending(provider: str) -> Callable[[HTTPXPatch, Any], None]:
    def wrap(patch: HTTPXPatch, module: Any) -> None:
        asking = _asking(provider)
        patch.replace(module.BaseSDK, "do_request", patch.fetcher(asking, provider))
        patch.replace(module.BaseSDK, "do_request_async", patch.async_fetcher(asking, provider))

    return wrap


def _counting(patch: HTTPXPatch, module: Any) -> None:
    """Count how often a call is sent: its hooks run before each time."""

    def around(original: Any) -> Any:
        def before_request(*args: Any, **kwargs: Any) -> Any:
            if (call := patch.under_way()) is not None:
                call.sends += 1
            return original(*args, **kwargs)

        return before_request

    patch.replace(module.SDKHooks, "before_request", around)


def _silencing(patch: HTTPXPatch, module: Any) -> None:
    """Leave out the SDK's own span of a call that we record, unless it goes to Mistral alone.

    Since 1.11 the SDK makes one through the global provider, since 3.x only where it is asked to.
    """

    def around_tracer(original: Any) -> Any:
        def get_or_create_otel_tracer(*args: Any, **kwargs: Any) -> Any:
            if (call := patch.under_way()) is not None:
                call.traces_apart = any(given is not None for given in (*args, *kwargs.values()))
            return original(*args, **kwargs)

        return get_or_create_otel_tracer

    def around_span(original: Any) -> Any:
        def get_traced_request_and_span(**kwargs: Any) -> Any:
            call = patch.under_way()
            if call is not None and not call.traces_apart:
                return kwargs["request"], None
            return original(**kwargs)

        return get_traced_request_and_span

    patch.replace(module, "get_or_create_otel_tracer", around_tracer)
    patch.replace(module, "get_traced_request_and_span", around_span)


class MistralInstrumentor(Instrumentor):
    """Instruments every client of the `mistralai` package, sync and async."""

    name = "mistral"
    requires = "mistralai >= 1.5"
    tested = "3.7.0"
    patch = HTTPXPatch("mistralai", _wraps(), ("mistral-correlation-id", "x-kong-request-id", "x-request-id"))
