"""Rate cards and prices of `llmcost.yaml`."""

from __future__ import annotations

import difflib
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.config.dates import PERIOD, read_period
from otel_llmcost.errors import LLMCostError
from otel_llmcost.money import PicoUSD, pico_usd, to_text
from otel_llmcost.pricing.compiled import model_rates_of
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import STANDARD, Rate
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.config.reading import Value
    from otel_llmcost.pricing.overlay import Period
    from otel_llmcost.pricing.rates import ModelRates

PRICES: Final = ("usd_per_mtok", "usd_per_unit")
_PER: Final = {"usd_per_mtok": 1_000_000, "usd_per_unit": 1}
_PRICE: Final = "a price in USD of at least 0 that comes to whole pico-USD (1e-12) a unit; write it like 2.5"
_CARD: Final = ("tier", *PERIOD, *PRICES, "above")
_METERS: Final = {meter.value: meter for meter in UsageMeter}

TIERS: Final = (STANDARD, "batch", "flex", "priority", "fast", "ultrafast")
"""The service tiers that a card may be of."""


def read_model(row: Value) -> ModelRates | None:
    """Return a model of the user's own with its price history; None where something is wrong with it."""
    told = row.fields(("provider", "model", "names", "source", "cards", *_CARD), required=("provider", "model"))
    provider = canonical_provider(told["provider"].text()) if "provider" in told else ""
    model = told["model"].text() if "model" in told else ""
    cards = _cards(row, told)
    if not (provider and model and cards):
        return None
    names = [name.lower() for name in told["names"].texts()] if "names" in told else []
    source = told["source"].text() if "source" in told else ""
    line = {"provider": provider, "model": model, "names": names, "source": source, "cards": cards}
    try:
        return model_rates_of(line)
    except (LLMCostError, ValueError) as exc:
        row.fault(str(exc))
        return None


def read_rate_set(row: Value, told: Mapping[str, Value]) -> dict[UsageMeter, Rate | None]:
    """Return the prices of `usd_per_mtok` and `usd_per_unit` by meter; at least one has to be there."""
    rates: dict[UsageMeter, Rate | None] = {}
    if not any(key in told for key in PRICES):
        row.fault("no price is given; write usd_per_mtok: {input: 2.5, output: 10}")
    for key in PRICES:
        prices = told[key].entries() if key in told else {}
        if not prices and key in told:
            told[key].fault("no price is given; write {input: 2.5, output: 10}")
        for name, price in prices.items():
            per = _PER[key]
            unit_price = price.read(lambda text, per=per: _unit_price(text, per), _PRICE)  # type: ignore[misc]
            if name not in _METERS:
                _unknown_meter(price, name)
            elif _METERS[name] in rates:
                price.fault(f"{name} has two prices; keep one")
            elif unit_price is not None:
                rates[_METERS[name]] = Rate(unit_price, per)
    return rates


def _cards(row: Value, told: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Return the cards of a model as the table's file spells them; [] where one is at fault."""
    if "cards" in told and (doubled := [key for key in _CARD if key in told]):
        told[doubled[0]].fault("stands beside cards; move it into one of them")
    places = told["cards"].rows() if "cards" in told else [row]
    read = [(place, _card(place, place.fields(_CARD) if place is not row else dict(told))) for place in places]
    if not read:
        row.fault("no card is given; write cards, or prices beside the model")
    sound = [(place, card, period) for place, (card, period) in read if card is not None and period is not None]
    tiers = dict.fromkeys(card.get("tier", STANDARD) for _, card, _ in sound)
    histories = (
        [(place, period) for place, card, period in sound if card.get("tier", STANDARD) == tier] for tier in tiers
    )
    is_history = [_is_history(cards) for cards in histories]
    return [card for _, card, _ in sound] if all(is_history) and len(sound) == len(read) else []


def _card(place: Value, told: Mapping[str, Value]) -> tuple[dict[str, Any] | None, Period | None]:
    period = read_period(told)
    card: dict[str, Any] = {"by": "llmcost.yaml"} | {key: told[key].text() for key in PERIOD if key in told}
    card["rates"] = _spelled(read_rate_set(place, told))
    if "tier" in told:
        card["tier"] = told["tier"].one_of(TIERS)
    card["above"] = [above for row in (told["above"].rows() if "above" in told else ()) if (above := _above(row))]
    return (card if card["rates"] else None), period


def _above(row: Value) -> dict[str, Any] | None:
    told = row.fields(("gt", "ge", *PRICES))
    thresholds = [key for key in ("gt", "ge") if key in told]
    if len(thresholds) != 1:
        row.fault("needs one of gt (more than so many input tokens) and ge (at least so many)")
        return None
    tokens = told[thresholds[0]].read(_count, "a number of tokens")
    rates = _spelled(read_rate_set(row, told))
    return None if tokens is None else {thresholds[0]: tokens, "rates": rates}


def _is_history(cards: list[tuple[Value, Period]]) -> bool:
    """Tell whether cards of one tier follow each other, and note those in force at once and the gaps between them."""
    is_history = True
    for (first, period), (second, other) in combinations(cards, 2):
        if period.meets(other):
            second.fault(f"is in force at the same time as {first.name} in line {first.line}; end one before the other")
            is_history = False
    ordered = sorted(cards, key=lambda card: (card[1].from_ns is not None, card[1].from_ns or 0))
    for (first, period), (second, other) in pairwise(ordered):
        if period.to_ns is not None and other.from_ns is not None and period.to_ns < other.from_ns:
            second.fault(f"begins after {first.name} in line {first.line} has ended: no price is in force in between")
            is_history = False
    return is_history


def _spelled(rates: Mapping[UsageMeter, Rate | None]) -> dict[str, list[Any]]:
    return {
        meter.value: [to_text(PicoUSD(rate.unit_price * rate.per)), rate.per] for meter, rate in rates.items() if rate
    }


def _unit_price(text: str, per: int) -> PicoUSD:
    unit_price, rest = divmod(pico_usd(text), per)
    if rest or unit_price < 0:
        raise ValueError
    return PicoUSD(unit_price)


def _count(text: str) -> int:
    count = int(text.replace("_", ""))
    if count < 0:
        raise ValueError
    return count


def _unknown_meter(price: Value, name: str) -> None:
    near = difflib.get_close_matches(name, _METERS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_METERS)}"
    price.fault(f"there is no meter {name}; {hint}")
