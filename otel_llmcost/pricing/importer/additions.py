"""The cards that only litellm has: tiers, places and models of which genai-prices says nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.pricing.importer.book import LITELLM, completed, edge_of, without_echoes, written
from otel_llmcost.pricing.importer.litellm import threshold_op
from otel_llmcost.pricing.rates import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from otel_llmcost.pricing.importer.book import Book, Rates
    from otel_llmcost.pricing.importer.litellm import PriceList

_GEOGRAPHIC: Final = re.compile(r"(?:us|eu|apac|jp|au|ca|in|sa|me|af|mx|uk)\.([a-z0-9]+\..+)")


def card_of(told: PriceList) -> dict[str, Any] | None:
    """Return the standard card of a model that is new; None where all is given away, which says that nobody knows."""
    rates = _rates(told, STANDARD, None)
    if not rates or not any(told.prices.values()):
        return None
    above = {
        threshold: completed(_rates(told, STANDARD, threshold), rates) for threshold in _thresholds(told, STANDARD)
    }
    return _card(told, rates, above)


def is_geographic_echo(told: PriceList, book_named: Callable[[str], Book | None]) -> bool:
    """Return whether a list is that of a profile within a geography and says nothing but what its regions cost."""
    found = _GEOGRAPHIC.fullmatch(told.model) if told.provider == "aws.bedrock" else None
    book = book_named(found[1]) if found else None
    return book is not None and all(price in book.prices(spot) for spot, price in told.prices.items())


def tier_cards(book: Book, told: PriceList) -> Iterator[dict[str, Any]]:
    """Yield a card for every tier of a list that the book has none of.

    Where the standard price rises with the context and the tier's does not say, its price up there is unknown.
    """
    standard = book.cards(STANDARD)
    for tier in dict.fromkeys(spot[0] for spot in told.prices if spot[0] != STANDARD):
        rates = _rates(told, tier, None)
        if any(card.get("tier") == tier for card in book.line["cards"]) or not standard or not rates:
            continue
        usual = standard[0]
        above = {
            edge_of(one): completed(_rates(told, tier, edge_of(one)), one["rates"]) for one in usual.get("above", ())
        }
        card = _card(told, completed(rates, usual["rates"]), above) | {"tier": tier}
        yield card | {key: usual[key] for key in ("from", "to") if key in usual}


def card_in(book: Book, told: PriceList) -> list[dict[str, Any]]:
    """Return the cards of the place of a list, by tier, completed by what the book says of everywhere."""
    cards = []
    for tier, place in dict.fromkeys(spot[:2] for spot in told.prices):
        usual = next(iter(book.cards(tier) or book.cards(STANDARD)), None)
        rates = _rates(told, tier, None)
        if usual is None or not rates:
            continue
        above = {
            edge: completed(_rates(told, tier, edge), usual["rates"])
            for edge in sorted({*_thresholds(told, tier), *map(edge_of, usual.get("above", ()))})
        }
        card = _card(told, completed(rates, usual["rates"]), above) | {"in": place.split("+")}
        card |= {key: usual[key] for key in ("from", "to") if key in usual}
        cards.append(card | ({"tier": tier} if tier != STANDARD else {}))
    return cards


def _card(told: PriceList, rates: Rates, above: Mapping[int, Rates]) -> dict[str, Any]:
    card: dict[str, Any] = {"rates": without_echoes(rates), "by": LITELLM}
    if above:
        op = threshold_op(told.provider)
        card["above"] = [{op: edge, "rates": without_echoes(above[edge])} for edge in sorted(above)]
    return card | {"source": told.source}


def _rates(told: PriceList, tier: str, above: int | None) -> Rates:
    return {
        meter: written(meter, price)
        for (its_tier, _, meter, its_above), price in told.prices.items()
        if (its_tier, its_above) == (tier, above)
    }


def _thresholds(told: PriceList, tier: str) -> list[int]:
    return sorted({above for its_tier, _, _, above in told.prices if its_tier == tier and above is not None})
