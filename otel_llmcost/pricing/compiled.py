"""One line of the compiled rate table, read into the price history of one model.

    {"provider": "openai", "model": "gpt-5.4", "names": ["gpt-5-4"], "source": "https://…", "cards": [
        {"tier": "flex", "from": "2026-10-12T00:00:00Z", "to": null, "schedule": [[0, 60]],
         "rates": {"input": ["1.25", 1000000], "cache_write_5m": null},
         "above": [{"gt": 272000, "rates": {"input": ["2.5", 1000000]}}]},
        {"in": ["datazone"], "rates": {"input": ["2.75", 1000000]}}],
     "places": [{"in": ["eu", "us"], "times": "1.1"}]}

A card leaves out what is standard, unbounded, always, everywhere or absent. A rate of null has a price that we do not
know. `places` says where every token of the ordinary cards costs so many times as much; per-call fees stay. Cards of
such a place are written out here once, when the table is read, so that pricing multiplies counts and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import RateTableError
from otel_llmcost.money import PicoUSD, pico_usd
from otel_llmcost.pricing.rates import MINUTES_A_WEEK, STANDARD, ContextTier, ModelRates, Rate, RateCard
from otel_llmcost.usage import INPUT_METERS, OUTPUT_METERS, UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.pricing.rates import Cards, Rates

_METERS: Final = {meter.value: meter for meter in UsageMeter}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = "first"
_FACTOR: Final = re.compile(r"\d{1,3}(\.\d{1,6})?")
_UPSTREAM: Final = "genai-prices"
_TOKENS: Final = INPUT_METERS | OUTPUT_METERS
_BY_TIME: Final = frozenset({UsageMeter.AUDIO_SECOND})
"""Meters whose published price need not divide into whole pico-USD a unit: an hour has 3600 seconds."""
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
    cards = [_card(provider, model, line.get("source", ""), told) for told in line["cards"]]
    ordinary = _by_tier([card for card in cards if not card.region])
    regional: dict[str, Cards] = {}
    for region in dict.fromkeys(card.region for card in cards if card.region):
        several = _by_tier([card for card in cards if card.region == region])
        _place(regional, region.split("+"), several, model)
    for told in line.get("places", ()):
        _place(regional, told["in"], _times(ordinary, _factor(told["times"]), "+".join(told["in"])), model)
    return ModelRates(provider, model, tuple(line.get("names", ())), ordinary, regional)


def _by_tier(cards: Sequence[RateCard]) -> Cards:
    by_tier: dict[str, list[RateCard]] = {}
    for card in cards:
        by_tier.setdefault(card.tier, []).append(card)
    for several in by_tier.values():
        several.sort(key=_begin)
        _check_overlap(several)
        _check_gap(several)
    return {tier: tuple(several) for tier, several in by_tier.items()}


def _place(regional: dict[str, Cards], places: Sequence[str], cards: Cards, model: str) -> None:
    for place in places:
        if regional.setdefault(place, cards) is not cards:
            msg = f"{model} has two price lists for {place}"
            raise RateTableError(msg)


def _factor(told: object) -> Fraction:
    if not isinstance(told, str) or not _FACTOR.fullmatch(told):
        msg = f"{told!r} is no factor, which is written as decimal text"
        raise RateTableError(msg)
    return Fraction(told)


def _times(cards: Cards, factor: Fraction, region: str) -> Cards:
    """Return the cards of a place where every token costs `factor` times as much."""
    if factor == 1:
        return cards
    return {tier: tuple(_dearer(card, factor, region) for card in several) for tier, several in cards.items()}


def _dearer(card: RateCard, factor: Fraction, region: str) -> RateCard:
    def times(rates: Rates) -> Rates:
        return {
            meter: _rate_times(rate, factor) if rate and meter in _TOKENS else rate for meter, rate in rates.items()
        }

    tiers = tuple(replace(tier, rates=times(tier.rates)) for tier in card.context_tiers)
    name = f"{card.id}~{region.partition('+')[0]}"
    return replace(card, id=name, region=region, rates=times(card.rates), context_tiers=tiers)


@lru_cache(maxsize=4096)
def _rate_times(rate: Rate, factor: Fraction) -> Rate:
    """Return `factor` times a rate, exactly: what is no whole pico-USD a unit is its rest."""
    published = rate.published * factor
    if published.denominator != 1:
        msg = f"{factor} times {rate.published} pico-USD is not a whole number of pico-USD"
        raise RateTableError(msg)
    unit_price, rest = divmod(published.numerator, rate.per)
    return Rate(PicoUSD(unit_price), rate.per, rest)


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
    region = "+".join(told.get("in", ()))
    name = f"{provider}/{model}@{begin[:10] if begin else _FIRST}"
    name += f"#{tier}" if tier != STANDARD else ""
    name += f"+{schedule[0][0]}" if schedule else ""
    name += f"~{told['in'][0]}" if region else ""
    upstream = told.get("by", _UPSTREAM)
    card = RateCard(
        id=name,
        provider=provider,
        model=model,
        tier=tier,
        region=region,
        effective_from_ns=unix_ns(begin) if begin else None,
        effective_to_ns=unix_ns(end) if end else None,
        schedule=schedule,
        rates=_rates(told["rates"]),
        context_tiers=tuple(_context_tier(above) for above in told.get("above", ())),
        source=told.get("source", source),
        upstream=upstream,
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
        meter = _METERS[name]
        rate = _rate(*price) if price else None
        if rate and rate.rest and meter not in _BY_TIME:
            msg = f"{price[0]} USD for {price[1]} {name} is not a whole number of pico-USD for one"
            raise RateTableError(msg)
        rates[meter] = rate
    return rates


@lru_cache(maxsize=4096)
def _rate(usd: str, per: int) -> Rate:
    """Return the price of one unit. A table holds few different prices, so each is one object."""
    unit_price, rest = divmod(pico_usd(usd), per)
    if unit_price < 0:
        msg = f"{usd} USD for {per} is negative"
        raise RateTableError(msg)
    return Rate(PicoUSD(unit_price), per, rest)


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


def _check_gap(cards: Sequence[RateCard]) -> None:
    """Refuse a history with a hole in it. Hours whose price nobody published are none: they have windows."""
    for card, later in pairwise(cards):
        if not card.schedule and not later.schedule and _end(card) < _begin(later):
            msg = f"no price is in force between {card.id} and {later.id}"
            raise RateTableError(msg)


def _windows_meet(one: RateCard, other: RateCard) -> bool:
    if not one.schedule or not other.schedule:
        return True
    return any(a < d and c < b for a, b in one.schedule for c, d in other.schedule)
