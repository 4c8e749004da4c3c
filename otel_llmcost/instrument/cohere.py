"""The `cohere` SDK: chat and chat_stream of v1 and v2, embed, rerank, generate, classify.

Fern generates it: `HttpClient.request` sends what is answered as a whole, calling itself for each retry, and the block
`HttpClient.stream` what is answered in pieces. The streams ask when they are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._httpx import HTTPXPatch, asked_of
from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._lazy import lazy, lazy_async

if TYPE_CHECKING:
    from otel_llmcost.instrument._call import Asked


_STREAMS: Final = frozenset({"chat_stream", "generate_stream"})


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    client, *given = args
    body = kwargs.get("json")
    if kwargs.get("method") != "POST" or not isinstance(body, dict):
        return None
    path = given[0] if given else kwargs.get("path")
    base_url = client.get_base_url(kwargs.get("base_url"))
    extra = (kwargs.get("request_options") or {}).get("additional_body_parameters") or {}
    url = f"{base_url.rstrip('/')}/{(path or '').lstrip('/')}"
    said = {name: value for name, value in {**body, **extra}.items() if value is not ...}  # what is not said is `...`
    return asked_of(url, said, client.base_headers(), provider="cohere")


def _sending(patch: HTTPXPatch, module: Any) -> None:
    patch.replace(module.HttpClient, "request", patch.sender(_asked))
    patch.replace(module.HttpClient, "stream", patch.block_sender(_asked))
    patch.replace(module.AsyncHttpClient, "request", patch.async_sender(_asked))
    patch.replace(module.AsyncHttpClient, "stream", patch.block_sender(_asked))


def _streaming(patch: HTTPXPatch, module: Any) -> None:
    for kind in vars(module).values():
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            for method in _STREAMS & vars(kind).keys():
                patch.replace(kind, method, lazy_async if kind.__name__.startswith("Async") else lazy)


_WRAPS: Final = {
    "cohere.core.http_client": _sending,
    "cohere.base_client": _streaming,
    "cohere.v2.client": _streaming,
}


class CohereInstrumentor(Instrumentor):
    """Instruments every client of the `cohere` package, sync and async."""

    name = "cohere"
    requires = "cohere >= 5.17"
    tested = "7.3.1"
    patch = HTTPXPatch("cohere", _WRAPS, ("x-debug-trace-id", "x-request-id"))
