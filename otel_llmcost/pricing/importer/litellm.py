"""From the JSON file inside the litellm package to price lists: today's prices of one model, by tier, place and meter.

The package itself is not imported, which would take seconds and reach for the network: its file is found and read.
It has no dates and overwrites in place, so it is never a source of history. Its prices are doubles: what stands
behind the fifteenth digit is noise of binary fractions and is cut, and what is then no whole pico-USD a token is
refused from those who publish their own prices.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import RateTableError
from otel_llmcost.money import PICO_PER_USD
from otel_llmcost.pricing.rates import ELSEWHERE, STANDARD
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME: Final = "litellm"
_FILE: Final = "model_prices_and_context_window_backup.json"

OUR_PROVIDER: Final = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.openai",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "groq": "groq",
    "cerebras": "cerebras",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "perplexity": "perplexity",
    "moonshot": "moonshot_ai",
    "zai": "zai",
}
"""The providers taken over: those who publish prices of their own. Vertex is known by the start of its name."""

GUESSES: Final = {
    "ft:gpt-4-0613": "the file itself says that it takes the price of the base model",
    "ft:gpt-4o-2024-11-20": "it tells the price of a cache read as that of a cache write",
}
"""Entries that are not taken over, and why."""

_PAGES: Final = {
    "anthropic": "https://platform.claude.com/docs/en/about-claude/pricing",
    "aws.bedrock": "https://aws.amazon.com/bedrock/pricing/",
    "azure.ai.openai": "https://azure.microsoft.com/en-us/pricing/details/azure-openai/",
    "cerebras": "https://www.cerebras.ai/pricing",
    "cohere": "https://cohere.com/pricing",
    "deepseek": "https://api-docs.deepseek.com/quick_start/pricing",
    "fireworks": "https://fireworks.ai/pricing",
    "gcp.gemini": "https://ai.google.dev/gemini-api/docs/pricing",
    "gcp.vertex_ai": "https://cloud.google.com/vertex-ai/generative-ai/pricing",
    "groq": "https://groq.com/pricing",
    "mistral_ai": "https://mistral.ai/pricing",
    "moonshot_ai": "https://platform.moonshot.ai/docs/pricing/chat",
    "openai": "https://developers.openai.com/api/docs/pricing",
    "perplexity": "https://docs.perplexity.ai/getting-started/pricing",
    "together": "https://www.together.ai/pricing",
    "x_ai": "https://docs.x.ai/developers/pricing",
    "zai": "https://docs.z.ai/guides/overview/pricing",
}
"""Where each provider publishes its prices, for entries that cite no page."""

_MTOK: Final = 1_000_000
_TOKEN_METERS: Final = {
    "input_cost_per_token": UsageMeter.INPUT,
    "cache_read_input_token_cost": UsageMeter.CACHE_READ,
    "cache_creation_input_token_cost": UsageMeter.CACHE_WRITE_5M,
    "cache_creation_input_token_cost_above_1hr": UsageMeter.CACHE_WRITE_1H,
    "input_cost_per_audio_token": UsageMeter.INPUT_AUDIO,
    "input_cost_per_image_token": UsageMeter.INPUT_IMAGE,
    "input_cost_per_video_token": UsageMeter.INPUT_VIDEO,
    "cache_read_input_audio_token_cost": UsageMeter.CACHE_READ_AUDIO,
    "cache_read_input_image_token_cost": UsageMeter.CACHE_READ_IMAGE,
    "output_cost_per_token": UsageMeter.OUTPUT,
    "output_cost_per_reasoning_token": UsageMeter.REASONING,
    "output_cost_per_audio_token": UsageMeter.OUTPUT_AUDIO,
    "output_cost_per_image_token": UsageMeter.OUTPUT_IMAGE,
    "output_cost_per_video_token": UsageMeter.OUTPUT_VIDEO,
}
_TIERS: Final = {"": STANDARD, "batches": "batch", "flex": "flex", "priority": "priority", "ultrafast": "ultrafast"}
_KEY: Final = re.compile(
    rf"({'|'.join(sorted(_TOKEN_METERS, key=len, reverse=True))})"
    r"(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|ultrafast))?"
)
_REACHED: Final = frozenset({"x_ai"})
"""Providers whose long prices begin at the threshold itself."""

_ZONES: Final = {"eu": ("datazone_eu",), "us": ("datazone_us",), "global": (), "global-standard": ()}
"""What stands before an Azure model, and the place it means; none for the ordinary one."""

_AWS_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_SAME_DIGITS: Final = Context(prec=15)
_HOURLY: Final = Decimal("0.0001")
"""The file cuts prices of an hour off when it tells them by the second: 0.04 becomes 0.00001111."""

Spot = tuple[str, str, str, int | None]
"""Where a price stands: tier, place (empty: ordinary), meter, threshold in tokens (None: below all)."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Today's prices of one name.

    Attributes:
        key: The entry's key in the file.
        provider: Our name of who sells it.
        model: The model's name, in lower case.
        source: The page that publishes the prices.
        prices: USD for a million tokens, an hour of audio or one piece, by spot.
        places: Factors on every token, by place.
        mode: What the file calls the kind of model.
    """

    key: str
    provider: str
    model: str
    source: str
    mode: str
    prices: dict[Spot, Decimal] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    @property
    def is_ordinary(self) -> bool:
        """Whether the prices hold everywhere but where others say otherwise."""
        return not any(place for _, place, _, _ in self.prices)


def litellm_version() -> str:
    """Return the version of the litellm package whose file is read.

    Raises:
        RateTableError: There is none.
    """
    found = sorted(_package().parent.glob("litellm-*.dist-info"))
    if not found:
        msg = f"{_package()} is not an installed litellm package"
        raise RateTableError(msg)
    return found[0].name.removeprefix("litellm-").removesuffix(".dist-info")


def price_lists() -> list[PriceList]:
    """Return the price lists of the litellm package, in the order of the file.

    Raises:
        RateTableError: The package is not installed, or a first-party price is no whole number of pico-USD.
    """
    entries = json.loads((_package() / _FILE).read_text(encoding="utf-8"), parse_float=Decimal)
    return [told for key, entry in entries.items() if (told := price_list(key, entry))]


@cache
def _package() -> Path:
    spec = find_spec(NAME)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        msg = "litellm is not installed: `make rates` fetches the release that the table is built from"
        raise RateTableError(msg)
    return Path(places[0])


def price_list(key: str, entry: Mapping[str, Any]) -> PriceList | None:
    """Return what an entry of the file tells; None for what is not sold by a provider of ours, or not by the piece.

    Raises:
        RateTableError: A price is no whole number of pico-USD for one unit.
    """
    named = _named(key, str(entry.get("litellm_provider", "")))
    if named is None:
        return None
    provider, model, places = named
    source = str(entry.get("source", "")).split("?")[0]
    source = source if source.startswith("https://") else _PAGES[provider]
    told = PriceList(key, provider, model, source, str(entry.get("mode", "")))
    place = "+".join(places)
    for name, value in entry.items():
        if (found := _KEY.fullmatch(name)) and isinstance(value, int | Decimal):
            meter, above, tier = found.groups()
            threshold = int(above) * 1000 if above else None
            price = _per_mtok(Decimal(value), f"{key}: {name}", provider)
            told.prices[_TIERS[tier or ""], place, _TOKEN_METERS[meter].value, threshold] = price
    for meter, usd in _pieces(entry, provider):
        told.prices[STANDARD, place, meter, None] = usd
    told.places.update(_places(entry, provider))
    return told if told.prices else None


def _named(key: str, seller: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Return provider, model and place of an entry, None for one that is not taken over."""
    provider = "gcp.vertex_ai" if seller.startswith("vertex_ai") else OUR_PROVIDER.get(seller)
    name = key.lower()
    if provider is None or name in GUESSES or "commitment" in name or name.startswith("bedrock/*"):
        return None
    prefix, _, rest = name.partition("/")
    if rest and prefix in {seller, "azure", "azure_ai", "bedrock", "vertex_ai", "gemini", "openai"}:
        name = rest
    if provider == "azure.ai.openai":
        zone, _, rest = name.partition("/")
        return (provider, rest, _ZONES[zone]) if zone in _ZONES else None if rest else (provider, name, ())
    if provider == "aws.bedrock":
        region, _, rest = name.partition("/")
        if _AWS_REGION.fullmatch(region):
            return provider, rest, (region,)
        return (provider, rest or region, ()) if not rest or region in {"invoke", "converse"} else None
    return None if provider in {"openai", "gcp.vertex_ai", "gcp.gemini"} and "/" in name else (provider, name, ())


