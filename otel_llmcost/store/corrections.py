"""Corrections: signed rows beside a call, which is never changed itself.

An adjust row has the key of its call and a correction_id besides, so that posting it twice is posting it once. It says
who pays like the call does, counts nothing, and holds the difference in money.
A difference is one to a certain price. So the call is frozen with its first correction: the row that was corrected is
written once more, as if two verdicts had been passed on it, and what another collector received earlier but delivers
later cannot take its place. Whether the call counts stays open: corrections go with their call (see `settle`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import usage
from otel_llmcost.store import settle
from otel_llmcost.store.rows import A_VERDICT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.money import PicoUSD
    from otel_llmcost.pricing.result import Pricing
    from otel_llmcost.store.engine import Engine

MAX_BATCH: Final = 1_000
"""Corrections posted at once: their keys have to fit into one query."""

_HOUR_NS: Final = 3_600_000_000_000
_LATEST: Final = 2**64 - 1
_CALLS: Final = """
SELECT * REPLACE (toUnixTimestamp64Nano(started_at) AS started_at, toUnixTimestamp(posted_at) AS posted_at)
FROM
(
    SELECT *
    FROM llm_calls_log
    FINAL
    WHERE toStartOfHour(started_at) IN {hours:Array(DateTime('UTC'))}
        AND (trace_id, span_id) IN {keys:Array(Tuple(String, String))}
        AND correction_id = ''
)
"""
_FROZEN: Final = 2
"""So many verdicts freeze a call: an even number, since each reverses what was said before (26 days of receipts)."""

_COUNTED_NOT: Final = (*usage.FIELDS, "duration_ns", "resend_count", "verdicts", "is_retelling")
_UNKNOWN: Final = (
    "time_to_first_token_ns",
    "max_output_tokens",
    "input_bytes",
    "tool_call_count",
    "prompt_bytes",
    "reported_cost",
)
_SETTINGS: Final = {"async_insert": 0, "insert_deduplicate": 0, "max_partitions_per_insert_block": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is to be added to one call.

    Attributes:
        trace_id: Of the call; span_id and started_at_ns likewise.
        correction_id: Names it among the corrections of its call; the same name again changes nothing.
        reason: Why, for people.
        list_cost: Pico-USD to add, negative to take away; None where it was unknown and stays so.
        effective_cost: The same at negotiated prices.
        newly_priced: 1 where the call had no price before, else 0.
        pricing: The price that the call has now, for its status, rate and versions.
    """

    trace_id: str
    span_id: str
    started_at_ns: int
    correction_id: str
    reason: str
    list_cost: PicoUSD | None
    effective_cost: PicoUSD | None
    newly_priced: int
    pricing: Pricing


def post(engine: Engine, corrections: Sequence[Correction], *, now_ns: int) -> int:
    """Write adjust rows and return how many; a call that is gone meanwhile is not corrected.

    Args:
        engine: The store.
        corrections: Of calls that are in the store.
        now_ns: The moment of posting, in Unix nanoseconds.
    """
    posted = 0
    for start in range(0, len(corrections), MAX_BATCH):
        batch = corrections[start : start + MAX_BATCH]
        keys = sorted({(each.trace_id, each.span_id) for each in batch})
        hours = {each.started_at_ns // _HOUR_NS for each in batch}
        found = engine.query(
            _CALLS, {"hours": [datetime.fromtimestamp(hour * 3600, UTC) for hour in sorted(hours)], "keys": keys}
        )
        rows = (dict(zip(found.column_names, row, strict=True)) for row in found.result_rows)
        calls = {(row["trace_id"], row["span_id"]): row for row in rows}
        there = [each for each in batch if (each.trace_id, each.span_id) in calls]
        written = [_adjust_row(calls[each.trace_id, each.span_id], each, now_ns) for each in there]
        written += [_frozen(call) for call in calls.values() if call["verdicts"] < _FROZEN]
        if written:
            engine.insert("llm_calls_log", {name: [row[name] for row in written] for name in written[0]}, _SETTINGS)
            settle.settle_corrected(engine, hours, keys)
        posted += len(there)
    return posted


def _frozen(call: dict[str, Any]) -> dict[str, Any]:
    raised = _FROZEN - call["verdicts"]
    return {**call, "verdicts": _FROZEN, "precedence": call["precedence"] + raised * A_VERDICT}


def _adjust_row(call: dict[str, Any], correction: Correction, now_ns: int) -> dict[str, Any]:
    pricing = correction.pricing
    return {
        **call,
        **dict.fromkeys(_COUNTED_NOT, 0),
        **dict.fromkeys(_UNKNOWN),
        "billed_counts": {},
        "correction_id": correction.correction_id,
        "correction_reason": correction.reason,
        "newly_priced": correction.newly_priced,
        "posted_at": 0,  # the views say when, from the precedence
        "precedence": _LATEST - now_ns,
        "list_cost": _usd(correction.list_cost),
        "effective_cost": _usd(correction.effective_cost),
        "price_status": pricing.status.value,
        "price_detail": pricing.detail,
        "rate_id": pricing.rate_id,
        "rate_table_version": pricing.rate_table_version,
        "overlay_version": pricing.overlay_version,
        "match_kind": pricing.match_kind,
    }


def _usd(amount: PicoUSD | None) -> str | None:
    return None if amount is None else f"{amount}e-12"
