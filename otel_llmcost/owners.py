"""Which team answers for a feature on which day: the dated catalogue, as calls are taken in.

A call that names no team is paid by the one that owned its feature when the call began. So a reorganisation moves what
comes after it, and calls of last quarter stay where they were, also those that arrive late.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.call import LLMCall

IN_FORCE: Final = """
SELECT
    feature,
    team,
    effective_from,
    effective_to
FROM features
"""
"""Asks the store for what `Owners` is made of."""

EVER_SINCE: Final = date.min
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Owned:
    """That a feature belongs to a team.

    Attributes:
        feature: Its name.
        team: The team; empty where nobody says.
        since: The first day (UTC) on which this holds; `EVER_SINCE` for all time.
        until: The first day on which it no longer holds; None for until something else is said.
    """

    feature: str
    team: str
    since: date = EVER_SINCE
    until: date | None = None


class Owners:
    """Who owns each feature, day by day.

    Args:
        loaded: What is in the ledger's catalogue.
        said: What the file says besides. From its first day on it goes before what was loaded.
    """

    def __init__(self, loaded: Iterable[Owned] = (), said: Iterable[Owned] = ()) -> None:
        entries = defaultdict[str, dict[date, Owned]](dict)
        for owned in (*loaded, *said):
            entries[owned.feature][owned.since] = owned
        self._by_feature = {
            feature: ([_unix_ns(since) for since in sorted(dated)], [dated[since] for since in sorted(dated)])
            for feature, dated in entries.items()
        }

    def team_of(self, feature: str, at_ns: int) -> str:
        """Return the team that owned a feature at a moment (Unix nanoseconds); empty where nobody said."""
        starts, entries = self._by_feature.get(feature, _NOBODY)
        place = bisect_right(starts, at_ns) - 1
        if place < 0:
            return ""
        owned = entries[place]
        return owned.team if owned.until is None or at_ns < _unix_ns(owned.until) else ""

    def attribute(self, call: LLMCall, named: str) -> None:
        """Have the team that owned a call's feature pay for it, unless the call named one itself.

        Args:
            call: The caller's own, with its feature.
            named: The team that it named before any rule did; empty for none.
        """
        who = call.attribution
        if not named and who.feature and (team := self.team_of(who.feature, call.started_at_ns)) and team != who.team:
            call.attribution = replace(who, team=team)


_NOBODY: Final[tuple[list[int], list[Owned]]] = ([], [])


def _unix_ns(day: date) -> int:
    if day == EVER_SINCE:
        return -(2**63)
    return int(datetime.combine(day, time(), UTC).timestamp()) * _NS
