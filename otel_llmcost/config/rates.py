"""The section `rates` of `llmcost.yaml`, read into an `Overlay`: docs/overlays.md says what it means."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.config.cards import PRICES, TIERS, read_model, read_rate_set
from otel_llmcost.config.dates import PERIOD, read_period
from otel_llmcost.pricing.overlay import WHERE, Alias, Discount, FixedRates, Overlay, Subscription, names_of
from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import STANDARD, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from otel_llmcost.config.reading import Value
    from otel_llmcost.pricing.rates import ModelRates

_MAX_DECIMALS: Final = 6
_HUNDRED: Final = 100
_SECTIONS: Final = ("models", "fixed", "discounts", "aliases", "subscriptions", "hosts")


def read_rates(section: Value) -> Overlay | None:
    """Return what the section says, None for nothing; what is wrong goes to its faults."""
    told = section.fields(_SECTIONS)
    if not told:
        return None
    models = _each(told.get("models"), read_model)
    fixed = _each(told.get("fixed"), _fixed)
    discounts = _each(told.get("discounts"), _discount)
    aliases = _each(told.get("aliases"), _alias)
    subscriptions = _each(told.get("subscriptions"), _subscription)
    hosts = told["hosts"].entries() if "hosts" in told else {}
    _refuse_clashes(models, "answers to the same name as", _names)
    _refuse_clashes(fixed, "fixes the same price at the same time as", _fixed_keys)
    _refuse_clashes(discounts, "is in force for the same calls as", _discount_keys)
    _refuse_clashes(aliases, "gives the same name at the same time as", _alias_names)
    digest = hashlib.sha256(json.dumps(section.plain(), sort_keys=True).encode()).hexdigest()
    return Overlay(
        version=digest[:12],
        models=tuple(model for _, model in models),
        fixed=tuple(each for _, each in fixed),
        discounts=tuple(each for _, each in discounts),
        aliases=tuple(each for _, each in aliases),
        subscriptions=tuple(each for _, each in subscriptions),
        hosts={host.strip().lower(): canonical_provider(value.text()) for host, value in hosts.items()},
    )


def percent_paid(text: str) -> Fraction:
    """Return the part of a price that is paid at a discount of so many per cent.

    Raises:
        ValueError: It is no percentage from 0 to 100 with at most six decimals.
    """
    percent = Decimal(text)
    exponent = percent.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MAX_DECIMALS or not 0 <= percent <= _HUNDRED:
        raise ValueError
    return 1 - Fraction(percent) / _HUNDRED


def _each(section: Value | None, read: Callable[[Value], Any]) -> list[tuple[Value, Any]]:
    """Return what `read` makes of every entry of a list, each with its place; an entry at fault is left out."""
    entries = [(row, read(row)) for row in section.rows()] if section else []
    return [(row, entry) for row, entry in entries if entry is not None]


def _fixed(row: Value) -> FixedRates | None:
    told = row.fields(("provider", "models", "tier", *PERIOD, *PRICES), required=("provider", "models"))
    rates = {
        meter: Rate(rate.unit_price, rate.per) for meter, rate in read_rate_set(row, told).items() if rate is not None
    }
    period, models = read_period(told), _models(told)
    tier = told["tier"].one_of(TIERS) if "tier" in told else STANDARD
    provider = _provider(told)
    if not (provider and models and period and tier and rates):
        return None
    return FixedRates(provider=provider, models=models, tier=tier, rates=rates, period=period)


def _discount(row: Value) -> Discount | None:
    told = row.fields(("provider", "models", "percent", *PERIOD), required=("provider", "percent"))
    expected = f"a percentage from 0 to 100 with at most {_MAX_DECIMALS} decimals; write it like 12.5"
    paid = told["percent"].read(percent_paid, expected) if "percent" in told else None
    period, models, provider = read_period(told), _models(told), _provider(told)
    if paid is None or period is None or not provider or ("models" in told and not models):
        return None
    return Discount(provider=provider, models=models, paid=paid, period=period)


def _alias(row: Value) -> Alias | None:
    told = row.fields(("provider", "name", "model", "rates_of", *PERIOD), required=("provider", "name", "model"))
    period, provider = read_period(told), _provider(told)
    name, model = (told[key].text() if key in told else "" for key in ("name", "model"))
    rates_of = canonical_provider(told["rates_of"].text()) if "rates_of" in told else provider
    if not (period and provider and name and model and rates_of):
        return None
    return Alias(provider=provider, name=name.lower(), model=model, rates_of=rates_of, period=period)


def _subscription(row: Value) -> Subscription | None:
    told = row.fields(("name", "provider", "models", "where", *PERIOD), required=("name", "provider"))
    asked = told["where"].fields(WHERE) if "where" in told else {}
    where = {key: frozenset(value.texts()) for key, value in asked.items() if key in WHERE}
    period, provider, models = read_period(told), _provider(told), _models(told)
    name = told["name"].text() if "name" in told else ""
    if not (period and provider and name):
        return None
    return Subscription(name=name, provider=provider, models=models, where=where, period=period)


def _provider(told: Mapping[str, Value]) -> str:
    return canonical_provider(told["provider"].text()) if "provider" in told else ""


def _models(told: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the models named, in lower case. There are no patterns: one that looks like one is a fault."""
    names: list[str] = []
    for item in told["models"].items() if "models" in told else ():
        name = item.text().lower()
        if "*" in name or "?" in name:
            item.fault(f"{name!r} is a pattern; name each model, or leave models out for all of the provider")
        elif name:
            names.append(name)
    return tuple(names)


def _names(model: ModelRates) -> frozenset[tuple[str, ...]]:
    return frozenset((model.provider, name) for name in names_of(model))


def _alias_names(alias: Alias) -> frozenset[tuple[str, ...]]:
    return frozenset([(alias.provider, alias.name)])


def _fixed_keys(fixed: FixedRates) -> frozenset[tuple[str, ...]]:
    return frozenset((fixed.provider, fixed.tier, name, meter) for name in fixed.models for meter in fixed.rates)


def _discount_keys(discount: Discount) -> frozenset[tuple[str, ...]]:
    return frozenset((discount.provider, name) for name in discount.models or ("",))


def _refuse_clashes(
    entries: Iterable[tuple[Value, Any]], how: str, keys_of: Callable[[Any], frozenset[tuple[str, ...]]]
) -> None:
    """Note every two entries that would bill one call by one name at one moment, at the later of the two."""
    keyed = [(row, keys_of(entry), getattr(entry, "period", None)) for row, entry in entries]
    for (first, keys, period), (second, others, other) in combinations(keyed, 2):
        shared = keys & others
        if shared and (period is None or other is None or period.meets(other)):
            name = "/".join(part for part in min(shared) if part)
            fix = "end one where the other begins" if period is not None else "write both as one model with cards"
            second.fault(f"{how} {first.name} in line {first.line} ({name}); {fix}")
