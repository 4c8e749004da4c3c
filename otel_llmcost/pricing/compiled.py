"""One line of the compiled rate table, read into the price history of one model.

    {"provider": "openai", "model": "gpt-5.4", "names": ["gpt-5-4"], "source": "https://…", "cards": [
        {"tier": "flex", "from": "2026-10-12T00:00:00Z", "to": null, "schedule": [[0, 60]],
         "rates": {"input": ["1.25", 1000000], "cache_write_5m": null},
         "above": [{"gt": 272000, "rates": {"input": ["2.5", 1000000]}}]}]}

A card leaves out what is standard, unbounded, always or absent. A rate of null has a price that we do not know.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import RateTableError
from otel_llmcost.money import PicoUSD, pico_usd
from otel_llmcost.pricing.rates import MINUTES_A_WEEK, STANDARD, ContextTier, ModelRates, Rate, RateCard
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.pricing.rates import Rates

_METERS: Final = {meter.value: meter for meter in UsageMeter}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = "first"
_SINCE_EVER: Final = -(10**30)
_FOR_EVER: Final = 10**30


def model_rates_of(line: Mapping[str, Any]) -> ModelRates:
    """Return the price history that one decoded line of the table tells.

    Raises:
        RateTableError: Two cards are in force at once, or a meter, date, threshold or window is none.
        MoneyError: A price is no whole number of pico-USD.
        KeyError: Something is missing.
    """
    provider, model = line["provider"], line["model"]
    cards: dict[str, list[RateCard]] = {}
    for told in line["cards"]:
        card = _card(provider, model, line.get("source", ""), told)
        cards.setdefault(card.tier, []).append(card)
    by_tier = {tier: tuple(sorted(several, key=_begin)) for tier, several in cards.items()}
    for several in by_tier.values():
        _check_overlap(several)
    return ModelRates(provider, model, tuple(line.get("names", ())), by_tier)


def unix_ns(text: str) -> int:
    """Return an ISO 8601 time as Unix nanoseconds; one without an offset is UTC.

    Raises:
        ValueError: It is no such time.
    """
    time = datetime.fromisoformat(text)
    return (time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1) * 1000


def _card(provider: str, model: str, source: str, told: Mapping[str, Any]) -> RateCard:
    tier = told.get("tier", STANDARD)
    begin, end = told.get("from"), told.get("to")
    schedule = tuple(_window(window) for window in told.get("schedule", ()))
    name = f"{provider}/{model}@{begin[:10] if begin else _FIRST}"
    name += f"#{tier}" if tier != STANDARD else ""
    name += f"+{schedule[0][0]}" if schedule else ""
    card = RateCard(
        id=name,
        provider=provider,
        model=model,
        tier=tier,
        effective_from_ns=unix_ns(begin) if begin else None,
        effective_to_ns=unix_ns(end) if end else None,
        schedule=schedule,
        rates=_rates(told["rates"]),
        context_tiers=tuple(_context_tier(above) for above in told.get("above", ())),
        source=source,
    )
    if _begin(card) >= _end(card):
        msg = f"{name} ends at {end}, before it begins"
        raise RateTableError(msg)
    if any(low.tokens >= high.tokens for low, high in pairwise(card.context_tiers)):
        msg = f"{name}: context thresholds do not rise"
        raise RateTableError(msg)
    return card


def _rates(told: Mapping[str, Any]) -> Rates:
    rates: dict[UsageMeter, Rate | None] = {}
    for name, price in told.items():
        if name not in _METERS:
            msg = f"unknown meter {name}"
            raise RateTableError(msg)
        rates[_METERS[name]] = _rate(*price) if price else None
    return rates


@lru_cache(maxsize=4096)
def _rate(usd: str, per: int) -> Rate:
    """Return the price of one unit. A table holds few different prices, so each is one object."""
    unit_price, rest = divmod(pico_usd(usd), per)
    if rest or unit_price < 0:
        msg = f"{usd} USD for {per} is not a whole number of pico-USD for one"
        raise RateTableError(msg)
    return Rate(PicoUSD(unit_price), per)


def _context_tier(told: Mapping[str, Any]) -> ContextTier:
    rates = _rates(told["rates"])
    return ContextTier("ge", told["ge"], rates) if "ge" in told else ContextTier("gt", told["gt"], rates)


def _window(told: Sequence[int]) -> tuple[int, int]:
    start, end = told
    if not 0 <= start < end <= MINUTES_A_WEEK:
        msg = f"{list(told)} is no window in the minutes of a week"
        raise RateTableError(msg)
    return start, end


def _begin(card: RateCard) -> int:
    return _SINCE_EVER if card.effective_from_ns is None else card.effective_from_ns


def _end(card: RateCard) -> int:
    return _FOR_EVER if card.effective_to_ns is None else card.effective_to_ns


def _check_overlap(cards: Sequence[RateCard]) -> None:
    """Refuse two cards of one tier that share an instant."""
    for position, card in enumerate(cards):
        for later in cards[position + 1 :]:
            if _begin(later) >= _end(card):
                break
            if _windows_meet(card, later):
                msg = f"{card.id} and {later.id} are in force at once"
                raise RateTableError(msg)


def _windows_meet(one: RateCard, other: RateCard) -> bool:
    if not one.schedule or not other.schedule:
        return True
    return any(a < d and c < b for a, b in one.schedule for c, d in other.schedule)
