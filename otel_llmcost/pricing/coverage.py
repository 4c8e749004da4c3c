"""What a rate table covers, and how many sources agree on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otel_llmcost.pricing.rates import RateCard
    from otel_llmcost.pricing.table import RateTable

DECIDED: Final = "decision"
"""What a card names as its source where the sources disagreed."""


@dataclass(slots=True)
class Coverage:
    """What the table knows of one provider.

    Attributes:
        provider: Who sells it, as the table spells it.
        models: How many models.
        names: How many names they answer to, their own included.
        cards: How many rate cards, those of the past included.
        tiers: How many cards of each service tier.
        placed: How many cards are for a place.
        agreed: How many cards in force two sources tell alike.
        decided: How many cards in force hold a price that was disputed and decided.
        single: How many cards in force have one source.
    """

    provider: str
    models: int = 0
    names: int = 0
    cards: int = 0
    placed: int = 0
    agreed: int = 0
    decided: int = 0
    single: int = 0
    tiers: Counter[str] = field(default_factory=Counter)

    def count(self, card: RateCard, at_ns: int) -> None:
        """Note one card."""
        self.cards += 1
        self.tiers[card.tier] += 1
        self.placed += bool(card.region)
        if _is_over_or_to_come(card, at_ns):
            return
        if card.upstream == DECIDED:
            self.decided += 1
        elif card.agreement > 1:
            self.agreed += 1
        else:
            self.single += 1


def coverage(table: RateTable, at_ns: int) -> tuple[Coverage, ...]:
    """Return what the table covers, one entry a provider, in alphabetical order.

    Args:
        table: The rates.
        at_ns: Unix nanoseconds; the cards in force are those of this moment.
    """
    by_provider = {provider: Coverage(provider) for provider in table.providers}
    for rates in table.models:
        entry = by_provider[rates.provider]
        entry.models += 1
        entry.names += 1 + len(rates.names)
        for card in rates.all_cards():
            entry.count(card, at_ns)
    return tuple(by_provider.values())


def _is_over_or_to_come(card: RateCard, at_ns: int) -> bool:
    """Return whether a card is not in force on that day, at whatever hour of the week."""
    begin, end = card.effective_from_ns, card.effective_to_ns
    return (begin is not None and at_ns < begin) or (end is not None and at_ns >= end)
