"""Priced calls by column: read as the rows that they stand for, and written without making any.

What many calls say alike is encoded once, for their pattern; a column of it is the pattern's values with a number for
each call, which is what ClickHouse's LowCardinality columns hold, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import pyarrow as pa

from otel_llmcost import usage
from otel_llmcost.dialects.once import Seen
from otel_llmcost.money import ROW_LIMIT
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import rows as _rows
from otel_llmcost.store.engine import RowsRefusedError
from otel_llmcost.store.results import Result, is_answered_later
from otel_llmcost.store.rows import PricedCall
from otel_llmcost.store.tombstones import Named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_llmcost.dialects.batch import CallBatch
    from otel_llmcost.dialects.wire import Bytes, Flags, Ints
    from otel_llmcost.money import PicoUSD
    from otel_llmcost.pricing.kernel import PriceColumns

_UNPRICED: Final = Pricing(PriceStatus.NO_USAGE, None, None, "", "", "", "", (), "")
_HEX: Final = np.array([int.from_bytes(f"{byte:02x}".encode(), "little") for byte in range(256)], np.uint16)
_USD: Final = pa.decimal128(18, 12)
_MAX_PRECEDENCE: Final = np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True)
class PricedBatch(Sequence[PricedCall]):
    """Calls by column, with their prices.

    Attributes:
        calls: What happened.
        prices: What each costs.
        received_at_ns: When the request of each was received, in Unix nanoseconds.
        is_retelling: Which are known to be told by others, too, who count instead.
    """

    calls: CallBatch
    prices: PriceColumns
    received_at_ns: Ints
    is_retelling: Flags

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.calls)

    @overload
    def __getitem__(self, place: int) -> PricedCall: ...
    @overload
    def __getitem__(self, place: slice) -> list[PricedCall]: ...
    def __getitem__(self, place: int | slice) -> PricedCall | list[PricedCall]:
        """Return a row, or a list of them."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        prices = self.prices
        return PricedCall(
            call=self.calls.call(place),
            pricing=Pricing(
                prices.status[place],
                prices.list_cost[place],
                prices.effective_cost[place],
                prices.rate_id[place],
                prices.rate_table_version,
                prices.overlay_version,
                prices.match_kind[place],
                (),
                prices.detail[place],
            ),
            received_at_ns=int(self.received_at_ns[place]),
            is_retelling=bool(self.is_retelling[place]),
        )

    def marked(self, is_retelling: Flags) -> PricedBatch:
        """Return the batch with other marks."""
        return replace(self, is_retelling=is_retelling)

    def doubtful(self, *, now_ns: int, since_ns: Mapping[str, int]) -> Ints:
        """Return the places of rows that perhaps must not be written: `rows.refusal_of` decides on them."""
        calls = self.calls
        newest_ns, oldest_ns = now_ns + _rows.CLOCK_AHEAD_NS, max(since_ns.values())
        doubtful = ~calls.trace_id.any(axis=1) | ~calls.span_id.any(axis=1)
        doubtful |= (calls.started_at_ns > newest_ns) | (calls.started_at_ns < oldest_ns)
        doubtful |= (self.received_at_ns <= 0) | (self.received_at_ns > newest_ns)
        for costs in (self.prices.list_cost, self.prices.effective_cost):
            doubtful |= np.array([cost is not None and cost >= ROW_LIMIT for cost in costs], np.bool_)
        return np.flatnonzero(doubtful)

    def named(self) -> list[Named]:
        """Return whom each call names."""
        patterns, form = self.calls.patterns, self.calls.form.tolist()
        users = self._texts("user", np.arange(len(self)))
        columns = zip(form, users, self.trace_ids(), self.calls.started_at_ns.tolist(), strict=True)
        tenants = [call.attribution.tenant for call in patterns]
        return [
            Named(
                tenants[number], user, "" if tenants[number] or user or not patterns[number].dialect else trace, at_ns
            )
            for number, user, trace, at_ns in columns
        ]

    def without(self, places: Sequence[int] | Ints) -> PricedBatch:
        """Return the batch without some of its rows."""
        if not len(places):
            return self
        left = np.setdiff1d(np.arange(len(self)), np.asarray(places, np.int64))
        picked = left.tolist()
        prices = self.prices
        columns: dict[str, Any] = {
            name: [getattr(prices, name)[place] for place in picked]
            for name in ("status", "list_cost", "effective_cost", "rate_id", "match_kind", "detail")
        }
        return PricedBatch(
            self.calls.take(left), replace(prices, **columns), self.received_at_ns[left], self.is_retelling[left]
        )

    def results(self) -> list[Result]:
        """Return which of the calls are results of batches."""
        places = np.flatnonzero(self.have("is_batch"))
        if not places.size:
            return []
        providers = [call.provider for call in self.calls.patterns]
        traces, answers = _hex(self.calls.trace_id[places]).to_pylist(), self._texts("response_id", places)
        columns = (places.tolist(), traces, self.calls.started_at_ns[places].tolist())
        return [
            Result(*result)
            for form, answer, *result in zip(self.calls.form[places].tolist(), answers, *columns, strict=True)
            if is_answered_later(result[1], providers[form], answer)
        ]

    # --- what settling asks ---

    def trace_ids(self) -> list[str]:
        """Return the trace id of each call."""
        return list(_hex(self.calls.trace_id).to_pylist())

    def span_ids(self) -> list[str]:
        """Return the span id of each call."""
        return list(_hex(self.calls.span_id).to_pylist())

    def call_ids(self, places: Ints) -> list[str]:
        """Return the provider's id of the answer, or else of the request, of some of the calls."""
        ids = [self._texts(name, places) for name in ("response_id", "provider_request_id")]
        return [answer or request for answer, request in zip(*ids, strict=True)]

    def have(self, name: str) -> Flags:
        """Return which calls follow a pattern whose field of this name says something."""
        return np.array([bool(getattr(call, name)) for call in self.calls.patterns], np.bool_)[self.calls.form]

    def seen(self, places: Ints) -> Iterator[Seen]:
        """Return what is compared of some of the calls."""
        calls, nothing = self.calls, np.zeros(len(self), np.int64)
        counts = [calls.counts.get(name, nothing)[places].tolist() for name in ("input_tokens", "output_tokens")]
        columns = (
            _hex(calls.trace_id[places]).to_pylist(),
            _hex(calls.span_id[places]).to_pylist(),
            _hex(calls.parent_span_id[places], calls.has_parent[places]).to_pylist(),
            calls.started_at_ns[places].tolist(),
            (calls.started_at_ns + calls.duration_ns)[places].tolist(),
            self.call_ids(places),
        )
        about = [
            (tuple(filter(None, (call.request_model, call.response_model))), call.scope_name, call.dialect)
            for call in calls.patterns
        ]
        for form, told, *said in zip(calls.form[places].tolist(), zip(*counts, strict=True), *columns, strict=True):
            pattern = calls.patterns[form]
            yield Seen._make((*said, *about[form], told if pattern.usage is not None else None, pattern.provider))

    def _texts(self, name: str, places: Ints) -> list[str]:
        column = self.calls.texts.get(name)
        return [""] * places.size if column is None else list(column.take(pa.array(places)).to_pylist())

    # --- for the wire ---

    def table(self) -> pa.Table:
        """Return the columns of `llm_calls_log`; those in which no call says anything are left out."""
        calls, form = self.calls, self.calls.form
        samples = [PricedCall(call=call, pricing=_UNPRICED, received_at_ns=1) for call in calls.patterns]
        columns = {
            name: _spread(values, form) for name, values in _rows.columns_of(samples).items() if name not in _OF_ROW
        }
        for name, texts in calls.texts.items():
            columns[_rows.COLUMN_OF.get(name, name)] = texts
        for name, (numbers, is_told) in calls.numbers.items():
            columns[name] = pa.array(numbers, mask=~is_told)
        rules = pa.array(calls.rules, pa.string())
        return pa.table(
            columns
            | {name: pa.array(counts) for name, counts in calls.counts.items()}
            | self._priced_columns()
            | {
                "trace_id": _hex(calls.trace_id),
                "span_id": _hex(calls.span_id),
                "parent_span_id": _hex(calls.parent_span_id, calls.has_parent),
                "started_at": pa.array(calls.started_at_ns).view(pa.timestamp("ns", "UTC")),
                "duration_ns": pa.array(calls.duration_ns),
                "input_semantics": pa.DictionaryArray.from_arrays(pa.array(calls.semantics.astype(np.int32)), rules),
            }
        )

    def _priced_columns(self) -> dict[str, pa.Array]:
        prices, marks = self.prices, self.is_retelling.astype(np.uint64)
        precedence = _MAX_PRECEDENCE - self.received_at_ns.astype(np.uint64) + marks * np.uint64(_rows.A_VERDICT)
        count = len(self)
        return {
            "price_status": pa.array([status.value for status in prices.status]).dictionary_encode(),
            "list_cost": _usd(prices.list_cost),
            "effective_cost": _usd(prices.effective_cost),
            "rate_id": pa.array(prices.rate_id, pa.string()).dictionary_encode(),
            "match_kind": pa.array(prices.match_kind, pa.string()).dictionary_encode(),
            "price_detail": pa.array(prices.detail, pa.string()).dictionary_encode(),
            "rate_table_version": _spread([prices.rate_table_version], np.zeros(count, np.int64)),
            "overlay_version": _spread([prices.overlay_version], np.zeros(count, np.int64)),
            "precedence": pa.array(precedence),
            "posted_at": pa.array((self.received_at_ns // 1_000_000_000).astype(np.uint32)),
            "is_retelling": pa.array(marks.astype(np.uint8)),
            "verdicts": pa.array(marks.astype(np.uint16)),
        }


def table_of(batches: Iterable[PricedBatch]) -> pa.Table:
    """Return the columns of all rows of several batches; what some of them leave out is null there.

    Raises:
        RowsRefusedError: They do not go into one table.
    """
    try:
        tables = [batch.table() for batch in batches]
        return pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    except (ValueError, TypeError, ArithmeticError, LookupError, pa.ArrowException) as exc:
        msg = f"calls cannot be written by column: {' '.join(str(exc).split())[:300]}"
        raise RowsRefusedError(msg) from exc


_OF_ROW: Final = frozenset(
    {
        "trace_id", "span_id", "parent_span_id", "started_at", "duration_ns", "input_semantics", "price_status",
        "list_cost", "effective_cost", "rate_id", "match_kind", "price_detail", "rate_table_version",
        "overlay_version", "precedence", "posted_at", "is_retelling", "verdicts", *usage.FIELDS,
    }
)  # fmt: skip
"""Columns that no pattern decides."""


def _hex(ids: Bytes, is_told: Flags | None = None) -> pa.Array:
    """Return ids as text of hex digits; empty for those that are not told."""
    count, size = ids.shape
    digits = _HEX[ids]
    sizes = np.full(count, 2 * size) if is_told is None else np.where(is_told, 2 * size, 0)
    ends = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
    written = digits if is_told is None else digits[is_told]
    return pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(written))]
    )


def _usd(costs: Sequence[PicoUSD | None]) -> pa.Array:
    """Return pico-USD as decimals: their 128 bits are the number itself."""
    low = np.array([cost or 0 for cost in costs], np.int64)
    bits = np.stack([low, low >> 63], axis=1)
    is_told = np.packbits(np.array([cost is not None for cost in costs], np.bool_), bitorder="little")
    return pa.Array.from_buffers(_USD, len(costs), [pa.py_buffer(is_told), pa.py_buffer(bits)])


def _spread(values: Sequence[Any], form: Ints) -> pa.Array:
    """Return what each call's pattern says; texts as a dictionary."""
    if isinstance(values[0], str):
        known = {value: number for number, value in enumerate(dict.fromkeys(values))}
        codes = np.array([known[value] for value in values], np.int32)[form]
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(known), pa.string()))
    if isinstance(values[0], dict):
        kind = pa.map_(pa.string(), pa.string())
        return pa.array([list(value.items()) for value in values], kind).take(pa.array(form))
    return pa.array(values).take(pa.array(form))
