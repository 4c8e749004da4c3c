"""Clients of `google-genai` that ask a provider on loopback, over each transport that a release can use."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_OPTIONS = types.HttpOptions.model_fields
HAS_TRANSPORTS = "httpx_client" in _OPTIONS
SYNC = ["httpx2", "httpx"] if HAS_TRANSPORTS else ["requests"]
LEAVES_SOCKETS = (
    []
    if HAS_TRANSPORTS
    else [
        pytest.mark.filterwarnings(
            "ignore:Exception ignored in.*(socket|_SelectorTransport):pytest.PytestUnraisableExceptionWarning"
        )
    ]
)
"""Releases that cannot be closed leave their sockets to the garbage collector."""

ASYNC = ["aiohttp", "httpx2", "httpx"] if HAS_TRANSPORTS else ["httpx"]

SENDS_EXTRA_BODY = "extra_body" in _OPTIONS
needs_retries = pytest.mark.skipif("retry_options" not in _OPTIONS, reason="this release does not retry")


def options_for(transport: str, url: str, *, is_async: bool, **more: Any) -> types.HttpOptions:
    """Return the options of a client that asks at `url` over a transport."""
    if HAS_TRANSPORTS and transport == "httpx":
        own: Any = httpx.AsyncClient() if is_async else httpx.Client()
        more["httpx_async_client" if is_async else "httpx_client"] = own
    elif HAS_TRANSPORTS and transport == "httpx2":
        import httpx2

        own = httpx2.AsyncClient() if is_async else httpx2.Client()
        more["httpx_async_client" if is_async else "httpx_client"] = own
    return types.HttpOptions(base_url=url, **{"api_version": "v1beta", **more})


def _client(options: types.HttpOptions, vertex: dict[str, str] | None) -> genai.Client:
    if vertex is None:
        return genai.Client(api_key="test", vertexai=False, http_options=options)
    return genai.Client(vertexai=True, credentials=Credentials(token="test"), http_options=options, **vertex)


@contextmanager
def client(
    url: str, transport: str = SYNC[0], *, vertex: dict[str, str] | None = None, **more: Any
) -> Iterator[genai.Client]:
    """Yield a client and close it; `vertex` is its project and location, None one of the Gemini API."""
    options = options_for(transport, url, is_async=False, **more)
    opened = _client(options, vertex)
    try:
        yield opened
    finally:
        if hasattr(opened, "close"):
            opened.close()
        if own := getattr(options, "httpx_client", None):
            own.close()


@asynccontextmanager
async def async_client(
    url: str, transport: str = ASYNC[0], *, vertex: dict[str, str] | None = None, **more: Any
) -> AsyncIterator[Any]:
    """Yield the async side of a client and close it."""
    options = options_for(transport, url, is_async=True, **more)
    opened = _client(options, vertex).aio
    try:
        yield opened
    finally:
        if hasattr(opened, "aclose"):
            await opened.aclose()
        if own := getattr(options, "httpx_async_client", None):
            await own.aclose()
