"""Repricing: the calls of a window get the price that today's rates give them, by corrections beside them.

What a call costs now, corrections included, is compared with what it shall cost, and the difference is posted. So a
run that was cut short is finished by the next one, and a second run finds nothing to do: there is no progress to keep.
A call that has a price keeps it where the new rates know none, and months whose books are closed are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.ledger.rates import tell
from otel_llmcost.money import PicoUSD
from otel_llmcost.reports.queries import cost_of, rows_of
from otel_llmcost.reports.repriced import call_of
from otel_llmcost.store import Correction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.pricing.result import Pricing
    from otel_llmcost.reports import Dimension
    from otel_llmcost.reports.window import Window
    from otel_llmcost.store import Store

HOUR_NS: Final = 3_600_000_000_000
SLICE_CALLS: Final = 50_000
"""About so many calls are priced at once."""

_CLOSED: Final = "SELECT month FROM closed_months"


@dataclass(slots=True)
class Difference:
    """What repricing changes for the calls of one team and model.

    Attributes:
        calls: The calls whose cost changes.
        newly_priced: Those of them that had no price.
        list_cost: Pico-USD that come on top at published prices; negative where it becomes less.
        effective_cost: The same at negotiated prices.
    """

    calls: int = 0
    newly_priced: int = 0
    list_cost: int = 0
    effective_cost: int = 0

    def add(self, correction: Correction) -> None:
        """Count one correction."""
        self.calls += 1
        self.newly_priced += correction.newly_priced
        self.list_cost += correction.list_cost or 0
        self.effective_cost += correction.effective_cost or 0


@dataclass(slots=True)
class Repricing:
    """What a run found, and did.

    Attributes:
        looked_at: Calls that were priced again.
        differences: By team, provider and model, what changes.
        kept: Calls that have a price, of which the new rates know none; they keep theirs.
        closed: Calls of closed months, by month, that would have changed; they stay as they are.
        too_old: Calls that would have changed on days of which some have gone, and no sum is derived any more.
        posted: Corrections written; 0 for a dry run.
    """

    looked_at: int = 0
    differences: dict[tuple[str, str, str], Difference] = field(default_factory=dict)
    kept: int = 0
    closed: dict[str, int] = field(default_factory=dict)
    too_old: int = 0
    posted: int = 0


def reprice(
    store: Store,
    window: Window,
    pricer: Pricer,
    *,
    where: Sequence[tuple[Dimension, str]] = (),
    reason: str = "",
    is_dry_run: bool = False,
    on_progress: Callable[[int], None] = lambda _looked_at: None,
) -> Repricing:
    """Compare what calls cost with what they shall cost, and post the difference. Rollups are not derived.

    Args:
        store: The ledger.
        window: The calls that started in it.
        pricer: The rates to price by.
        where: Only calls that have each of these values.
        reason: Why, in every correction; by default it names the rate table.
        is_dry_run: Whether nothing is to be written.
        on_progress: Told now and then how many calls were looked at.
    """
    done = Repricing()
    if not is_dry_run:
        tell(store, pricer)
    name = "/".join(filter(None, (pricer.table.version, pricer.overlay_version)))
    why = reason or f"repriced by {name}"
    for part in _slices(store, window):
        closed = {str(month)[:7] for (month,) in store.query(_CLOSED)}  # perhaps one was closed meanwhile
        changes: list[Correction] = []
        for row, call, pricing in _priced_again(store, part, pricer, where):
            done.looked_at += 1
            is_kept, correction = _difference(row, call, pricing, why)
            done.kept += is_kept
            if correction is None:
                continue
            month = f"{datetime.fromtimestamp(call.started_at_ns // 10**9, UTC):%Y-%m}"
            if month in closed:
                done.closed[month] = done.closed.get(month, 0) + 1
                continue
            if row["stands"]:
                done.too_old += 1
                continue
            model = call.response_model or call.request_model
            done.differences.setdefault((row["team"], call.provider, model), Difference()).add(correction)
            changes.append(correction)
        if not is_dry_run:
            done.posted += store.correct(changes)
        on_progress(done.looked_at)
    return done


def _slices(store: Store, window: Window) -> Iterator[Window]:
    """Yield the window in parts that hold about a bounded number of calls: several hours, or a piece of a busy one."""
    since_ns, held = window.since_ns, 0
    for row in rows_of(store, "busy_hours", window.parameters()):
        if held and held + row["calls"] > SLICE_CALLS:
            yield replace(window, since_ns=since_ns, until_ns=row["hour_ns"])
            since_ns, held = row["hour_ns"], 0
        pieces = -(-row["calls"] // SLICE_CALLS)
        for piece in range(1, pieces):
            until_ns = row["hour_ns"] + HOUR_NS * piece // pieces
            if since_ns < until_ns < window.until_ns:
                yield replace(window, since_ns=since_ns, until_ns=until_ns)
                since_ns = until_ns
        held += row["calls"] // pieces
    if held:
        yield replace(window, since_ns=since_ns)


def _priced_again(
    store: Store, part: Window, pricer: Pricer, where: Sequence[tuple[Dimension, str]]
) -> Iterator[tuple[dict[str, Any], LLMCall, Pricing]]:
    parameters = part.parameters()
    conditions = ["true"]
    for number, (dimension, value) in enumerate(where):
        conditions.append(f"{dimension.expression} = {{where_{number}:String}}")
        parameters |= dimension.parameters | {f"where_{number}": value}
    rows = rows_of(store, "calls_to_price", parameters, condition=" AND ".join(conditions))
    calls = [pricer.located(call_of(row)) for row in rows]
    return zip(rows, calls, pricer.price_all(calls), strict=True)


def _difference(row: Mapping[str, Any], call: LLMCall, pricing: Pricing, reason: str) -> tuple[bool, Correction | None]:
    """Return whether a call keeps a price that the new rates do not know, and what is to be added to it, if any."""
    was_listed, was_effective = cost_of(row["list_cost"]), cost_of(row["effective_cost"])
    if pricing.list_cost is None:
        return was_listed is not None, None
    # A call that has a price of its own and one by correction was counted as priced once too often.
    newly_priced = int(was_listed is None) - row["priced_twice"]
    listed = pricing.list_cost - (was_listed or 0)
    effective = None if pricing.effective_cost is None else pricing.effective_cost - (was_effective or 0)
    if not (newly_priced or listed or effective):
        return False, None
    return False, Correction(
        trace_id=call.trace_id,
        span_id=call.span_id,
        started_at_ns=call.started_at_ns,
        # Named by the number of corrections before: of two runs that saw the same, by whatever rates, one counts.
        correction_id=f"reprice#{row['corrections']}",
        reason=reason,
        list_cost=PicoUSD(listed),
        effective_cost=None if effective is None else PicoUSD(effective),
        newly_priced=newly_priced,
        pricing=pricing,
    )
