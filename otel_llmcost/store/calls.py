"""Priced calls of which some are by column: what is counted of them, and which of several tellings counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from otel_llmcost.dialects.once import retellings
from otel_llmcost.store.batches import PricedBatch
from otel_llmcost.store.rows import PricedCall
from otel_llmcost.store.settle import HOUR_NS, Answer, Written, seen_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otel_llmcost.dialects.once import Seen
    from otel_llmcost.pricing.result import PriceStatus


class PricedCalls(Sequence[PricedCall]):
    """Priced calls, of which some are by column.

    Args:
        batches: Those.
        singles: The others.
    """

    def __init__(self, batches: Iterable[PricedBatch] = (), singles: Iterable[PricedCall] = ()) -> None:
        self.batches, self.singles = [batch for batch in batches if len(batch)], list(singles)

    @classmethod
    def joined(cls, parts: Iterable[Sequence[PricedCall]]) -> PricedCalls:
        """Return all of several."""
        batches, singles = list[PricedBatch](), list[PricedCall]()
        for part in parts:
            if isinstance(part, PricedCalls):
                batches += part.batches
                singles += part.singles
            else:
                singles += part
        return cls(batches, singles)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.batches)) + len(self.singles)

    @overload
    def __getitem__(self, place: int) -> PricedCall: ...
    @overload
    def __getitem__(self, place: slice) -> list[PricedCall]: ...
    def __getitem__(self, place: int | slice) -> PricedCall | list[PricedCall]:
        """Return a row, or a list of them."""
        if isinstance(place, slice):
            return list(self)[place]
        if place < 0:
            place += len(self)
        for batch in self.batches:
            if 0 <= place < len(batch):
                return batch[place]
            place -= len(batch)
        return self.singles[place]

    def __iter__(self) -> Iterator[PricedCall]:
        """Iterate over the rows."""
        return chain(*self.batches, self.singles)


class Summary(NamedTuple):
    """What is counted of calls that were written.

    Attributes:
        statuses: How many of each price status.
        unpriced: How many have no cost, unattributed how many no feature.
        oldest_ns: The first receipt of any, in Unix nanoseconds.
        keys: Trace and span id of each.
    """

    statuses: Counter[PriceStatus]
    unpriced: int
    unattributed: int
    oldest_ns: int
    keys: list[tuple[str, str]]


def summary_of(calls: Sequence[PricedCall]) -> Summary:
    """Return what is counted of calls; at least one."""
    every = PricedCalls.joined([calls])
    singles = every.singles
    statuses = Counter(row.pricing.status for row in singles)
    unpriced = sum(row.pricing.list_cost is None for row in singles)
    unattributed = sum(not row.call.attribution.feature for row in singles)
    received = [row.received_at_ns for row in singles]
    keys = [(row.call.trace_id, row.call.span_id) for row in singles]
    for batch in every.batches:
        statuses.update(batch.prices.status)
        unpriced += batch.prices.list_cost.count(None)
        named = np.array([bool(call.attribution.feature) for call in batch.calls.patterns], np.bool_)
        unattributed += int((~named[batch.calls.form]).sum())
        received.append(int(batch.received_at_ns.min()))
        keys += zip(batch.trace_ids(), batch.span_ids(), strict=True)
    return Summary(statuses, unpriced, unattributed, min(received), keys)


def written_of(calls: PricedCalls) -> Written:
    """Return what settling has to know of calls."""
    written = Written.of(calls.singles)
    for batch in calls.batches:
        written.received(int(batch.received_at_ns.min()), int(batch.received_at_ns.max()))
        written.hours.update(np.unique(batch.calls.started_at_ns // HOUR_NS).tolist())
        written.traces.update(batch.trace_ids())
        written.is_told_by_others |= bool(batch.have("dialect").any())
        written.told.append(partial(_answers_in, batch))
    return written


def _answers_in(batch: PricedBatch) -> Iterator[Answer]:
    said = [(call.provider, call.dialect) for call in batch.calls.patterns]
    told = zip(batch.trace_ids(), batch.calls.form.tolist(), batch.call_ids(np.arange(len(batch))), strict=True)
    for trace_id, form, call_id in told:
        if call_id:
            provider, dialect = said[form]
            yield Answer(trace_id, provider, call_id, dialect)


def judged(calls: PricedCalls, written: Written) -> PricedCalls:
    """Return calls, each marked with what they alone say about it."""
    if not written.is_told_by_others:
        return calls
    ids = [batch.trace_ids() for batch in calls.batches]
    told = Counter(chain(*ids, (row.call.trace_id for row in calls.singles)))
    several = {trace_id for trace_id, count in told.items() if count > 1} | written.linked()
    if not several:
        return calls
    places = [np.flatnonzero([trace_id in several for trace_id in traces]) for traces in ids]
    seen: list[list[Seen]] = [list(batch.seen(chosen)) for batch, chosen in zip(calls.batches, places, strict=True)]
    told_again = retellings(chain(*seen, (seen_in(row) for row in calls.singles if row.call.trace_id in several)))
    batches = []
    for batch, chosen, tellings in zip(calls.batches, places, seen, strict=True):
        marks = np.zeros(len(batch), np.bool_)
        marks[chosen] = [(telling.trace_id, telling.span_id) in told_again for telling in tellings]
        batches.append(batch.marked(marks))
    singles = [replace(row, is_retelling=(row.call.trace_id, row.call.span_id) in told_again) for row in calls.singles]
    return PricedCalls(batches, singles)
