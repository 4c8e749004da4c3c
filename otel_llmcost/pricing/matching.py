"""Which names may stand for a model: itself, the same with a date behind it, and nothing shorter.

A name that merely begins like a known one is another model: `gpt-5.4-mini` is not `gpt-5.4`, and a fine-tuned
`ft:gpt-4o:…` has its own price. A release date is different: providers publish one price for the undated name and
its dated snapshots, unless the table holds the dated name itself, which is always tried first.

A name may be wrapped: in an ARN, in a resource path, behind the prefix of a gateway. The wrapping may say who sells
the model and where, and is taken off only if the name as it stands is nobody's. Some wrappings hide the model (an
application inference profile, provisioned throughput, a tuned endpoint): such a name needs an alias of the user's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_llmcost.pricing.places import AZURE, BEDROCK, VERTEX, X_AI

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT: Final = "exact"
ALIAS: Final = "alias"
DATED_SUFFIX: Final = "dated_suffix"
GEO_PROFILE: Final = "geo_profile"
ARN: Final = "arn"
PATH: Final = "path"
GATEWAY: Final = "gateway"
EVERY: Final = "provider"

EVERY_MODEL: Final = "*"
"""The name of a line of the table that holds for all models of a provider who has one price, such as none at all."""

_DATE: Final = re.compile(r"(.+?)[-@](20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])")
_UNDATED: Final = re.compile(r"(.+)(?:-latest|@latest|@default)")
_FINE_TUNED: Final = "ft:"

_GEO: Final = re.compile(r"(?:us|eu|apac|jp|au|ca|in|sa|me|af|mx|uk)\.([a-z0-9]+\..+)")
"""A Bedrock profile that stays within a geography: at the price of its regions, unless the table has one of its own.
`global.` and `us-gov.` have prices of their own, or none that we know."""

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]*):\d*:(?:inference-profile|foundation-model)/(?P<model>[^/]+)"
)
_VERTEX_PATH: Final = re.compile(
    r"(?:/*projects/[^/]+/)?(?:locations/(?P<region>[^/]+)/)?publishers/[^/]+/models/(?P<model>[^/]+)"
)
_MODEL_PATH: Final = "models/"
_PUBLISHER: Final = "google/"
"""Before Gemini's names in the OpenAI format of Vertex AI."""

GATEWAY_PREFIXES: Final = {
    "openai": "openai",
    "azure": AZURE,
    "azure_ai": AZURE,
    "anthropic": "anthropic",
    "bedrock": BEDROCK,
    "bedrock/converse": BEDROCK,
    "bedrock/invoke": BEDROCK,
    "vertex_ai": VERTEX,
    "vertex": VERTEX,
    "gemini": "gcp.gemini",
    "xai": X_AI,
    "mistral": "mistral_ai",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "cerebras": "cerebras",
    "perplexity": "perplexity",
    "moonshot": "moonshot_ai",
    "openrouter": "openrouter",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
}
"""Who sells what stands behind a gateway's prefix. An organisation that hands out weights (`mistralai/…`) is none."""

_RESELLERS_OF_NAMES: Final = frozenset({"openai"})
"""Providers whose own names hold no slash: what has one came through a gateway that speaks their language."""


class Spelling(NamedTuple):
    """A name to look up.

    Attributes:
        provider: Who sells it.
        name: The model, in lower case.
        kind: How it was made from the name asked for.
        region: Where it is sold, if the name says so.
    """

    provider: str
    name: str
    kind: str
    region: str = ""


def spellings(model: str) -> Iterator[tuple[str, str]]:
    """Yield the names under which `model` may be priced, the most exact first, each with the kind of its match.

    The kind is `exact` for the name as it stands (an alias of the table, if the table says so), `alias` for another
    spelling of its date, and `dated_suffix` for the name without its date.
    """
    name = model.strip().lower()
    yield name, EXACT
    if name.startswith(_FINE_TUNED):
        name = _fine_tuned_base(name)
        yield name, ALIAS
    if dated := _DATE.fullmatch(name):
        base, year, month, day = dated.groups()
        for date in (f"-{year}-{month}-{day}", f"-{year}{month}{day}", f"@{year}{month}{day}"):
            yield base + date, ALIAS
        yield base, DATED_SUFFIX
    elif undated := _UNDATED.fullmatch(name):
        yield undated[1], DATED_SUFFIX


def spellings_at(provider: str, model: str, known: frozenset[str]) -> Iterator[Spelling]:
    """Yield where `model` may be priced, the most exact first.

    Args:
        provider: Who sells it, as the table spells it.
        model: The model's name as a request or an answer gives it.
        known: The providers that the table has prices of.
    """
    for name, kind in spellings(model):
        yield Spelling(provider, name, kind)
    for sold_by, inner, kind, region in unwrapped(provider, model.strip().lower(), known):
        for name, _ in spellings(inner):
            yield Spelling(sold_by, name, kind, region)


def unwrapped(provider: str, name: str, known: frozenset[str]) -> Iterator[Spelling]:
    """Yield what an ARN, a path, a gateway's prefix or a geographic profile holds, from the outside in."""
    yield from _inner(provider, name)
    if sold_by := _behind_prefix(provider, name, known):
        yield sold_by
        yield from (inner._replace(kind=GATEWAY) for inner in _inner(sold_by.provider, sold_by.name))


def _inner(provider: str, name: str) -> Iterator[Spelling]:
    if found := _ARN.fullmatch(name):
        yield Spelling(BEDROCK, found["model"], ARN, found["region"])
        yield from (inner._replace(kind=ARN, region=found["region"]) for inner in _geo(found["model"]))
    elif found := _VERTEX_PATH.fullmatch(name):
        yield Spelling(VERTEX, found["model"], PATH, found["region"] or "")
    elif name.startswith(_MODEL_PATH):
        yield Spelling(provider, name.removeprefix(_MODEL_PATH), PATH)
    elif provider == VERTEX and name.startswith(_PUBLISHER):
        yield Spelling(VERTEX, name.removeprefix(_PUBLISHER), PATH)
    elif provider == BEDROCK:
        yield from _geo(name)


def _geo(name: str) -> Iterator[Spelling]:
    if found := _GEO.fullmatch(name):
        yield Spelling(BEDROCK, found[1], GEO_PROFILE)


def _behind_prefix(provider: str, name: str, known: frozenset[str]) -> Spelling | None:
    """Return what stands behind a gateway's prefix, if `provider` is the one it names or sells no such names itself."""
    for slashes in (2, 1):
        parts = name.split("/", slashes)
        if len(parts) > slashes and (sold_by := GATEWAY_PREFIXES.get("/".join(parts[:slashes]))):
            if sold_by == provider or provider not in known or provider in _RESELLERS_OF_NAMES:
                return Spelling(sold_by, parts[-1], GATEWAY)
            return None
    return None


def _fine_tuned_base(name: str) -> str:
    """Return `ft:<base model>` of a name like `ft:<base model>:<organisation>:<suffix>:<id>`."""
    return _FINE_TUNED + name.removeprefix(_FINE_TUNED).split(":", 1)[0]
