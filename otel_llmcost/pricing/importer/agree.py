"""Both sources in one list of prices: what one says the other must not contradict, unless a decision says who is right.

genai-prices comes first, since it has dates. Where it is silent of a meter, a tier, a place or a model, litellm's
price of today is taken over and marked so. Where both speak of the same model, meter, tier, place and context, and
say different things, the build stops and names every such price.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import RateTableError
from otel_llmcost.pricing.importer.additions import card_in, card_of, is_geographic_echo, tier_cards
from otel_llmcost.pricing.importer.book import GENAI, LITELLM, Book, plain, supplement
from otel_llmcost.pricing.matching import EXACT, spellings
from otel_llmcost.pricing.rates import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from decimal import Decimal

    from otel_llmcost.pricing.importer.decisions import Decision
    from otel_llmcost.pricing.importer.litellm import PriceList, Spot

_INPUT: Final = (STANDARD, "", "input", None)
"""A list that is wrong here speaks of another product: nothing else is taken over from it."""

BOTH = f"{GENAI}+{LITELLM}"
DECIDED = "decision"


@dataclass(slots=True)
class Agreement:
    """How far the sources agree, by our name of the provider.

    Attributes:
        agreed, decided: Prices that both tell alike, and prices that a decision settled.
        added: Prices that only litellm tells.
        contradicted: Entries of litellm that contradict another one of its own, by key.
        homeless: Entries of a place whose model is not sold anywhere else, by key.
    """

    agreed: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    contradicted: list[str] = field(default_factory=list)
    homeless: list[str] = field(default_factory=list)


class Merge:
    """Takes price lists over into the lines of a table, one after the other.

    What is compared and completed are the cards in force on `day`, since the lists know only their own.
    """

    def __init__(self, lines: Iterable[dict[str, Any]], decisions: Mapping[str, Decision], day: date) -> None:
        self._day = f"{day.isoformat()}T00:00:00Z"
        self.books = [Book(deepcopy(line), self._day) for line in lines]
        self.report = Agreement()
        self._decisions = decisions
        self._by_name = {(book.line["provider"], name): book for book in self.books for name in book.names}
        self._used: set[tuple[str, Spot]] = set()
        self._open: list[str] = []
        self._agreed: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._disputed: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)

    def take(self, lists: Iterable[PriceList]) -> list[dict[str, Any]]:
        """Return the lines of both sources.

        Raises:
            RateTableError: They disagree where nobody has decided, or a decision decides nothing.
        """
        lists = list(lists)
        # A model's own name comes before its other names, so that those are compared with all that it says.
        lists.sort(key=self._is_another_name)
        for told in lists:
            if told.is_ordinary:
                self._take_ordinary(told)
        for told in lists:
            if not told.is_ordinary:
                self._take_place(told)
        self._check_decisions()
        for book in self.books:
            self._sign(book)
        return [book.line for book in self.books]

    def _is_another_name(self, told: PriceList) -> tuple[bool, bool]:
        book = self._by_name.get((told.provider, told.model))
        return book is None or book.line["model"] != told.model, told.key.startswith("azure_ai/")

    def _find(self, provider: str, model: str) -> tuple[Book | None, str]:
        for name, kind in spellings(model):
            if book := self._by_name.get((provider, name)):
                return book, kind
        return None, ""

    def _add(self, book: Book) -> Book:
        self.books.append(book)
        self._by_name[book.line["provider"], book.line["model"]] = book
        return book

    def _take_ordinary(self, told: PriceList) -> None:
        book, kind = self._find(told.provider, told.model)
        if book is None:
            geographic = is_geographic_echo(told, lambda name: self._find(told.provider, name)[0])
            if not geographic and (card := card_of(told)):
                line = {"provider": told.provider, "model": told.model, "source": told.source, "cards": [card]}
                self._fill(self._add(Book(line, self._day)), told)
            return
        self._correct(book, told)
        is_alias = kind != EXACT or book.line["model"] != told.model
        theirs, ours = self._against(book, told)
        if is_alias and (f"{told.provider}/{told.model}" in self._decisions or (ours and not theirs)):
            book = self._add(book.split(told.model))
            for spot, price in ours.items():
                book.set(spot, price)
        elif ours:
            self.report.contradicted.append(told.key)
        for spot, price in theirs.items():
            self._decide(book, spot, price)
        for spot, price in told.prices.items():
            if price in book.prices(spot):
                self.report.agreed[told.provider] += 1
                self._agreed[book.name].add(spot[:2])
        if _INPUT not in theirs or told.prices[_INPUT] in book.prices(_INPUT):
            self._fill(book, told)

    def _correct(self, book: Book, told: PriceList) -> None:
        """Put right what a decision says of prices that only this list tells."""
        for name in {book.name, f"{told.provider}/{told.model}"} & self._decisions.keys():
            for spot, ruling in self._decisions[name].rulings.items():
                if ruling.genai is None and ruling.litellm is not None and told.prices.get(spot) == ruling.litellm:
                    self._used.add((name, spot))
                    told.prices.pop(spot)
                    if ruling.right is not None:
                        told.prices[spot] = ruling.right

    def _against(self, book: Book, told: PriceList) -> tuple[dict[Spot, Decimal], dict[Spot, Decimal]]:
        """Return the prices that a book contradicts: in the other source's cards, and in cards of this one."""
        theirs: dict[Spot, Decimal] = {}
        ours: dict[Spot, Decimal] = {}
        for spot, price in told.prices.items():
            said = book.prices(spot)
            if said and price not in said:
                is_ours = all(card.get("by") == LITELLM for card in book.cards(*spot[:2]))
                (ours if is_ours else theirs)[spot] = price
        return theirs, ours

    def _decide(self, book: Book, spot: Spot, price: Decimal) -> None:
        decision = self._decisions.get(book.name)
        ruling = decision.rulings.get(spot) if decision else None
        ours = book.prices(spot)
        if decision is None or ruling is None or ruling.litellm != price or not {ruling.genai, ruling.right} & {*ours}:
            tier, place, meter, above = spot
            where = f"{book.name} {tier}{f' in {place}' if place else ''} {meter}{f' above {above}' if above else ''}"
            said = ", ".join("nothing known" if our is None else plain(our) for our in ours)
            self._open.append(f"{where}: {GENAI} {said}, {LITELLM} {plain(price)}")
            return
        self._used.add((book.name, spot))
        self._disputed[book.name].add(spot[:2])
        self.report.decided[book.line["provider"]] += 1
        book.rule(spot, ruling.right, decision.begins)

    def _fill(self, book: Book, told: PriceList) -> None:
        """Take over what the book does not say yet: meters, tiers and places."""
        for spot, price in told.prices.items():
            if book.cards(*spot[:2]) and supplement(book, spot, price):
                self.report.added[told.provider] += 1
        for card in tier_cards(book, told):
            book.line["cards"].append(card)
            self.report.added[told.provider] += len(card["rates"])
        for place, factor in told.places.items():
            book.add_place(place, factor)

    def _take_place(self, told: PriceList) -> None:
        book, _ = self._find(told.provider, told.model)
        if book is None:
            self.report.homeless.append(told.key)
            return
        cards = card_in(book, told)
        if any(self._is_other(card, one) for card in cards for one in book.line["cards"]):
            if book.line["model"] == told.model:
                self.report.contradicted.append(told.key)
                return
            book = self._add(book.split(told.model))
            book.line["cards"] = [card for card in book.line["cards"] if "in" not in card]
        there = {(card.get("tier"), tuple(card.get("in", ()))) for card in book.line["cards"]}
        for card in cards:
            if (card.get("tier"), tuple(card["in"])) not in there:
                book.line["cards"].append(card)
                self.report.added[told.provider] += len(card["rates"])

    @staticmethod
    def _is_other(card: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
        """Return whether two cards are of one tier and place and say different things."""
        same = all(card.get(key) == one.get(key) for key in ("tier", "in"))
        return same and any(card.get(key) != one.get(key) for key in ("rates", "above"))

    def _check_decisions(self) -> None:
        for name, decision in self._decisions.items():
            for spot in decision.rulings:
                if (name, spot) not in self._used:
                    self._open.append(f"decisions.yaml:{decision.line}: {name} decides {spot}, which is not disputed")
        if self._open:
            msg = f"{len(self._open)} prices are disputed and not decided:\n  " + "\n  ".join(self._open)
            raise RateTableError(msg)

    def _sign(self, book: Book) -> None:
        """Write on every card in force who says so."""
        for card in book.line["cards"]:
            if card.get("source") == book.line["source"]:
                del card["source"]
            spot = (card.get("tier", STANDARD), "+".join(card.get("in", ())))
            if not book.is_in_force(card) or card.get("by") == LITELLM:
                continue
            if spot in self._disputed[book.name]:
                card["by"], card["source"] = DECIDED, self._decisions[book.name].source
            elif spot in self._agreed[book.name]:
                card["by"] = BOTH
