"""From the objects of genai-prices to the lines of the compiled table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from genai_prices.data import providers as ALL_PROVIDERS  # noqa: N812 - it is a constant, written in lower case

from otel_llmcost.pricing.importer.cards import CardWriter, Faults
from otel_llmcost.pricing.importer.history import PEAKS, Peak, history_of
from otel_llmcost.pricing.importer.names import names_of, own_name
from otel_llmcost.pricing.rates import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import ModelInfo, Provider

_OUR_PROVIDER: Final = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "x-ai": "x_ai",
}
_GOOGLE_ONLY_ON_VERTEX: Final = ("claude", "publishers/")
_RESELLERS: Final = ("openrouter", "huggingface_")
"""Their prices are computed, some with the noise of floats; a meter with such a price is kept without it."""

_FREE: Final = {("openai", "moderation")}
"""Models that their provider gives away. Of others without prices the package does not know any."""

_TIER_OF: Final = {
    ("service_tier", "default"): "",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("service_tier", "fast"): "fast",
    ("processing", "batch"): "batch",
    ("speed", "fast"): "fast",
}
"""Our tier of each of the package's request contexts; empty for one that is the standard tier again."""


@dataclass(slots=True)
class Report:
    """What the import did.

    Attributes:
        faults: What could not be taken over, by name.
        left_out: What else was left out, by name.
    """

    faults: Faults = field(default_factory=Faults)
    left_out: list[str] = field(default_factory=list)


def genai_lines(report: Report) -> Iterator[dict[str, Any]]:
    """Yield what the package knows, one model a line, and note in `report` what was left out.

    Raises:
        RateTableError: A first-party price is no whole number of pico-USD; the message names it.
    """
    for provider in ALL_PROVIDERS:
        sold = [(model, provider) for model in provider.models]
        sold += [(model, other) for other in _resold_by(provider) for model in other.models]
        for model, priced_by in sold:
            is_resold = priced_by is not provider
            names = names_of(model, provider, ALL_PROVIDERS)
            cards = _cards(model, priced_by, report, is_resold=is_resold) if names else []
            for ours in _sold_at(provider, names) if cards else ():
                yield _line(ours, names, model, priced_by, cards)
            if not cards and not is_resold:
                why = "nothing on it has a meter" if names else "no name of it leads to it"
                report.left_out.append(f"{provider.id}/{model.id}: {why}")


def _resold_by(provider: Provider) -> list[Provider]:
    """Return the providers whose models this one sells at their standard prices."""
    return [other for other in ALL_PROVIDERS if other.id in (provider.fallback_model_providers or ())]


def _sold_at(provider: Provider, names: list[str]) -> list[str]:
    """Return our names of the provider. The package has one Google, where we tell Gemini's API and Vertex apart."""
    if provider.id != "google":
        return [_OUR_PROVIDER.get(provider.id, provider.id)]
    on_vertex_only = any(part in name for name in names for part in _GOOGLE_ONLY_ON_VERTEX)
    return ["gcp.vertex_ai"] if on_vertex_only else ["gcp.gemini", "gcp.vertex_ai"]


def _line(
    ours: str, names: list[str], model: ModelInfo, priced_by: Provider, cards: list[dict[str, Any]]
) -> dict[str, Any]:
    own = own_name(model.id).lower()
    own = own if own in names else names[0]
    others = [name for name in names if name != own]
    pages = priced_by.pricing_urls or [""]
    source = next((page for page in pages if "vertex" in page), pages[0]) if ours == "gcp.vertex_ai" else pages[0]
    line = {"provider": ours, "model": own, "source": source, "cards": cards}
    return line | ({"names": others} if others else {})


def _cards(model: ModelInfo, provider: Provider, report: Report, *, is_resold: bool) -> list[dict[str, Any]]:
    """Return the cards of a model, standard ones first. A tier's price elsewhere says nothing of its price here."""
    if model.id.endswith(":free") or (not is_resold and (provider.id, model.id) in _FREE):
        return [{"rates": {"input": ["0", 1_000_000], "output": ["0", 1_000_000]}}]
    writer = CardWriter(provider.id, model.id, not provider.id.startswith(_RESELLERS), report.faults)
    peak = PEAKS.get((provider.id, model.id), Peak())
    contexts: dict[tuple[tuple[str, str], ...], str] = {(): STANDARD}
    for variant in () if is_resold else model.price_variants or ():
        context = tuple(variant.when.items())
        tier = _TIER_OF.get(context[0]) if len(context) == 1 else None
        if tier is None:
            report.left_out.append(f"{provider.id}/{model.id}: prices for {dict(context)}")
        elif tier:
            contexts[context] = tier
    written = [
        writer.card(span, tier) for context, tier in contexts.items() for span in history_of(model, dict(context), peak)
    ]
    return [card for card in written if card is not None]
