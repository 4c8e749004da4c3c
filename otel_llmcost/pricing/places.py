"""Where a call was processed, in the words by which price lists tell places apart.

OpenAI and xAI name a residency (`eu`, `us`), Anthropic an inference geography, Vertex a location, Bedrock an AWS
region, Azure the type of a deployment: global, data zone or regional. Empty is the ordinary place everywhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

AZURE: Final = "azure.ai.openai"
BEDROCK: Final = "aws.bedrock"
VERTEX: Final = "gcp.vertex_ai"
X_AI: Final = "x_ai"

DATA_ZONE: Final = "datazone"
"""Azure's European or American data zone where nobody says which; with `_eu` or `_us` behind it where somebody does."""

REGIONAL: Final = "regional"

_ORDINARY: Final = frozenset({"", "global", "default", "not_available", "unspecified", "none"})
_ONE_PRICE: Final = frozenset({"gcp.gemini"})
"""Providers that sell at one price wherever they process."""

_PRICE_IN_NAME: Final = frozenset({BEDROCK})
"""Providers of whom a region alone says nothing of a surcharge: the name of the profile asked for does."""

_AZURE_DEPLOYMENT: Final = re.compile(r"(global|data[ _-]?zone|regional)?(standard|batch|provisioned\w*)?(?::(eu|us))?")
AZURE_ZONES: Final = frozenset({"eu", "us"})
_HOST: Final = re.compile(
    r"(?P<residency>[a-z]{2})\.api\.openai\.com"
    r"|(?P<served>[a-z0-9-]+)\.api\.x\.ai"
    r"|(?P<location>[a-z0-9-]+)-aiplatform\.googleapis\.com"
    r"|aiplatform\.(?P<multi>[a-z]+)\.rep\.googleapis\.com"
    r"|bedrock-runtime(?:-fips)?\.(?P<bedrock>[a-z0-9-]+)\.amazonaws\.com"
)


@lru_cache(maxsize=1024)
def place_of(provider: str, region: str) -> str:
    """Return the place that a price list of `provider` would name; empty for the ordinary one.

    Args:
        provider: Who sells it, as the table spells it.
        region: The provider's own word for where, or for Azure its word for the type of deployment, with the zone of
            a data zone behind it if that is known: `DataZoneStandard:eu`.
    """
    word = region.strip().lower()
    if word in _ORDINARY or provider in _ONE_PRICE:
        return ""
    if provider == AZURE:
        return _azure_place(word)
    return word


def may_cost_more(provider: str, place: str) -> bool:
    """Return whether a place of which the table says nothing may have another price than the ordinary one."""
    return bool(place) and provider not in _PRICE_IN_NAME


@lru_cache(maxsize=1024)
def region_at(host: str) -> str:
    """Return the region that a host of a provider's API stands for; empty where it stands for none."""
    found = _HOST.fullmatch(host.strip().lower())
    return next(filter(None, found.groups()), "") if found else ""


def azure_tier(deployment_type: str) -> str:
    """Return the tier that a type of deployment stands for: `batch`, `provisioned`, or empty for an ordinary one.

    A provisioned deployment is paid for by the hour, whatever it answers.
    """
    found = _AZURE_DEPLOYMENT.fullmatch(deployment_type.strip().lower())
    sku = (found[2] if found else "") or ""
    return "batch" if sku == "batch" else "provisioned" if sku.startswith("provisioned") else ""


def _azure_place(word: str) -> str:
    found = _AZURE_DEPLOYMENT.fullmatch(word)
    if word in AZURE_ZONES:
        return f"{DATA_ZONE}_{word}"
    if found and (found[1] or "").startswith("data"):
        return f"{DATA_ZONE}_{found[3]}" if found[3] else DATA_ZONE
    # "Standard" alone is the type of a deployment in one region; "GlobalStandard" is the ordinary one.
    return REGIONAL if found and found[1] in {None, "regional"} else ""
