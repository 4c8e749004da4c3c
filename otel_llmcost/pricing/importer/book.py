"""The price list of one model while it is put together: what a line of the table holds, with its prices as numbers."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.pricing.importer.litellm import threshold_op
from otel_llmcost.pricing.rates import STANDARD
from otel_llmcost.usage import INPUT_METERS, OUTPUT_METERS, UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from otel_llmcost.pricing.importer.litellm import Spot

GENAI: Final = "genai-prices"
LITELLM: Final = "litellm"

_TOKENS: Final = INPUT_METERS | OUTPUT_METERS
_PER: Final = {meter.value: 1_000_000 if meter in _TOKENS else 1 for meter in UsageMeter} | {"audio_second": 3600}
_OTHERWISE: Final = {
    "cache_read": ("input",),
    "cache_write_5m": ("input",),
    "input_audio": ("input",),
    "input_image": ("input",),
    "input_video": ("input",),
    "cache_read_audio": ("cache_read", "input_audio", "input"),
    "cache_read_image": ("cache_read", "input_image", "input"),
    "cache_read_video": ("cache_read", "input_video", "input"),
    "reasoning": ("output",),
    "output_audio": ("output",),
    "output_image": ("output",),
    "output_video": ("output",),
}
"""The engine's own stand-ins, by name: what is billed as what where a card is silent."""

Rates = dict[str, list[Any] | None]


class Book:
    """The price list of one model.

    Attributes:
        line: The line of the table, still open to change.
        day: The moment that "in force" means.
    """

    def __init__(self, line: dict[str, Any], day: str) -> None:
        self.line, self.day = line, day

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.line['provider']}/{self.line['model']}"

    @property
    def names(self) -> list[str]:
        """Every name of the model, its own first."""
        return [self.line["model"], *self.line.get("names", ())]

    def cards(self, tier: str, place: str = "") -> list[dict[str, Any]]:
        """Return the cards of a tier and place that are in force: more than one where hours differ."""
        return [
            card
            for card in self.line["cards"]
            if card.get("tier", STANDARD) == tier and "+".join(card.get("in", ())) == place and self.is_in_force(card)
        ]

    def is_in_force(self, card: Mapping[str, Any]) -> bool:
        """Return whether a card is in force on the day."""
        begin, end = card.get("from"), card.get("to")
        return (not begin or begin <= self.day) and (not end or self.day < end)

    def prices(self, spot: Spot) -> list[Decimal | None]:
        """Return what the cards of a spot say of its meter, none where they are silent; a million tokens or a piece."""
        tier, place, meter, above = spot
        several = [_rates_at(card, above) for card in self.cards(tier, place)]
        return [_number(meter, rates[meter]) for rates in several if meter in rates]

    def set(self, spot: Spot, price: Decimal | None) -> None:
        """Write a price into every card of a spot; a threshold that a card has not yet is opened."""
        tier, place, meter, above = spot
        for card in self.cards(tier, place):
            _open(card, above, threshold_op(self.line["provider"]))[meter] = (
                None if price is None else written(meter, price)
            )

    def rule(self, spot: Spot, price: Decimal | None, begins: date | None) -> None:
        """Write the price that a decision found right, into cards that begin on a day where it names one."""
        if begins is not None:
            self._begin(spot, f"{begins.isoformat()}T00:00:00Z")
        self.set(spot, price)

    def _begin(self, spot: Spot, day: str) -> None:
        """End the cards of a spot on a day and go on with one of their kind, at all hours."""
        ended = [card for card in self.cards(*spot[:2]) if card.get("from", "") < day]
        for card in ended:
            card["to"] = day
        if ended:
            begun = deepcopy(ended[-1]) | {"from": day}
            self.line["cards"].append({key: begun[key] for key in begun if key not in {"to", "schedule"}})

    def add_place(self, place: str, factor: str) -> None:
        """Note that every token costs so many times as much in a place."""
        places: list[dict[str, Any]] = self.line.setdefault("places", [])
        if any(place in one["in"] for one in places):
            return
        same = next((one for one in places if one["times"] == factor), None)
        if same:
            same["in"] = sorted({*same["in"], place})
        else:
            places.append({"in": [place], "times": factor})

    def split(self, name: str) -> Book:
        """Take one of the other names off the list and return a copy of the list under that name."""
        mine = deepcopy(self.line)
        self.line["names"] = [other for other in self.line.get("names", ()) if other != name]
        return Book({key: value for key, value in mine.items() if key != "names"} | {"model": name}, self.day)


