"""What in a window is out of the ordinary and cost money: loops, prompts that grew, dearer models, surges.

Each kind is one query, and each compares a window with itself: no history and no thresholds in dollars are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_llmcost.reports.queries import cost_of, rows_of

if TYPE_CHECKING:
    from otel_llmcost.money import PicoUSD
    from otel_llmcost.reports.window import Window
    from otel_llmcost.store import Store

KINDS: Final = ("retry_loops", "long_prompts", "dearer_models", "tenant_surges")
"""Every kind of incident, each the name of its query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something out of the ordinary.

    Attributes:
        kind: One of `KINDS`.
        feature: Whose money it is.
        tenant: For whom, where it is one tenant only.
        subject: What it is about: a user action, a model, a workload or a day, by kind.
        since_ns: Unix nanoseconds at which it began.
        calls: The calls that belong to it.
        list_cost: What they cost in pico-USD; None where that is unknown.
        was: The usual: the reason to try again, tokens, a model, actions, by kind.
        became: The unusual, likewise.
        factor: How many times as much; it orders and words, and is no money.
    """

    kind: str
    feature: str
    tenant: str
    subject: str
    since_ns: int
    calls: int
    list_cost: PicoUSD | None
    was: str
    became: str
    factor: float


def incidents(store: Store, window: Window, *, limit: int = 3) -> list[Incident]:
    """Return what is out of the ordinary in a window, at most `limit` of each kind, in the order of `KINDS`."""
    parameters = window.parameters() | {"limit": limit}
    return [
        Incident(kind=kind, **row | {"list_cost": cost_of(row["list_cost"])})
        for kind in KINDS
        for row in rows_of(store, kind, parameters)
    ]
