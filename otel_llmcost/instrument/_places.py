"""Whom the clients of a Stainless SDK ask, and how the answer is read there."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.registry import route_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.providers.registry import Route

MAX_PLACES: Final = 1_000
_SCHEME: Final = "://"
_TELL_UNASKED: Final = frozenset({"cohere", "deepseek", "groq", "mistral_ai", "perplexity", "together"})
"""Providers whose streams tell their usage in any case, in a chunk that the application is to see."""


class Place(NamedTuple):
    """Whom a client asks.

    Attributes:
        base_url: The client's.
        host: Its host; path is its path, without a slash at the end.
        provider: Who sells there, in semconv's spelling.
        provider_source: How that is known: `host` or `sdk`.
        tells_unasked: Whether streams tell their usage in any case.
        region: The AWS region that the client was made for; empty for clients of no cloud.
    """

    base_url: Any
    host: str
    path: str
    provider: str
    provider_source: str
    tells_unasked: bool
    region: str


class Places:
    """Whom the clients of one SDK ask.

    Args:
        provider: Who answers where the host is unknown.
        clients: Who answers instead, by the name of a client's class.
    """

    def __init__(self, provider: str, clients: Mapping[str, str]) -> None:
        self._provider = provider
        self._clients = clients
        self._known: dict[Any, Place] = {}
        self.route = lru_cache(maxsize=512)(self._find_route)

    def of(self, client: Any, url: str = "") -> Place:
        """Return whom a client asks; worked out once for each base URL, which its place keeps alive, and so its id.

        Args:
            client: The client.
            url: What it asks for; an address that is whole goes before its own, as together 3 asks for inference.
        """
        base_url, is_whole = client.base_url, _SCHEME in url
        key = (type(client), url) if is_whole else id(base_url)
        place = self._known.get(key)
        if place is None:
            place = self._find(client, base_url.join(url).join("/") if is_whole else base_url)
            if len(self._known) >= MAX_PLACES:
                self._known.clear()
            self._known[key] = place
        return place

    def _find(self, client: Any, base_url: Any) -> Place:
        host = base_url.host or ""
        at_host = provider_at(host, port=base_url.port)
        by_client = (self._clients.get(kind.__name__) for kind in type(client).__mro__)
        provider = at_host or next(filter(None, by_client), self._provider)
        return Place(
            base_url=base_url,
            host=host,
            path=base_url.path.rstrip("/"),
            provider=provider,
            provider_source="host" if at_host else "sdk",
            tells_unasked=provider in _TELL_UNASKED,
            region=region if isinstance(region := getattr(client, "aws_region", ""), str) else "",
        )

    def _find_route(self, provider: str, base_path: str, url: str) -> Route | None:
        """Return how the answer of a provider is read; a path that is not its own is read as the SDK's provider's."""
        path = f"{base_path}/{url.partition(_SCHEME)[2] or url.lstrip('/')}".partition("?")[0]
        return route_of(provider, path) or route_of(self._provider, path)
