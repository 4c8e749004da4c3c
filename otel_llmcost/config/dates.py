"""Dates of `llmcost.yaml`: `from` and `to`, half-open, in UTC where they say no offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.pricing.compiled import unix_ns
from otel_llmcost.pricing.overlay import Period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.config.reading import Value

PERIOD: Final = ("from", "to")
_EXPECTED: Final = "a date; write it like 2026-11-01 or 2026-11-01T12:00:00+00:00"


def read_period(told: Mapping[str, Value]) -> Period | None:
    """Return the span of time of an entry; None where one of its dates is at fault."""
    bounds = {key: told[key].read(unix_ns, _EXPECTED) for key in PERIOD if key in told}
    if None in bounds.values():
        return None
    period = Period(bounds.get("from"), bounds.get("to"))
    if period.from_ns is not None and period.to_ns is not None and period.from_ns >= period.to_ns:
        told["to"].fault(f"{told['to'].text()} is not after from, {told['from'].text()}; to is the first moment behind")
        return None
    return period
