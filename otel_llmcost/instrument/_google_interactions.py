"""Google's Interactions and Decisions, which `google-genai` 3 asks by a client of its own that Speakeasy generates.

`do_request` sends every request of it, with its retries; what an interaction goes on to ask by itself, where its answer
was cut, is a request and a call of its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._httpx import MAX_REQUEST_BYTES, HTTPXPatch, asked_of

if TYPE_CHECKING:
    from otel_llmcost.instrument._call import Asked

_CALLS: Final = ("/interactions", "/decisions")


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
    patch.replace(module.BaseSDK, "do_request", patch.sender(_asked))
    patch.replace(module.AsyncBaseSDK, "do_request_async", patch.async_sender(_asked))


def interactions_patch() -> HTTPXPatch:
    """Return the patch of that client, on or off."""
    return HTTPXPatch("google_genai", {"google.genai._gaos.basesdk": _sending})
