"""What neither package says and the providers' own pages do: fees, places and the end of an offer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.pricing.importer.book import supplement
from otel_llmcost.pricing.matching import EVERY_MODEL
from otel_llmcost.pricing.rates import ELSEWHERE, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.pricing.importer.book import Book

# https://developers.openai.com/api/docs/guides/data-residency, 2026-11-22: endpoints of data residency cost 10 % more
# for models released on or after 2026-03-05. The older ones cost the same everywhere.
_RELEASED_BEFORE_UPLIFT: Final = re.compile(
    r"(ft:)?(gpt-3\.5|gpt-4|gpt-5(\.[0-3])?(-|$)|o1|o3|o4|chatgpt|codex-mini|text-embedding|whisper|tts|omni-mod|davinci"
    r"|babbage|gpt-image-1|gpt-audio(-mini)?$|gpt-realtime(-mini)?$).*"
)

# https://docs.x.ai/developers/pricing, 2026-11-22: token usage of the US regional endpoint is billed at 1.1 times.
_X_AI_IN_THE_US: Final = "1.1"

# https://developers.openai.com/api/docs/pricing, 2026-11-22: a container of the code interpreter, 0.03 a session. Azure
# lists 0.033: https://azure.microsoft.com/en-us/pricing/details/azure-openai/
_CODE_SESSION: Final = {"openai": Decimal("0.03"), "azure.ai.openai": Decimal("0.033")}

# https://platform.claude.com/docs/en/about-claude/pricing: above 200,000 tokens twice the input and 1.5 times the
# output, under the beta of the long context that ended on 2026-04-30.
_LONG_CONTEXT_ENDED: Final = "2026-04-30T00:00:00Z"
_LONG_CONTEXT: Final = frozenset({"claude-sonnet-4-0", "claude-sonnet-4-5"})
_LONG_FROM: Final = 200_000
_MTOK: Final = 1_000_000


SELF_HOSTED: Final[list[dict[str, Any]]] = [
    {
        "provider": "ollama",
        "model": EVERY_MODEL,
        "source": "https://github.com/ollama/ollama",
        "cards": [{"by": "otel-llmcost", "rates": {"input": ["0", _MTOK], "output": ["0", _MTOK]}}],
    }
]
"""Providers that run on the user's own machine and bill nothing, whatever the model."""

UNLISTED: Final[list[dict[str, Any]]] = [
    {
        "provider": "gcp.gemini",
        "model": "gemini-decision-1",
        "source": "https://blog.google/innovation-and-ai/technology/developers-tools/gemini-decisions-api/",
        "cards": [{"by": "otel-llmcost", "rates": {"input": ["0.1", _MTOK]}}],
    }
]
"""Models that neither package lists yet."""


def add_facts(books: Iterable[Book]) -> None:
    """Write into the price lists what no package says."""
    for book in books:
        provider, model = book.line["provider"], book.line["model"]
        if provider == "openai":
            _add_residency(book)
        if provider == "x_ai" and book.cards(STANDARD):
            book.add_place("us", _X_AI_IN_THE_US)
        if (fee := _CODE_SESSION.get(provider)) and book.prices((STANDARD, "", "web_search", None)):
            for card in book.line["cards"]:
                supplement(book, (card.get("tier", STANDARD), "+".join(card.get("in", ())), "code_session", None), fee)
        if provider == "azure.ai.openai":
            _join_zones(book)
        if (provider, model) == ("openai", "o3"):
            _correct_o3(book)
        if provider == "anthropic" and model in _LONG_CONTEXT:
            standard, *tiers = book.line["cards"]
            tiers = [{key: value for key, value in card.items() if key != "above"} for card in tiers]
            book.line["cards"] = [*_with_long_context(standard), *tiers]


def _add_residency(book: Book) -> None:
    """Hold what the package says of two places for all of them, and older models at one price everywhere."""
    places = book.line.get("places", [])
    if any(place["in"] == ["eu", "us"] for place in places):
        book.line["places"] = [place | {"in": [ELSEWHERE]} for place in places]
    elif _RELEASED_BEFORE_UPLIFT.fullmatch(book.line["model"]) and book.cards(STANDARD):
        book.add_place(ELSEWHERE, "1")


def _correct_o3(book: Book) -> None:
    """Put right the cached input of o3 before 2025-06-10: a quarter of its 10 USD, not of the 2 USD that came after."""
    for card in book.line["cards"]:
        if card.get("to") and card["rates"]["input"][0] == "10":
            card["rates"]["cache_read"] = ["2.5", _MTOK]


def _join_zones(book: Book) -> None:
    """Write one card where both data zones cost the same: it is right for a deployment that does not say which."""
    european = {card.get("tier"): card for card in book.line["cards"] if card.get("in") == ["datazone_eu"]}
    american = {card.get("tier"): card for card in book.line["cards"] if card.get("in") == ["datazone_us"]}
    same = european.keys() == american.keys() and all(
        european[tier].get(key) == american[tier].get(key)
        for tier in european
        for key in ("rates", "above", "from", "to")
    )
    if european and same:
        book.line["cards"] = [card for card in book.line["cards"] if card.get("in") != ["datazone_us"]]
        for card in european.values():
            card["in"] = ["datazone", "datazone_eu", "datazone_us"]


def _with_long_context(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the card as it was with the long context, then as it is without."""
    card = {key: value for key, value in card.items() if key != "above"}
    above = {"gt": _LONG_FROM, "rates": {meter: _longer(meter, rate) for meter, rate in card["rates"].items()}}
    before = {key: value for key, value in card.items() if key != "by"}
    return [before | {"to": _LONG_CONTEXT_ENDED, "above": [above]}, card | {"from": _LONG_CONTEXT_ENDED}]


def _longer(meter: str, rate: list[Any]) -> list[Any]:
    usd, per = rate
    if per == _MTOK:
        factor = Decimal("1.5") if meter == "output" else Decimal(2)
        usd = format((Decimal(usd) * factor).normalize(), "f")
    return [usd, per]
