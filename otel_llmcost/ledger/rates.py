"""Rates in the ledger: whoever prices calls tells which rates those are, so that SQL can join `rates`.

A version names the same rates for ever, so it is told once. What a call cost does not come from here.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_llmcost.pricing import Pricer
    from otel_llmcost.pricing.rates import ModelRates, RateCard, Rates
    from otel_llmcost.store import Store

_TOLD: Final = """
SELECT count()
FROM rates
WHERE rate_table_version = {table:String}
    AND overlay_version = {overlay:String}
"""


def tell(store: Store, pricer: Pricer) -> int:
    """Bring the rates of a pricer into the store, where they are not there yet, and return how many were brought."""
    told = _tell(store, pricer.table.version, "", pricer.table.models)
    if pricer.overlay is not None:
        told += _tell(store, pricer.table.version, pricer.overlay.version, pricer.overlay.models)
    return told


def _tell(store: Store, table: str, overlay: str, models: Iterable[ModelRates]) -> int:
    version = {"rate_table_version": table, "overlay_version": overlay}
    rows = [version | row for model in models for card in _cards(model) for row in _rows(card)]
    asked = {"table": table, "overlay": overlay}
    # Fewer than all are there after a run that was cut short.
    if not rows or store.query(_TOLD, asked).rows[0][0] == len(rows):
        return 0
    store.record("rates_log", rows)
    return len(rows)


def _cards(model: ModelRates) -> Iterable[RateCard]:
    """Return every card once; one that is for several places is found by each of them."""
    every = chain.from_iterable(tiers.values() for tiers in (model.cards, *model.regional.values()))
    return {card.id: card for card in chain.from_iterable(every)}.values()


def _rows(card: RateCard) -> Iterator[dict[str, Any]]:
    about = {
        "rate_id": card.id,
        "provider": card.provider,
        "model": card.model,
        "service_tier": card.tier,
        "region": card.region,
        "effective_from": card.effective_from_ns,
        "effective_to": card.effective_to_ns,
        "source": card.source,
        "upstream": card.upstream,
    }
    yield from _prices(about, 0, card.rates)
    for tier in card.context_tiers:
        # Reaching 200,000 tokens is the same as exceeding 199,999.
        yield from _prices(about, tier.tokens - (tier.op == "ge"), tier.rates)


def _prices(about: Mapping[str, Any], above: int, rates: Rates) -> Iterator[dict[str, Any]]:
    for meter, rate in rates.items():
        yield {
            **about,
            "meter": meter.value,
            "above_input_tokens": above,
            "price": None if rate is None else f"{rate.published}e-12",
            "per": 1 if rate is None else rate.per,
        }
