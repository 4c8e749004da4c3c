"""How long calls are kept, by environment. What was derived from them stays.

It is said in `retention`, for derivations to know which calls are all there, and then in the TTL of the table, by which
the engine removes the rest within hours. In this order no hour is ever derived from what is left of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from otel_llmcost.store import preflight
from otel_llmcost.store.rows import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.store.engine import Engine
    from otel_llmcost.store.migrate import Layout

MIN_DAYS: Final = 2
"""A day is summed up whole for as long as its first hour is kept, so yesterday has to be."""

ASKED_EVERY_S: Final = 60
"""So long a writer takes the answer for what holds; what it lets in meanwhile goes with the rest."""

_SAID: Final = "SELECT environment, days, toUnixTimestamp(complete_since) FROM retention"
_SINCE: Final = "SELECT toUnixTimestamp(since) FROM kept_since WHERE environment IN {names:Array(String)}"


class Kept:
    """Since when calls are kept, for a writer: asked of the store now and then.

    Args:
        engine: The store.
        default_days: For environments that nothing is said of.
    """

    def __init__(self, engine: Engine, default_days: int) -> None:
        self._engine, self._default_days = engine, default_days
        self._said: dict[str, tuple[int, int]] = {}
        self._asked_s = float("-inf")

    def forget(self) -> None:
        """Ask anew the next time."""
        self._asked_s = float("-inf")

    def since_ns(self, now_ns: int) -> dict[str, int]:
        """Return the first Unix nanosecond that is kept of each environment; that of "" holds for all others.

        A day of which some hours have gone is derived no more, so what comes in of the rest of it is refused as well.
        """
        if time.monotonic() - self._asked_s > ASKED_EVERY_S:
            rows = self._engine.query(_SAID).result_rows
            self._said = {str(name): (int(days), int(complete_s)) for name, days, complete_s in rows}
            self._asked_s = time.monotonic()
        said = {"": (self._default_days, 0), **self._said}
        since_ns = {name: max(now_ns - days * DAY_NS, since_s * 10**9) for name, (days, since_s) in said.items()}
        return {name: -(-since // DAY_NS) * DAY_NS for name, since in since_ns.items()}


def retain(engine: Engine, home: str, layout: Layout, days: Mapping[str, int]) -> bool:
    """Have calls kept for so many days, and return whether that is new.

    Args:
        engine: The store.
        home: The database that holds the table of calls.
        layout: How many days it is where nobody says anything.
        days: By environment; that of "" holds for all that are not named.

    Raises:
        StoreRefusedError: This user may not change the table. Nothing was changed.
    """
    preflight.require(engine, home, ("SELECT", "INSERT", "ALTER TTL", "ALTER SETTINGS"), "say how long calls are kept")
    wanted = {"": layout.retention_days, **days}
    held = {str(name): int(kept) for name, kept, _ in engine.query(_SAID).result_rows}
    # One that is no longer named is kept like all others from now on; what had gone before stays gone.
    wanted |= {name: wanted[""] for name in held if name not in wanted}
    changed = {name: kept for name, kept in wanted.items() if held.get(name) != kept}
    columns: dict[str, list[object]] = {"environment": [], "days": [], "complete_since": [], "is_set": []}
    for name, kept in changed.items():
        known = name if name in held else ""
        since = engine.query(_SINCE, {"names": [known]}).result_rows[0][0]
        for column, value in zip(columns, (name, kept, since, True), strict=True):
            columns[column].append(value)
    if changed:
        engine.insert_everywhere("retention_log", columns)
    # Said again each time: a run may have been cut short before this.
    on_cluster = f" ON CLUSTER '{layout.cluster}'" if layout.cluster else ""
    engine.change(f"ALTER TABLE {home}.llm_calls_log{on_cluster}\n    MODIFY TTL {_ttl(wanted)}", {})
    whole_parts = int(len(set(wanted.values())) == 1)
    engine.change(
        f"ALTER TABLE {home}.llm_calls_log{on_cluster}\n    MODIFY SETTING ttl_only_drop_parts = {whole_parts}", {}
    )
    return bool(changed)


def _ttl(days: Mapping[str, int]) -> str:
    """Return the TTL: one for all, or one for each environment, since a month's part holds all of them."""
    if len(set(days.values())) == 1:
        return f"toDateTime(started_at) + INTERVAL {days['']} DAY"
    named = {name: kept for name, kept in days.items() if name}
    ends = [
        f"toDateTime(started_at) + INTERVAL {kept} DAY DELETE WHERE environment = {_quoted(name)}"
        for name, kept in sorted(named.items())
    ]
    others = ", ".join(map(_quoted, sorted(named)))
    ends.append(f"toDateTime(started_at) + INTERVAL {days['']} DAY DELETE WHERE environment NOT IN ({others})")
    return ",\n        ".join(ends)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
