"""Rate cards: the published prices of one model, in force for a time.

A card holds whole prices for the whole call. A longer prompt does not make its last tokens dearer: above a
context threshold every token of the call has the other price (a cliff), so a card has a second full set of rates.
Hours and weekdays are minutes of a UTC week from Monday 00:00, in which any schedule is a few half-open windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from otel_llmcost.money import PicoUSD, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.usage import UsageMeter

STANDARD: Final = "standard"
"""The tier of a call that asked for nothing special."""

MINUTES_A_WEEK: Final = 7 * 24 * 60

ELSEWHERE: Final = "*"
"""The region of cards that hold wherever no others do: a price for every place but the ordinary one."""

NS_A_MINUTE: Final = 60 * 10**9
EPOCH_MINUTE: Final = 3 * 24 * 60
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one meter.

    Attributes:
        unit_price: Pico-USD for one unit, the fraction of a pico-USD cut off.
        per: The number of units that the provider publishes its price for.
        rest: Pico-USD that `per` units cost beyond `per` × `unit_price`: 0 for all that is sold by tokens or pieces;
            an hour of audio at 0.04 USD is 3600 seconds at 11,111,111 pico-USD and a rest of 400.
    """

    unit_price: PicoUSD
    per: int
    rest: int = 0

    def cost_of(self, quantity: int) -> PicoUSD:
        """Return what `quantity` units cost; exact without a rest, else rounded half to even, once."""
        cost = PicoUSD(quantity * self.unit_price)
        return PicoUSD(cost + half_even(quantity * self.rest, self.per)) if self.rest else cost

    @property
    def published(self) -> PicoUSD:
        """The price of `per` units, exactly, as the provider publishes it."""
        return PicoUSD(self.unit_price * self.per + self.rest)


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
        tier: `standard`, `batch`, `flex`, `priority`, `fast`, `ultrafast`.
        region: The places it is for, joined by `+`; empty for the ordinary one, `*` for all others.
        effective_from_ns: Unix nanoseconds from which it is in force, inclusive; None for ever since.
        effective_to_ns: Unix nanoseconds up to which it is in force, exclusive; None for until further notice.
        schedule: Half-open windows in minutes of the UTC week in which it is in force; empty for always.
        rates: Prices of a call below every context threshold.
        context_tiers: Prices above a threshold, the lowest threshold first.
        source: The page that publishes the price.
        upstream: Who told us of it: packages joined by `+`, or `decision` where they disagreed and one of us decided.
    """

    id: str
    provider: str
    model: str
    tier: str
    rates: Rates
    region: str = ""
    effective_from_ns: int | None = None
    effective_to_ns: int | None = None
    schedule: tuple[tuple[int, int], ...] = ()
    context_tiers: tuple[ContextTier, ...] = ()
    source: str = ""
    upstream: str = ""

    @property
    def agreement(self) -> int:
        """How many sources say the same; 1 for a decision."""
        return self.upstream.count("+") + 1

    def in_effect(self, at_ns: int) -> bool:
        """Return whether a call that began at `at_ns` (Unix nanoseconds) is billed by this card."""
        if self.effective_from_ns is not None and at_ns < self.effective_from_ns:
            return False
        if self.effective_to_ns is not None and at_ns >= self.effective_to_ns:
            return False
        if not self.schedule:
            return True
        minute = (at_ns // NS_A_MINUTE + EPOCH_MINUTE) % MINUTES_A_WEEK
        return any(start <= minute < end for start, end in self.schedule)

    def rates_for(self, input_tokens: int) -> Rates:
        """Return the rates of a call with that many input tokens, cached ones included."""
        for tier in reversed(self.context_tiers):
            if tier.applies(input_tokens):
                return tier.rates
        return self.rates

    def is_free(self) -> bool:
        """Return whether everything on the card costs nothing."""
        return _are_free(self.rates) and all(_are_free(tier.rates) for tier in self.context_tiers)


def _are_free(rates: Rates) -> bool:
    return all(rate is not None and rate.unit_price == 0 for rate in rates.values())


Cards: TypeAlias = "Mapping[str, tuple[RateCard, ...]]"
"""The cards of each service tier, oldest first."""


@dataclass(frozen=True, slots=True)
class ModelRates:
    """The price history of one model.

    Attributes:
        provider: Who sells it, as the table spells it.
        model: The model's name in the table.
        names: Every other name it answers to, in lower case.
        cards: The cards of each service tier, oldest first; at most one of a tier is in force at any instant.
        regional: The same by place, for the places that have prices of their own.
    """

    provider: str
    model: str
    names: tuple[str, ...]
    cards: Cards
    regional: Mapping[str, Cards] = field(default_factory=dict)

    def cards_in(self, region: str) -> Cards | None:
        """Return the cards of a place, by service tier; those of everywhere for an empty one, None for none."""
        return (self.regional.get(region) or self.regional.get(ELSEWHERE)) if region else self.cards

    def card(self, tier: str, at_ns: int, region: str = "") -> RateCard | None:
        """Return the card of `tier` in force at `at_ns` (Unix nanoseconds) in a place, None where there is none."""
        for card in (self.cards_in(region) or {}).get(tier, ()):
            if card.in_effect(at_ns):
                return card
        return None

    def all_cards(self) -> tuple[RateCard, ...]:
        """Return every card once: the ordinary ones tier by tier, then those of places."""
        cards = {
            card.id: card
            for by_tier in (self.cards, *self.regional.values())
            for each in by_tier.values()
            for card in each
        }
        return tuple(cards.values())
