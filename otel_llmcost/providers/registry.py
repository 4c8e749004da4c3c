"""Which reader reads whose answers: one line a provider, the only place that knows them all.

    route = route_of("aws.bedrock", "/model/us.amazon.nova-lite-v1%3A0/converse")
    reading = route.surface.read(json.loads(body))
    reading.model or route.model

Providers are named as semconv names them (`hosts.provider_at`). One that is not here is taken to speak OpenAI's
format, which nearly every other host does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

from otel_llmcost.providers import (
    anthropic,
    azure,
    bedrock,
    cohere,
    compatible,
    deepseek,
    gemini,
    groq,
    mistral,
    ollama,
    openai,
    openrouter,
    perplexity,
    vertex,
    xai,
)
from otel_llmcost.providers.formats.anthropic import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_llmcost.providers.reading import Reading, Surface


class Provider(Protocol):
    """What a provider's module offers."""

    @property
    def SURFACES(self) -> Mapping[str, Surface]:  # noqa: N802 - the name of a module's constant
        """How each path of the provider is read, by its ending."""

    @property
    def read_any(self) -> Callable[[Mapping[str, Any]], Reading]:
        """Reads an answer, or only its usage, by its shape."""


PROVIDERS: Final[Mapping[str, Provider]] = {
    "anthropic": anthropic,
    "aws.bedrock": bedrock,
    "azure.ai.inference": azure,
    "azure.ai.openai": azure,
    "cerebras": compatible,
    "cohere": cohere,
    "deepseek": deepseek,
    "gcp.gemini": gemini,
    "gcp.vertex_ai": vertex,
    "groq": groq,
    "mistral_ai": mistral,
    "ollama": ollama,
    "openai": openai,
    "openrouter": openrouter,
    "perplexity": perplexity,
    "together": compatible,
    "x_ai": xai,
}
"""The module that reads each provider's answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a request's path says.

    Attributes:
        surface: How the answer is read.
        model: The model, or the deployment in its place, that the path names; empty where it names none.
        region: Where the path has it processed; empty where it does not say.
    """

    surface: Surface
    model: str = ""
    region: str = ""


_SURFACES: Final = {
    name: {**openai.MEDIA_SURFACES, "/v1/messages": MESSAGES, **module.SURFACES}
    for name, module in {"": compatible, **PROVIDERS}.items()
}
"""The paths of each provider, and those that they all may have: images and audio in OpenAI's format, messages in
Anthropic's."""

_MODEL: Final = re.compile(
    r"/(?:model|deployments)/(?P<model>[^/]+)/"
    r"|/models/(?P<google>[^/]+):[A-Za-z]+$"
    r"|/(?P<tuned>(?:tunedModels|endpoints)/[^/]+):[A-Za-z]+$"
)
_REGION: Final = re.compile(r"/locations/([^/]+)/")
_CONTINUED: Final = re.compile(r"(?<=/conversations)/[^/]+(?:/restart)?$")
"""A conversation of Mistral that goes on answers as one that begins."""


def route_of(provider: str, path: str) -> Route | None:
    """Return how the answer to a POST to `path` is read, None for a path whose answers tell no usage.

    Args:
        provider: Whose host it is, as semconv names it.
        path: The path of the request, without its query.
    """
    path = _CONTINUED.sub("", path.rstrip("/"))
    surfaces = _SURFACES.get(provider, _SURFACES[""])
    ending = max((ending for ending in surfaces if path.endswith(ending)), key=len, default=None)
    if ending is None:
        return None
    model, region = _MODEL.search(path), _REGION.search(path)
    return Route(
        surface=surfaces[ending],
        model=unquote(next(filter(None, model.groups()))) if model else "",
        region=unquote(region[1]) if region else "",
    )


def read_answer(provider: str, body: Mapping[str, Any]) -> Reading:
    """Return what an answer tells, by its shape alone.

    Args:
        provider: Who gave it, as semconv names it.
        body: The JSON object that the provider answered, a line of a batch's results, or only the usage object.
    """
    return PROVIDERS.get(provider, compatible).read_any(body)
