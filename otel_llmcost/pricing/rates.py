"""Rate cards: the published prices of one model, in force for a time.

A card holds whole prices for the whole call. A longer prompt does not make its last tokens dearer: above a
context threshold every token of the call has the other price (a cliff), so a card has a second full set of rates.
Hours and weekdays are minutes of a UTC week from Monday 00:00, in which any schedule is a few half-open windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.money import PicoUSD
    from otel_llmcost.usage import UsageMeter

STANDARD: Final = "standard"
"""The tier of a call that asked for nothing special."""

MINUTES_A_WEEK: Final = 7 * 24 * 60

_NS_A_MINUTE: Final = 60 * 10**9
_EPOCH_MINUTE: Final = 3 * 24 * 60
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one meter.

    Attributes:
        unit_price: Pico-USD for one unit.
        per: The number of units that the provider publishes its price for; for display.
    """

    unit_price: PicoUSD
    per: int


Rates: TypeAlias = "Mapping[UsageMeter, Rate | None]"
"""The prices of a card. A meter that is absent is billed as its fallback says; None means that it has a price of
its own which is not known here, so nothing else may stand in for it."""


@dataclass(frozen=True, slots=True)
class ContextTier:
    """The rates of a call whose input is long.

    Attributes:
        op: `gt` if the input must exceed the threshold, `ge` if reaching it is enough.
        tokens: The threshold, in input tokens, cached ones included.
        rates: What every unit of such a call costs.
    """

    op: Literal["gt", "ge"]
    tokens: int
    rates: Rates

    def applies(self, input_tokens: int) -> bool:
        """Return whether a call with that many input tokens is billed at these rates."""
        return input_tokens > self.tokens or (self.op == "ge" and input_tokens == self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """The prices of one model in one service tier.

    Attributes:
        id: Names the card for good: `openai/gpt-5.4@2026-10-12#flex`. A new price is a new card.
        provider: Who sells it, as the table spells it.
        model: The model's name in the table.
        tier: `standard`, `batch`, `flex`, `priority`, `fast`.
        effective_from_ns: Unix nanoseconds from which it is in force, inclusive; None for ever since.
        effective_to_ns: Unix nanoseconds up to which it is in force, exclusive; None for until further notice.
        schedule: Half-open windows in minutes of the UTC week in which it is in force; empty for always.
        rates: Prices of a call below every context threshold.
        context_tiers: Prices above a threshold, the lowest threshold first.
        source: The page that publishes the price.
    """

    id: str
    provider: str
    model: str
    tier: str
    rates: Rates
    effective_from_ns: int | None = None
    effective_to_ns: int | None = None
    schedule: tuple[tuple[int, int], ...] = ()
    context_tiers: tuple[ContextTier, ...] = ()
    source: str = ""

    def in_effect(self, at_ns: int) -> bool:
        """Return whether a call that began at `at_ns` (Unix nanoseconds) is billed by this card."""
        if self.effective_from_ns is not None and at_ns < self.effective_from_ns:
            return False
        if self.effective_to_ns is not None and at_ns >= self.effective_to_ns:
            return False
        if not self.schedule:
            return True
        minute = (at_ns // _NS_A_MINUTE + _EPOCH_MINUTE) % MINUTES_A_WEEK
        return any(start <= minute < end for start, end in self.schedule)

    def rates_for(self, input_tokens: int) -> Rates:
        """Return the rates of a call with that many input tokens, cached ones included."""
        for tier in reversed(self.context_tiers):
            if tier.applies(input_tokens):
                return tier.rates
        return self.rates

    def is_free(self) -> bool:
        """Return whether everything on the card costs nothing."""
        sets = (self.rates, *(tier.rates for tier in self.context_tiers))
        return all(rate is not None and rate.unit_price == 0 for rates in sets for rate in rates.values())


@dataclass(frozen=True, slots=True)
class ModelRates:
    """The price history of one model.

    Attributes:
        provider: Who sells it, as the table spells it.
        model: The model's name in the table.
        names: Every other name it answers to, in lower case.
        cards: The cards of each service tier, oldest first; at most one of a tier is in force at any instant.
    """

    provider: str
    model: str
    names: tuple[str, ...]
    cards: Mapping[str, tuple[RateCard, ...]]

    def card(self, tier: str, at_ns: int) -> RateCard | None:
        """Return the card of `tier` in force at `at_ns` (Unix nanoseconds), None where there is none."""
        for card in self.cards.get(tier, ()):
            if card.in_effect(at_ns):
                return card
        return None