def supplement(book: Book, spot: Spot, price: Decimal) -> bool:
    """Add a price to cards that are silent of its meter; return whether there was anything to add.

    Above the thresholds of a card a fee by the call is the same, and a token's price unknown until it is told.
    """
    tier, place, meter, above = spot
    rate = written(meter, price)
    added = False
    for card in book.cards(tier, place):
        rates = next((one["rates"] for one in card.get("above", ()) if edge_of(one) == above), None)
        rates = card["rates"] if above is None else rates
        if rates is None or rates.get(meter) is not None or _stands_in(meter, rate, rates):
            continue
        rates[meter] = rate
        added = True
        for one in card.get("above", ()) if above is None else ():
            one["rates"].setdefault(meter, rate if UsageMeter(meter) not in _TOKENS else None)
    for card in book.line["cards"] if added else ():
        is_later = card.get("from", "") > book.day and card.get("tier", STANDARD) == tier
        if is_later and UsageMeter(meter) in _TOKENS:
            card["rates"].setdefault(meter, None)
    return added


def written(meter: str, price: Decimal) -> list[Any]:
    """Return a price as the table writes it: what is small by the piece is told by the thousand."""
    per = _PER[meter]
    if meter in {"web_search", "grounded_prompt", "grounded_query", "file_search", "page", "request"}:
        price, per = price * 1000, 1000
    return [plain(price), per]


def plain(price: Decimal) -> str:
    """Return a price as plain decimal text without trailing zeros."""
    return format(price.normalize(), "f")


def completed(rates: Rates, standard: Mapping[str, Any]) -> Rates:
    """Return the rates of a tier or place with what they leave out but the standard card says.

    Fees by the call stay what they are. A token that the standard card bills like another is billed like it here
    too; one that has a price of its own there has one here that we do not know.
    """
    whole = dict(rates)
    for meter, rate in standard.items():
        if meter in whole:
            continue
        if UsageMeter(meter) not in _TOKENS:
            whole[meter] = rate
        elif not _stands_in(meter, rate, standard):
            whole[meter] = None
    return whole


def without_echoes(rates: Rates) -> Rates:
    """Return rates without those that only repeat what would stand in for them."""
    return {meter: rate for meter, rate in rates.items() if not _stands_in(meter, rate, rates)}


def _stands_in(meter: str, rate: list[Any] | None, rates: Mapping[str, Any]) -> bool:
    other = next((name for name in _OTHERWISE.get(meter, ()) if name in rates), None)
    return other is not None and rate is not None and rates[other] == rate


def _rates_at(card: Mapping[str, Any], above: int | None) -> Rates:
    rates: Rates = card["rates"]
    for tier in card.get("above", ()):
        if above is not None and edge_of(tier) <= above:
            rates = tier["rates"]
    return rates


def _open(card: dict[str, Any], above: int | None, op: str) -> Rates:
    """Return the rates of a card above a threshold, its own tier of them if it had none."""
    if above is None:
        rates: Rates = card["rates"]
        return rates
    tiers: list[dict[str, Any]] = card.setdefault("above", [])
    found = next((tier for tier in tiers if edge_of(tier) == above), None)
    if found is None:
        found = {op: above, "rates": dict(_rates_at(card, above))}
        card["above"] = sorted([*tiers, found], key=edge_of)
    opened: Rates = found["rates"]
    return opened


def edge_of(tier: Mapping[str, Any]) -> int:
    """Return the threshold that prices are asked at: whether it must be exceeded or reached is the same question."""
    edge: int = tier["ge"] if "ge" in tier else tier["gt"]
    return edge


def _number(meter: str, rate: list[Any] | None) -> Decimal | None:
    return None if rate is None else Decimal(rate[0]) / rate[1] * _PER[meter]
