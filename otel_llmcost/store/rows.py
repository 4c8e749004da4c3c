"""The mapping between calls and the columns of `llm_calls_log`. Nothing else knows both."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from otel_llmcost import money, usage
from otel_llmcost.attribution import NAMES
from otel_llmcost.call import LLMCall
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.money import PicoUSD
    from otel_llmcost.pricing.result import Pricing

DAY_NS: Final = 86_400_000_000_000
CLOCK_AHEAD_NS: Final = DAY_NS
"""How far a call may start in the future before its clock is not believed."""

COUNT_LIMIT: Final = 10**15
"""A count of usage beyond this is no count: 9,000 of them would overflow a sum."""

_EPOCH: Final = date(1970, 1, 1)
_PRECEDENCE_OF_0: Final = 2**64 - 1
A_VERDICT: Final = 2**50
"""What each verdict adds to the precedence. So rows with the same precedence agree on what was decided of them, and 13
days (2^50 ns) between two receipts of a call decide nothing."""
_IDENTITY: Final = re.compile(r"[0-9a-f]{32}/[0-9a-f]{16}")
_NO_IDENTITY: Final = re.compile(r"0{32}/.*|.*/0{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedCall:
    """A call with its price, ready to be written.

    Attributes:
        call: What happened.
        pricing: What it costs.
        received_at_ns: Unix nanoseconds at which the segment was received; fixed in the segment, so that a replay
            has the same. Of rows with the same trace and span id the first received wins.
        is_retelling: Whether another telling of the same call is known to count instead. The store finds that out.
    """

    call: LLMCall
    pricing: Pricing
    received_at_ns: int
    is_retelling: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was set aside.

    Attributes:
        row: The call; keep it, the store did not.
        kind: `identity`, `clock_ahead`, `beyond_retention`, `amount`, `count` or `engine`.
        reason: What is wrong, with the values.
    """

    row: PricedCall
    kind: str
    reason: str


_RENAMED: Final = {"started_at": "started_at_ns"}
_NOT_COLUMNS: Final = frozenset({"usage", "billed", "usage_quality", "reported_cost", "attribution"})
_CALL: Final = {
    **{field.name: field.name for field in fields(LLMCall) if field.name not in _NOT_COLUMNS},
    **_RENAMED,
}
_ATTRIBUTION: Final = {"user_id" if name == "user" else name: name for name in NAMES}
_PRICING: Final = {
    "price_detail": "detail",
    **{name: name for name in ("rate_id", "rate_table_version", "overlay_version", "match_kind")},
}
for _field in _RENAMED.values():
    del _CALL[_field]

COLUMN_OF: Final = {name: column for column, name in (*_CALL.items(), *_ATTRIBUTION.items()) if column != name}
"""The columns of fields that go by another name there."""

NAMES_WRITTEN: Final = (
    *_CALL,
    *_ATTRIBUTION,
    *usage.FIELDS,
    *_PRICING,
    "tags",
    "billed_counts",
    "usage_quality",
    "reported_cost",
    "list_cost",
    "effective_cost",
    "price_status",
    "precedence",
    "is_retelling",
    "verdicts",
)
"""Every column that a write can fill."""

_NULLABLE: Final = frozenset(
    {
        "time_to_first_token_ns",
        "max_output_tokens",
        "input_bytes",
        "tool_call_count",
        "prompt_bytes",
        "reported_cost",
        "list_cost",
        "effective_cost",
    }
)
"""The columns in which nothing is NULL, and not 0 or an empty text."""

_NOTHING: Final = Usage()
_NO_TAGS: Final[dict[str, str]] = {}
_NO_COUNTS: Final[dict[str, int]] = {}
_counts_of = attrgetter(*usage.FIELDS)
_other_counts_of = attrgetter(
    *(field.name for field in fields(LLMCall) if field.type in ("int", "int | None") and field.name != "started_at_ns")
)
_INT64_MAX: Final = 2**63 - 1


def columns_of(rows: Sequence[PricedCall]) -> dict[str, list[object]]:
    """Return the rows by column. Columns in which no row says anything are left out: that halves the work."""
    columns = dict(zip(NAMES_WRITTEN, _all_columns(rows), strict=True))
    return {name: column for name, column in columns.items() if not _says_nothing(name, column)}


def _says_nothing(name: str, column: list[object]) -> bool:
    """Tell whether a column holds only what ClickHouse itself fills in where it is left out."""
    nothing = None if name in _NULLABLE else type(column[0])()
    return column.count(nothing) == len(column)


