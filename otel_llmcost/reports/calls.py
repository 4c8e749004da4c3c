"""The calls themselves, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_llmcost.reports.queries import cost_of, rows_of

if TYPE_CHECKING:
    from otel_llmcost.money import PicoUSD
    from otel_llmcost.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """What one line tells of a call; the names are those of `llm_calls`.

    Attributes:
        started_at_ns: Unix nanoseconds at which it began; received_at_ns when it came in.
        model: The model that answered, or the one asked for where none did.
        list_cost: Pico-USD; None where it is unknown.
    """

    started_at_ns: int
    received_at_ns: int
    trace_id: str
    span_id: str
    feature: str
    tenant: str
    provider: str
    model: str
    operation: str
    input_tokens: int
    output_tokens: int
    duration_ns: int
    list_cost: PicoUSD | None
    price_status: str
    error_type: str
    attempt_kind: str
    call_site: str


def newest_calls(store: Store, *, since_ns: int, limit: int) -> list[CallLine]:
    """Return at most `limit` of the calls that started at or after `since_ns`, the oldest of them first."""
    rows = rows_of(store, "newest_calls", {"since_ns": since_ns, "limit": limit})
    return [CallLine(**row | {"list_cost": cost_of(row["list_cost"])}) for row in reversed(rows)]
