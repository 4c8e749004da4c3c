"""Looks for what is wrong without Grafana: the same rules, the same SQL, and a message that says all of it."""

from __future__ import annotations

import hashlib
import math
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from otel_llmcost.notify import Message
from otel_llmcost.notify.message import escaped
from otel_llmcost.reports.alerts import RULES, Rule, sql_of
from otel_llmcost.reports.grafana import Range, expand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_llmcost.store import Store

LADDER: Final = ("owner", "lead", "sponsor")
"""Who is told, and who next where that does not help."""

STEP_HOURS: Final = 4
"""After so many hours in which it is neither over nor silenced, the next one is told."""

_HOUR_MS: Final = 3_600_000
_STEP_NS: Final = STEP_HOURS * _HOUR_MS * 10**6
_BEFORE: Final = timedelta(hours=1)
"""How much of the calm before it a link shows."""

_DAY_OF: Final = {
    "feature": "the feature's day comes to",
    "tenant": "the customer's day comes to",
    "all": "together with today",
    "window": "the window comes to",
    "hour": "at this pace",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """Something is wrong now.

    Attributes:
        rule: Which rule says so.
        at_ns: When it was looked for, Unix nanoseconds UTC.
        row: The columns of the rule's answer, as `sql/frame.sql` names them.
    """

    rule: Rule
    at_ns: int
    row: dict[str, Any]

    @property
    def about(self) -> str:
        """Return the feature, customer or environment that it is about, or its subject."""
        row = self.row
        return str(row["feature"] or row["tenant"] or row["environment"] or row["subject"])

    @property
    def subject(self) -> str:
        """Return what is wrong in one line."""
        aspect = f" ({self.row['subject']})" if self.about != self.row["subject"] else ""
        return f"{self.rule.title}: {self.about}{aspect}"

    @property
    def fingerprint(self) -> str:
        """Return what names it for good: the same thing tomorrow is the same thing."""
        named = "|".join(str(self.row[name]) for name in ("feature", "tenant", "environment", "subject"))
        return hashlib.sha256(f"{self.rule.name}|{named}".encode()).hexdigest()[:32]

    @property
    def readers(self) -> tuple[str, ...]:
        """Return whom to tell, and whom next: roles, each with the person whom the catalogue names."""
        if self.rule.level not in LADDER:
            return (self.rule.level,)
        ladder = LADDER[LADDER.index(self.rule.level) :]
        return tuple(f"{role} {self.row[role]}".strip() for role in ladder)

    def link(self, grafana: str) -> str:
        """Return where to look: the dashboard with the window set, or a command where there is no Grafana.

        Args:
            grafana: Its address; empty without one.
        """
        since = datetime.fromtimestamp(self.row["since_s"], UTC) - _BEFORE
        until = datetime.fromtimestamp(self.at_ns // 10**9, UTC)
        named = [(name, str(self.row[name])) for name in self.rule.variables if self.row[name]]
        if not grafana:
            options = [("from", f"{since:%Y-%m-%dT%H:%M:%SZ}"), ("to", f"{until:%Y-%m-%dT%H:%M:%SZ}"), *named]
            words = (f"--{name} {shlex.quote(value)}" for name, value in options)
            return f"llmcost dashboard {self.rule.board} {' '.join(words)}"
        variables = [(f"var-{name}", value) for name, value in named]
        window = urlencode([("from", _ms(since)), ("to", _ms(until)), *variables])
        return f"{grafana.rstrip('/')}/d/llmcost-{self.rule.board}?{window}"

    def step(self, lasts_ns: int) -> int:
        """Return how far up the ladder it has to be told after so many nanoseconds: 0 for whoever is told first."""
        return min(lasts_ns // _STEP_NS, len(self.readers) - 1)

    def lines(self, grafana: str = "", step: int = 0) -> list[tuple[str, str]]:
        """Return what, since when, how much, why, whose, where to look and how to stop it: headings and words."""
        row = self.row
        told = [
            ("", f"Not over after {step * STEP_HOURS} hours: now for {self.readers[step]}" if step else ""),
            ("", str(row["what"])),
            ("Since", self._since_and_money()),
            ("Driver", str(row["driver"])),
            ("Changed", str(row["marker"])),
            ("Most of it", ", ".join(row["offenders"])),
            ("For", " then ".join(self.readers) + (f", in {row['channel']}" if row["channel"] else "")),
            ("Runbook", str(row["runbook"])),
            ("To stop it", self.rule.stop),
            ("Look at", self.link(grafana)),
        ]
        return [(heading, words) for heading, words in told if words]

    def message(self, grafana: str = "", step: int = 0) -> Message:
        """Return it as something to send.

        Args:
            grafana: Grafana's address; empty without one.
            step: How far up the ladder it is told, as `step` says.
        """
        lines = self.lines(grafana, step)
        return Message(
            kind="alert",
            subject=self.subject,
            text="\n".join(f"{heading}: {words}" if heading else words for heading, words in lines),
            mrkdwn="\n".join(
                f"*{heading}* {escaped(words)}" if heading else escaped(words) for heading, words in lines
            ),
            severity=self.rule.severity,
            key=self.fingerprint,
            details={
                "rule": self.rule.name,
                "severity": self.rule.severity,
                "escalate_to": self.readers[step].partition(" ")[0],
            }
            | {name: _told(value) for name, value in self.row.items()},
        )

    def event(self) -> dict[str, object]:
        """Return it as a row of `cost_events`; one that is told again in the same hour is the same event."""
        row = self.row
        hour = self.at_ns // (_HOUR_MS * 10**6)
        return {
            "occurred_at": datetime.fromtimestamp(self.at_ns / 10**9, UTC),
            "kind": "anomaly",
            "event_id": hashlib.sha256(f"{self.fingerprint}|{hour}".encode()).hexdigest()[:32],
            "severity": self.rule.severity,
            "feature": row["feature"],
            "environment": row["environment"],
            "tenant": row["tenant"],
            "subject": self.rule.name,
            "became": row["what"],
            "actor": "llmcost check",
            "reason": f"{self.subject}: {row['what']}",
            "details": {
                "fingerprint": self.fingerprint,
                "subject": str(row["subject"]),
                "escalate_to": self.rule.level,
                "offender": str(row["offender"]),
            },
        }

    def _since_and_money(self) -> str:
        since = datetime.fromtimestamp(self.row["since_s"], UTC).strftime("%Y-%m-%d %H:%M UTC")
        if self.rule.scope == "none":
            return since
        so_far, by_midnight = self.row["so_far_usd"], self.row["by_midnight_usd"]
        return f"{since}: ${so_far:,.2f} so far; {_DAY_OF[self.rule.scope]} ${by_midnight:,.2f} by midnight (UTC)"


def check(store: Store, *, at_ns: int, rules: Iterable[Rule] = RULES) -> list[Firing]:
    """Return what is wrong at a moment, the most severe first.

    Args:
        store: The ledger.
        at_ns: Unix nanoseconds UTC; what came later is not looked at.
        rules: Which to look for.
    """
    at_ms = at_ns // 10**6
    found = [
        Firing(rule=rule, at_ns=at_ns, row=row)
        for rule in rules
        for row in store.query(expand(sql_of(rule), Range(since_ms=at_ms - _HOUR_MS, until_ms=at_ms))).dicts()
    ]
    severities = ("critical", "warning", "info")
    return sorted(found, key=lambda firing: severities.index(firing.rule.severity))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _told(value: object) -> object:
    """Return a value as JSON can hold it: a ratio to nothing is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
