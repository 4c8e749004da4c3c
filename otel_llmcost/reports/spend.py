"""What was spent, split by anything: the report that everybody asks for first."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.money import PicoUSD
from otel_llmcost.reports.queries import cost_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.reports.dimensions import Dimension
    from otel_llmcost.reports.window import Window
    from otel_llmcost.store import Store

SHARE_UNIT: Final = Decimal("0.000001")
"""What a share is rounded to, half to even."""

_CORRECTIONS: Final = """
LEFT JOIN
(
    SELECT
        k.trace_id AS trace_id,
        k.span_id AS span_id,
        argMax(toString(k.price_status), k.received_at) AS price_status
    FROM llm_calls AS k
    WHERE k.started_at >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        AND k.started_at < fromUnixTimestamp64Nano({until_ns:Int64}, 'UTC')
        AND k.correction_id != ''
    GROUP BY
        trace_id,
        span_id
) AS a ON a.trace_id = c.trace_id AND a.span_id = c.span_id
"""
"""What the last correction of a call says, for a dimension that it changes."""

_TOP: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What some calls amount to.

    Attributes:
        calls: How many they are; corrections are no calls.
        errors: How many of them failed.
        unpriced_calls: How many of them have no price.
        input_tokens: All input, cached included; cache_read_tokens is the part that a cache served.
        output_tokens: All output, reasoning included.
        list_cost: Pico-USD at published prices; None where no price of any of them is known.
        effective_cost: The same at negotiated prices.
    """

    calls: int = 0
    errors: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    list_cost: PicoUSD | None = None
    effective_cost: PicoUSD | None = None


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One row of a report.

    Attributes:
        keys: The value of each dimension, '' where the call says nothing.
        measures: What its calls amount to.
        share: Its part of the total cost, to six digits; None where either is unknown.
    """

    keys: tuple[str, ...]
    measures: Measures
    share: Decimal | None


@dataclass(frozen=True, slots=True)
class UnnamedSite:
    """A place in the code whose calls nobody has named.

    Attributes:
        call_site: `module:function:line`, '' where it is not known.
        service_name: The service that it is in.
        calls: How many calls it made.
        list_cost: What they cost in pico-USD, None where that is unknown.
    """

    call_site: str
    service_name: str
    calls: int
    list_cost: PicoUSD | None


@dataclass(frozen=True, slots=True)
class UnpricedReason:
    """Why some calls have no price: the status, the model and the detail of one of them."""

    price_status: str
    provider: str
    model: str
    detail: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far the numbers of a window can be believed.

    Attributes:
        total: All calls of the window together.
        named_calls: How many of them have a feature; named_cost is what those cost, in pico-USD.
        rate_table_versions: The tables that they were priced by.
        unnamed: Where the others come from, the dearest first, at most five.
        unpriced: Why calls have no price, the most frequent first, at most five.
    """

    total: Measures
    named_calls: int
    named_cost: PicoUSD | None
    rate_table_versions: tuple[str, ...]
    unnamed: tuple[UnnamedSite, ...] = ()
    unpriced: tuple[UnpricedReason, ...] = ()

    @property
    def named_share(self) -> Decimal | None:
        """The part of the known cost that has a feature; of the calls where none is known; None without calls."""
        if self.total.list_cost:
            return share_of(self.named_cost or 0, self.total.list_cost)
        return share_of(self.named_calls, self.total.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendReport:
    """What was spent in a window.

    Attributes:
        window: The window.
        by: The dimensions.
        rows: The dearest first, at most as many as were asked for.
        groups: How many rows there would be without that limit.
        coverage: All of them together, and how far they can be believed.
    """

    window: Window
    by: tuple[str, ...]
    rows: tuple[SpendRow, ...]
    groups: int
    coverage: Coverage = field(kw_only=True)


def spend(store: Store, by: Sequence[Dimension], window: Window, *, limit: int = 1_000) -> SpendReport:
    """Return what was spent in a window, split by `by`.

    Args:
        store: The ledger.
        by: At least one dimension.
        window: The calls to look at, by their start.
        limit: How many rows at most; the total is that of all rows in any case.
    """
    known = coverage(store, window)
    parameters = window.parameters() | {"limit": limit}
    for dimension in by:
        parameters |= dimension.parameters
    keys = ", ".join(f"toString({dimension.expression})" for dimension in by)
    corrections = _CORRECTIONS if any(dimension.is_corrected for dimension in by) else ""
    found = rows_of(store, "spend", parameters, keys=keys, parts={"corrections": corrections})
    total = known.total.list_cost
    rows = tuple(
        SpendRow(tuple(row["keys"]), measures, share_of(measures.list_cost, total))
        for row in found
        for measures in (_measures(row),)
    )
    groups = found[0]["groups"] if found else 0
    return SpendReport(window=window, by=tuple(each.name for each in by), rows=rows, groups=int(groups), coverage=known)


def coverage(store: Store, window: Window) -> Coverage:
    """Return all calls of a window together, and how far they are priced and named."""
    [row] = rows_of(store, "coverage", window.parameters())
    top = window.parameters() | {"limit": _TOP}
    sites = rows_of(store, "unnamed_sites", top) if row["named_calls"] < row["calls"] else []
    reasons = rows_of(store, "unpriced_reasons", top) if row["unpriced_calls"] else []
    return Coverage(
        total=_measures(row),
        named_calls=row["named_calls"],
        named_cost=cost_of(row["named_cost"]),
        rate_table_versions=tuple(row["rate_table_versions"]),
        unnamed=tuple(UnnamedSite(**site | {"list_cost": cost_of(site["list_cost"])}) for site in sites),
        unpriced=tuple(UnpricedReason(**reason) for reason in reasons),
    )


def share_of(part: int | None, whole: int | None) -> Decimal | None:
    """Return `part` of `whole`, to six digits; None where either is unknown or the whole is nothing."""
    if part is None or not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(SHARE_UNIT)


def _measures(row: Mapping[str, Any]) -> Measures:
    counts = {name: int(row[name]) for name in _COUNTS}
    if not counts["calls"] and row["list_cost"] is None:
        return Measures(**counts, list_cost=PicoUSD(0), effective_cost=PicoUSD(0))
    return Measures(**counts, list_cost=cost_of(row["list_cost"]), effective_cost=cost_of(row["effective_cost"]))


_COUNTS: Final = ("calls", "errors", "unpriced_calls", "input_tokens", "cache_read_tokens", "output_tokens")
