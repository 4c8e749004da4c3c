"""The `cohere` SDK: chat and chat_stream of v1 and v2, embed, rerank, generate, classify.

Fern generates it: `HttpClient.request` sends what is answered as a whole, calling itself for each retry, and the block
`HttpClient.stream` what is answered in pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_llmcost.instrument._httpx import HTTPXPatch, asked_of
from otel_llmcost.instrument._instrumentor import Instrumentor

if TYPE_CHECKING:
    from otel_llmcost.instrument._call import Asked


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


class CohereInstrumentor(Instrumentor):
    """Instruments every client of the `cohere` package, sync and async."""

    name = "cohere"
    requires = "cohere >= 5.17"
    patch = HTTPXPatch("cohere", {"cohere.core.http_client": _sending}, ("x-debug-trace-id", "x-request-id"))
