"""What calls that were made would cost by other rates. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing.overlay import WHERE
from otel_llmcost.pricing.pricer import KIND
from otel_llmcost.reports.queries import cost_of, rows_of
from otel_llmcost.reports.window import Window
from otel_llmcost.usage import FIELDS, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_llmcost.pricing import Pricer
    from otel_llmcost.store import Store

_NOTHING: Final = PicoUSD(0)
_SLICE_NS: Final = 4 * 3600 * 10**9
_FIELDS: Final = tuple(dict.fromkeys((*KIND, *WHERE)))


@dataclass(slots=True)
class Effect:
    """What the calls of one model cost by two price lists.

    Attributes:
        calls: How many they are.
        old_cost, new_cost: Pico-USD at published prices, of the calls that have one by each list.
        newly_priced: Calls that have a price by the new list only; newly_unpriced by the old one only.
    """

    calls: int = 0
    old_cost: PicoUSD = _NOTHING
    new_cost: PicoUSD = _NOTHING
    newly_priced: int = 0
    newly_unpriced: int = 0

    def add(self, old: PicoUSD | None, new: PicoUSD | None) -> None:
        """Note one call."""
        self.calls += 1
        self.old_cost = PicoUSD(self.old_cost + (old or 0))
        self.new_cost = PicoUSD(self.new_cost + (new or 0))
        self.newly_priced += old is None and new is not None
        self.newly_unpriced += new is None and old is not None


def repriced(store: Store, window: Window, old: Pricer, new: Pricer) -> Mapping[tuple[str, str], Effect]:
    """Return what the calls of a window cost by two price lists, by provider and model as the newer one calls it.

    A few hours at a time are read, so that memory does not grow with the window.
    """
    effects: dict[tuple[str, str], Effect] = {}
    for since_ns in range(window.since_ns, window.until_ns, _SLICE_NS):
        part = Window(since_ns=since_ns, until_ns=min(since_ns + _SLICE_NS, window.until_ns), timezone=window.timezone)
        calls = list(_calls(store, part))
        for call, was, now in zip(calls, old.price_all(calls), new.price_all(calls), strict=True):
            rates = new.rates_of(call) or old.rates_of(call)
            model = (rates.provider, rates.model) if rates else (call.provider, call.request_model)
            effects.setdefault(model, Effect()).add(was.list_cost, now.list_cost)
    return effects


def _calls(store: Store, window: Window) -> Iterator[LLMCall]:
    for row in rows_of(store, "calls_to_price", window.parameters()):
        yield call_of(row)


def call_of(row: Mapping[str, Any]) -> LLMCall:
    """Return as much of a call as decides what it costs, from a row of `calls_to_price`."""
    counts = {name: int(row[name]) for name in FIELDS}
    return LLMCall(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        started_at_ns=int(row["started_at_ns"]),
        usage=None if row["usage_quality"] == "missing" else Usage(**counts),
        billed=Usage(**row["billed_counts"]) if row["billed_counts"] else None,
        is_batch=bool(row["is_batch"]),
        reported_cost=cost_of(row["reported_cost"]),
        **{name: row[name] for name in _FIELDS if name != "is_batch"},
    )