def _search_meter(entry: Mapping[str, Any], provider: str) -> UsageMeter:
    if not provider.startswith("gcp."):
        return UsageMeter.WEB_SEARCH
    by_query = entry.get("web_search_billing_unit") == "per_query"
    return UsageMeter.GROUNDED_QUERY if by_query else UsageMeter.GROUNDED_PROMPT


def _pieces(entry: Mapping[str, Any], provider: str) -> Iterator[tuple[str, Decimal]]:
    """Yield the prices of what is not counted in tokens, for an hour or one piece."""
    searches = entry.get("search_context_cost_per_query")
    if isinstance(searches, dict) and len(set(searches.values())) == 1:
        yield _search_meter(entry, provider).value, Decimal(next(iter(searches.values())))
    mode = entry.get("mode")
    if mode == "audio_transcription" and (seconds := entry.get("input_cost_per_second")):
        yield UsageMeter.AUDIO_SECOND.value, (Decimal(seconds) * 3600).quantize(_HOURLY)
    if mode == "rerank" and (query := entry.get("input_cost_per_query")):
        yield UsageMeter.REQUEST.value, Decimal(query)
    if mode == "ocr" and (page := entry.get("ocr_cost_per_page")):
        yield UsageMeter.PAGE.value, Decimal(page)
    if (
        mode == "image_generation"
        and "output_cost_per_token" not in entry
        and (image := entry.get("output_cost_per_image"))
    ):
        yield UsageMeter.IMAGE.value, Decimal(image)


def _places(entry: Mapping[str, Any], provider: str) -> Iterator[tuple[str, str]]:
    """Yield the places where every token costs so many times as much."""
    for place in ("eu", "us"):
        if factor := entry.get(f"regional_processing_uplift_multiplier_{place}"):
            yield place, str(factor)
    if provider == "gcp.vertex_ai":
        # It marks every model that costs more outside the global endpoint: the others cost the same everywhere.
        yield ELSEWHERE, str(entry.get("regional_endpoint_uplift_multiplier", 1))
    special = entry.get("provider_specific_entry")
    if isinstance(special, dict) and provider == "anthropic" and (factor := special.get("us")):
        yield "us", str(factor)


def _per_mtok(usd: Decimal, where: str, provider: str) -> Decimal:
    """Return the price of a million tokens, exactly.

    Raises:
        RateTableError: It is no whole number of pico-USD for one token.
    """
    price = _SAME_DIGITS.create_decimal(usd) * _MTOK
    if price * PICO_PER_USD % _MTOK:
        msg = f"{where} {usd} of {provider} is not a whole number of pico-USD for one"
        raise RateTableError(msg)
    return price.normalize()


def threshold_op(provider: str) -> str:
    """Return how the provider's context thresholds are meant: `ge` if reaching one is enough, else `gt`."""
    return "ge" if provider in _REACHED else "gt"
