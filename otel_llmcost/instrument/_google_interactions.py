"""Google's Interactions API, which `google-genai` asks since 3.0 by a client of its own that Speakeasy generates.

`do_request` sends every request of it, with its retries; what an interaction goes on to ask by itself, where its answer
was cut, is a request and a call of its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from otel_llmcost.instrument._httpx import MAX_REQUEST_BYTES, HTTPXPatch, asked_of

if TYPE_CHECKING:
    from otel_llmcost.instrument._call import Asked


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    request = kwargs.get("request") or args[2]
    if request.method != "POST" or not request.url.path.endswith("/interactions"):
        return None
    provider = "gcp.vertex_ai" if "/projects/" in request.url.path else "gcp.gemini"
    content = request.content
    body = json.loads(content) if len(content) <= MAX_REQUEST_BYTES else {}
    return asked_of(str(request.url), body, request.headers, provider=provider)


def _sending(patch: HTTPXPatch, module: Any) -> None:
    patch.replace(module.BaseSDK, "do_request", patch.sender(_asked))
    patch.replace(module.AsyncBaseSDK, "do_request_async", patch.async_sender(_asked))


def interactions_patch() -> HTTPXPatch:
    """Return the patch of that client, on or off."""
    return HTTPXPatch("google_genai", {"google.genai._gaos.basesdk": _sending})
