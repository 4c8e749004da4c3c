"""The package's prices as the rates of a card, exact to the pico-USD or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final

from genai_prices.data_units import unit_data
from genai_prices.types import TieredPrices

from otel_llmcost.errors import RateTableError
from otel_llmcost.money import PICO_PER_USD
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from otel_llmcost.pricing.importer.history import Prices, Span

_METER_OF: Final = {
    "input_mtok": UsageMeter.INPUT,
    "cache_read_mtok": UsageMeter.CACHE_READ,
    "cache_write_mtok": UsageMeter.CACHE_WRITE_5M,
    "cache_write_1h_mtok": UsageMeter.CACHE_WRITE_1H,
    "input_audio_mtok": UsageMeter.INPUT_AUDIO,
    "input_image_mtok": UsageMeter.INPUT_IMAGE,
    "input_video_mtok": UsageMeter.INPUT_VIDEO,
    "cache_audio_read_mtok": UsageMeter.CACHE_READ_AUDIO,
    "cache_image_read_mtok": UsageMeter.CACHE_READ_IMAGE,
    "cache_video_read_mtok": UsageMeter.CACHE_READ_VIDEO,
    "output_mtok": UsageMeter.OUTPUT,
    "output_reasoning_mtok": UsageMeter.REASONING,
    "output_audio_mtok": UsageMeter.OUTPUT_AUDIO,
    "output_image_mtok": UsageMeter.OUTPUT_IMAGE,
    "output_video_mtok": UsageMeter.OUTPUT_VIDEO,
    "web_searches_kcount": UsageMeter.WEB_SEARCH,
    "storage_searches_kcount": UsageMeter.FILE_SEARCH,
    "requests_kcount": UsageMeter.REQUEST,
    "input_document_kpages": UsageMeter.PAGE,
    "audio_hours": UsageMeter.AUDIO_SECOND,
}
"""Our meter of each of the package's price keys. A key that is absent has no meter here yet: it is reported."""

_PER: Final = {unit["price_key"]: int(unit["per"]) for unit in unit_data.values()}
_SECONDS: Final = "audio_hours"
_SAME_AGAIN: Final = {"input_audio_hours": _SECONDS}
"""Keys that say the same as another one, where both are there."""

_BY_TIME: Final = frozenset({_SECONDS})
"""Prices by the hour: what is counted is seconds, and no second need cost a whole pico-USD."""

_THRESHOLD_IS_REACHED: Final = frozenset({"x-ai"})
"""Providers whose long prices begin at the threshold itself; the package says so by one token less."""
_GROUNDED: Final = ("gemini-",)
_BILLED_BY_PROMPT: Final = ("gemini-2.", "gemini-1.")
"""Google bills grounded prompts up to Gemini 2.5 and the queries of grounding since."""


@dataclass(slots=True)
class Faults:
    """What could not be taken over, by name.

    Attributes:
        inexact: Prices of resellers that are no whole pico-USD: the meter is kept without a price.
        no_meter: Price keys that we have no meter for.
    """

    inexact: set[str] = field(default_factory=set)
    no_meter: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class CardWriter:
    """Writes the cards of one model.

    Attributes:
        provider_id: The package's name of the provider.
        model_id: The package's name of the model.
        is_first_party: Whether its prices are published by who sells it, so that an inexact one fails the import.
        faults: Where to note what could not be taken over.
    """

    provider_id: str
    model_id: str
    is_first_party: bool
    faults: Faults

    def card(self, span: Span, tier: str) -> dict[str, Any] | None:
        """Return the card of `span` as a line of the table holds it, None if nothing on it has a meter.

        Raises:
            RateTableError: A first-party price is no whole number of pico-USD.
        """
        prices = self._known(span.prices)
        if not prices:
            return None
        starts = sorted({tier.start for price in prices.values() for tier in _tiers(price)})
        card: dict[str, Any] = {"rates": self._rates(prices, None)}
        if starts:
            card["above"] = [
                _threshold(self.provider_id, start) | {"rates": self._rates(prices, start)} for start in starts
            ]
        if tier != "standard":
            card["tier"] = tier
        if span.begin:
            card["from"] = f"{span.begin.isoformat()}T00:00:00Z"
        if span.end:
            card["to"] = f"{span.end.isoformat()}T00:00:00Z"
        if span.minutes:
            card["schedule"] = _runs(span.minutes)
        return card

    def _known(self, prices: Prices) -> Prices:
        prices = {key: price for key, price in prices.items() if prices.get(_SAME_AGAIN.get(key, "")) != price}
        for key in sorted(prices.keys() - _METER_OF.keys()):
            self.faults.no_meter.add(f"{self.provider_id}/{self.model_id}: {key}")
        return {key: price for key, price in prices.items() if key in _METER_OF}

    def _rates(self, prices: Prices, start: int | None) -> dict[str, Any]:
        return {self._meter(key): self._rate(key, _at(price, start)) for key, price in prices.items()}

    def _meter(self, key: str) -> str:
        meter = _METER_OF[key]
        if meter is UsageMeter.WEB_SEARCH and self.model_id.startswith(_GROUNDED):
            by_prompt = self.model_id.startswith(_BILLED_BY_PROMPT)
            meter = UsageMeter.GROUNDED_PROMPT if by_prompt else UsageMeter.GROUNDED_QUERY
        return meter.value

    def _rate(self, key: str, usd: Decimal) -> list[Any] | None:
        per = _PER[key]
        with localcontext(prec=80):
            if usd * PICO_PER_USD % (1 if key in _BY_TIME else per) == 0:
                return [_plain(usd), per]
        named = f"{self.provider_id}/{self.model_id}: {key} {_plain(usd)}"
        if self.is_first_party:
            msg = f"{named} is not a whole number of pico-USD for one"
            raise RateTableError(msg)
        self.faults.inexact.add(named)
        return None


def _tiers(price: Any) -> list[Any]:
    return price.tiers if isinstance(price, TieredPrices) else []


def _at(price: Any, start: int | None) -> Decimal:
    """Return the price above the threshold `start`, or below all of them if it is None."""
    if not isinstance(price, TieredPrices):
        return Decimal(price)
    reached = [tier.price for tier in price.tiers if start is not None and tier.start <= start]
    return reached[-1] if reached else price.base


def _threshold(provider_id: str, start: int) -> dict[str, int]:
    return {"ge": start + 1} if provider_id in _THRESHOLD_IS_REACHED else {"gt": start}


def _plain(usd: Decimal) -> str:
    text = format(usd, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _runs(minutes: frozenset[int]) -> list[list[int]]:
    """Return minutes as half-open windows, in order."""
    runs: list[list[int]] = []
    for minute in sorted(minutes):
        if runs and runs[-1][1] == minute:
            runs[-1][1] = minute + 1
        else:
            runs.append([minute, minute + 1])
    return runs
