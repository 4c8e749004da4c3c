"""Rate cards as people and programs read them: prices, spans of time, histories, differences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.cli.amounts import money
from otel_llmcost.money import PicoUSD, to_text
from otel_llmcost.pricing.rates import STANDARD
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from otel_llmcost.pricing import ModelRates, Rate, RateCard
    from otel_llmcost.pricing.changes import ModelChange

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BAR: Final = 32
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_A_DAY: Final = 24 * 60


def span_of(card: RateCard) -> str:
    """Return when a card is in force, in words."""
    begin, end = date_of(card.effective_from_ns), date_of(card.effective_to_ns)
    words = [f"since {begin}" if begin else "since ever", f"until {end}" if end else "", hours_of(card)]
    return ", ".join(filter(None, words))


def date_of(unix_ns: int | None) -> str:
    """Return a moment as a date, with its time unless that is midnight; empty for none."""
    if unix_ns is None:
        return ""
    text = (_EPOCH + timedelta(microseconds=unix_ns // 1000)).strftime("%Y-%m-%d %H:%M")
    return text.removesuffix(" 00:00")


def hours_of(card: RateCard) -> str:
    """Return at which hours of the UTC week a card is in force; empty for always."""
    return " ".join(f"{_minute(start)}-{_minute(end)}" for start, end in card.schedule)


def rate_of_text(rate: Rate | None, per: int = 1_000_000) -> str:
    """Return a price in USD, with its unit where that is not a million; `?` where it is not known."""
    if rate is None:
        return "?"
    return money(rate.published) + ("" if rate.per == per else f" / {rate.per:,}")


def card_json(card: RateCard) -> dict[str, Any]:
    """Return a card as JSON types; prices are exact decimal text."""
    return {
        "rate_id": card.id,
        "tier": card.tier,
        "region": card.region,
        "from": _iso(card.effective_from_ns),
        "to": _iso(card.effective_to_ns),
        "schedule": [list(window) for window in card.schedule],
        "rates": _rates_json(card.rates),
        "above": [{above.op: above.tokens, "rates": _rates_json(above.rates)} for above in card.context_tiers],
        "source": card.source,
        "upstream": card.upstream,
    }


def model_json(rates: ModelRates, cards: Sequence[RateCard]) -> dict[str, Any]:
    """Return a model with some of its cards as JSON types."""
    names = {"provider": rates.provider, "model": rates.model, "names": list(rates.names)}
    return names | {"cards": [card_json(card) for card in cards]}


def history(rates: ModelRates) -> Iterator[str]:
    """Yield the history of a model's standard prices, a bar for each price and a line for each time it was in force."""
    cards = [card for card in rates.cards.get(STANDARD, ()) if not card.schedule]
    for meter in UsageMeter:
        told = [(card, rate) for card in cards if (rate := card.rates.get(meter))]
        dearest = max((rate.published * 10**9 // rate.per for _, rate in told), default=0)
        if not told or not dearest:
            continue
        yield f"{meter.value}, USD for {told[-1][1].per:,}"
        for card, rate in told:
            length = _BAR * (rate.published * 10**9 // rate.per) // dearest
            bar = "█" * max(length, 1 if rate.published else 0)
            begin, end = date_of(card.effective_from_ns) or "ever", date_of(card.effective_to_ns) or "open"
            yield f"  {begin:>10} to {end:<10} {bar:<{_BAR}} {rate_of_text(rate, told[-1][1].per)}"


def change_lines(change: ModelChange) -> Iterator[str]:
    """Yield what became of a model, a line each."""
    yield f"{change.provider}/{change.model}: {change.kind}"
    for one in change.rates:
        above = f" above {one.above:,}" if one.above is not None else ""
        yield f"  {one.card_id} {one.meter.value}{above}: {_told(one.old)} → {_told(one.new)}"
    for sign, names in (("+", change.cards_added), ("-", change.cards_removed)):
        yield from (f"  {sign} card {name}" for name in names)
    for sign, names in (("+", change.names_added), ("-", change.names_removed)):
        yield from (f"  {sign} name {name}" for name in names)


def change_json(change: ModelChange) -> dict[str, Any]:
    """Return what became of a model as JSON types."""
    rates = [
        {
            "rate_id": one.card_id,
            "meter": one.meter.value,
            "above": one.above,
            "old": _rate_json(one.old),
            "new": _rate_json(one.new),
        }
        for one in change.rates
    ]
    return {
        "provider": change.provider,
        "model": change.model,
        "kind": change.kind,
        "rates": rates,
        **{
            name: list(getattr(change, name))
            for name in ("cards_added", "cards_removed", "names_added", "names_removed")
        },
    }


def _told(rate: Rate | None) -> str:
    return "none" if rate is None else rate_of_text(rate)


def _rates_json(rates: Mapping[UsageMeter, Rate | None]) -> dict[str, Any]:
    return {meter.value: _rate_json(rate) for meter, rate in rates.items()}


def _rate_json(rate: Rate | None) -> dict[str, Any] | None:
    return None if rate is None else {"unit_price_usd": to_text(PicoUSD(rate.published)), "per": rate.per}


def _iso(unix_ns: int | None) -> str | None:
    return None if unix_ns is None else (_EPOCH + timedelta(microseconds=unix_ns // 1000)).isoformat()


def _minute(minute: int) -> str:
    day, rest = divmod(minute, _A_DAY)
    return f"{_DAYS[day % 7]} {rest // 60:02}:{rest % 60:02}"
