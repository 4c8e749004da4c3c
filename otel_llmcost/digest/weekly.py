"""The week to each owner: five numbers a feature, what rises, what fired, what to save, what was saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.digest.asked import Panels, change, plain, table, usd
from otel_llmcost.notify import Message
from otel_llmcost.notify.message import escaped
from otel_llmcost.reports.queries import rows_of

if TYPE_CHECKING:
    from datetime import date

NOBODY: Final = "nobody"
"""Who owns what the catalogue gives to no one."""

_OPEN: Final = "open"
_HEADINGS: Final = ("feature", "spend", "change", "a session", "P95", "change", "alerts", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """The last whole week of one owner's features, as the weekly review tells it.

    Attributes:
        owner: The person of the catalogue, or `nobody`.
        first_day: Its Monday (UTC).
        features: Their rows of "Five numbers a feature".
        rising: Their rows of "Rising three weeks".
        fired: Their rows of "What fired" in that week or since.
        savings: Their rows of "What could be saved", the largest first.
        wins: Their rows of "Last week's wins".
        link: Where to look.
    """

    owner: str
    first_day: date
    features: list[dict[str, Any]]
    rising: list[dict[str, Any]]
    fired: list[dict[str, Any]]
    savings: list[dict[str, Any]]
    wins: list[dict[str, Any]]
    link: str

    @property
    def spend_usd(self) -> float:
        """Return what all of their features cost."""
        return float(sum(row["spend_usd"] for row in self.features))

    @property
    def subject(self) -> str:
        """Return whose week it is and what it came to."""
        last_day = self.first_day + timedelta(days=6)
        return f"LLM cost of the week {self.first_day} to {last_day}, {self.owner}: {usd(self.spend_usd)}"

    def message(self, to: tuple[str, ...] = ()) -> Message:
        """Return it as something to send.

        Args:
            to: E-mail addresses instead of the usual ones.
        """
        rows = [_HEADINGS, *(_row(row) for row in self.features)]
        items = [f"• *{escaped(row['feature'])}* {escaped(_numbers(row))}" for row in self.features]
        told = self._told()
        return Message(
            kind="digest",
            subject=self.subject,
            text="\n".join([table(rows), "", *(f"{heading}: {words}" for heading, words in told)]),
            mrkdwn="\n".join([*items, *(f"*{heading}* {escaped(words)}" for heading, words in told)]),
            details=self.json(),
            to=to,
        )

    def json(self) -> dict[str, object]:
        """Return every number of it."""
        parts = {"features": self.features, "rising": self.rising, "fired": self.fired}
        parts |= {"savings": self.savings, "wins": self.wins}
        told = {
            name: [{key: plain(value) for key, value in row.items()} for row in part] for name, part in parts.items()
        }
        first: dict[str, object] = {"digest": "weekly", "owner": self.owner, "first_day": self.first_day.isoformat()}
        return first | {"spend_usd": self.spend_usd} | told | {"link": self.link}

    def _told(self) -> list[tuple[str, str]]:
        still_open = [row for row in self.fired if row["root_cause"] == _OPEN]
        told = [
            ("Rising three weeks", "; ".join(map(_rise, self.rising))),
            ("Open alerts", "; ".join(f"{row['message']} ({row['times_count']} h)" for row in still_open)),
            ("Largest unclaimed saving", "; ".join(map(_saving, self.savings[:1]))),
            ("Wins", "; ".join(f"{row['feature']} saved {usd(row['saved_usd'])}" for row in self.wins)),
            ("Look at", self.link),
        ]
        return [(heading, words or "none") for heading, words in told]


def weekly(panels: Panels, *, grafana: str = "") -> list[Weekly]:
    """Return the last whole week, an owner each, the dearest first.

    Args:
        panels: The dashboards as they are today.
        grafana: Grafana's address; empty without one.
    """
    listed = rows_of(panels.store, "feature_owners", {"day": panels.today})
    owner_of = {row["feature"]: row["owner"] or NOBODY for row in listed}
    asked = {
        "features": panels.rows("weekly", "Five numbers a feature"),
        "rising": panels.rows("weekly", "Rising three weeks"),
        "fired": panels.rows("weekly", "What fired"),
        "savings": panels.rows("savings", "What could be saved"),
        "wins": panels.rows("weekly", "Last week's wins"),
    }
    by_owner: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name, rows in asked.items():
        for row in rows:
            owner = owner_of.get(row["feature"], NOBODY)
            by_owner.setdefault(owner, {part: [] for part in asked})[name].append(row)
    monday = panels.today - timedelta(days=panels.today.weekday() + 7)
    link = panels.link("weekly", grafana)
    weeks = [Weekly(owner=owner, first_day=monday, link=link, **parts) for owner, parts in by_owner.items()]
    return sorted(weeks, key=lambda week: (-week.spend_usd, week.owner))


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["feature"]),
        usd(row["spend_usd"]),
        change(row["spend_change_share"]),
        usd(row["median_a_session_usd"]),
        usd(row["p95_a_session_usd"]),
        change(row["p95_change_share"]),
        str(row["anomalies_count"]),
        str(row["stopped_count"]),
    )


def _numbers(row: dict[str, Any]) -> str:
    """Return the five numbers in words, where there are no columns."""
    _, spend, more, median, p95, p95_more, alerts, stopped = _row(row)
    session = f"a session {median}, P95 {p95} ({p95_more})" if row["p95_a_session_usd"] is not None else "no sessions"
    return f"{spend} ({more}); {session}; {alerts} alerts; {stopped} stopped"


def _rise(row: dict[str, Any]) -> str:
    weeks = ("four_weeks_ago_usd", "three_weeks_ago_usd", "two_weeks_ago_usd", "last_week_usd")
    return f"{row['feature']} {' → '.join(usd(row[week]) for week in weeks)} ({change(row['rise_share'])})"


def _saving(row: dict[str, Any]) -> str:
    what = f"{row['feature']}, {row['lever']}: {usd(row['a_month_usd'])} a month ({row['confidence']})"
    return f"{what}; {row['arithmetic']}"