def _all_columns(rows: Sequence[PricedCall]) -> list[list[object]]:
    calls = [row.call for row in rows]
    payers = [call.attribution for call in calls]
    prices = [row.pricing for row in rows]
    counts = [_counts_of(call.usage or _NOTHING) for call in calls]
    return [
        *(list(map(attrgetter(name), calls)) for name in _CALL.values()),
        *(list(map(attrgetter(name), payers)) for name in _ATTRIBUTION.values()),
        *(list(column) for column in zip(*counts, strict=True)),
        *(list(map(attrgetter(name), prices)) for name in _PRICING.values()),
        [dict(payer.tags) if payer.tags else _NO_TAGS for payer in payers],
        [_NO_COUNTS if call.billed is None else _billed(call.billed) for call in calls],
        [(UsageQuality.MISSING if call.usage is None else call.usage_quality).value for call in calls],
        [_usd(call.reported_cost) for call in calls],
        [_usd(price.list_cost) for price in prices],
        [_usd(price.effective_cost) for price in prices],
        [price.status.value for price in prices],
        [_PRECEDENCE_OF_0 - row.received_at_ns + A_VERDICT * row.is_retelling for row in rows],
        [int(row.is_retelling) for row in rows],
        [int(row.is_retelling) for row in rows],
    ]


def _billed(billed: Usage) -> dict[str, int]:
    """Return what is billed, by meter; one count in any case, since an empty map says that what was consumed is."""
    counts = zip(usage.FIELDS, _counts_of(billed), strict=True)
    return {name: count for name, count in counts if count or name == "input_tokens"}


def refusal_of(row: PricedCall, *, now_ns: int, since_ns: Mapping[str, int]) -> Refused | None:
    """Return why a row must not be written, or None where it may.

    Args:
        row: The row.
        now_ns: The present, in Unix nanoseconds.
        since_ns: The first Unix nanosecond, where a day begins, of which calls are kept, by environment; that of ""
            holds for those that are not named. An older call would be dropped again, and its hour is derived no more.
    """
    fault = _fault_of_identity(row) or _fault_of_clock(row, now_ns, since_ns) or _fault_of_amounts(row)
    return None if fault is None else Refused(row, *fault)


def _fault_of_identity(row: PricedCall) -> tuple[str, str] | None:
    identity = f"{row.call.trace_id}/{row.call.span_id}"
    if not _IDENTITY.fullmatch(identity) or _NO_IDENTITY.fullmatch(identity):
        return "identity", f"trace and span id {identity!r} are not 32 and 16 hex digits, or are all zero"
    return None


def _fault_of_clock(row: PricedCall, now_ns: int, since_ns: Mapping[str, int]) -> tuple[str, str] | None:
    started_ns = row.call.started_at_ns
    if started_ns > now_ns + CLOCK_AHEAD_NS:
        return "clock_ahead", f"started_at_ns {started_ns} lies over a day in the future"
    environment = row.call.attribution.environment
    kept_ns = since_ns.get(environment, since_ns[""])
    if started_ns < kept_ns:
        since = _EPOCH + timedelta(days=kept_ns // DAY_NS)
        of = f" of {environment}" if environment and environment in since_ns else ""
        return (
            "beyond_retention",
            f"started_at_ns {started_ns} lies before {since}, and no older call{of} is kept",
        )
    if not 0 < row.received_at_ns <= now_ns + CLOCK_AHEAD_NS:
        return "clock_ahead", f"received_at_ns {row.received_at_ns} lies not in the past"
    return None


def _fault_of_amounts(row: PricedCall) -> tuple[str, str] | None:
    for cost in (row.pricing.list_cost, row.pricing.effective_cost, row.call.reported_cost):
        if cost is not None and abs(cost) >= money.ROW_LIMIT:
            return "amount", f"{money.to_text(cost)} USD is not below a million USD for one call"
    counts = (*_counts_of(row.call.usage or _NOTHING), *_counts_of(row.call.billed or _NOTHING))
    if max(counts) > COUNT_LIMIT or min(counts) < -COUNT_LIMIT:
        return "count", f"a count of {max(counts, key=abs)} is beyond {COUNT_LIMIT}"
    others = [count for count in _other_counts_of(row.call) if count is not None]
    if max(others) > _INT64_MAX or min(others) < ~_INT64_MAX:
        return "count", f"a number of {max(others, key=abs)} is more than 64 bits hold"
    return None


def _usd(amount: PicoUSD | None) -> str | None:
    """Return pico-USD as text that the client reads as a Decimal: exact, and ten times cheaper than to build one."""
    return None if amount is None else f"{amount}e-12"
