"""Looks for what is wrong without Grafana: the same rules, the same SQL, and a message that says all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from otel_llmcost.reports.alerts import RULES, Rule, sql_of
from otel_llmcost.reports.grafana import Range, expand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_llmcost.store import Store

_HOUR_MS = 3_600_000


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
    def message(self) -> str:
        """Return what, since when, how much, why, whose and how to stop it, in a few lines."""
        row = self.row
        since = datetime.fromtimestamp(row["since_s"], UTC).strftime("%Y-%m-%d %H:%M UTC")
        why = ", ".join(str(row[name]) for name in ("driver", "marker", "offender") if row[name])
        whose = " ".join(str(row[name]) for name in ("owner", "channel") if row[name])
        money = f"${row['so_far_usd']:.2f} so far, ${row['by_midnight_usd']:.2f} by midnight (UTC)"
        lines = [
            f"{self.rule.title}: {self.about} ({row['subject']})",
            f"{row['what']}; since {since}, {money}",
            f"Why: {why}" if why else "",
            f"Owner: {whose}" if whose else "",
            f"Runbook: {row['runbook']}" if row["runbook"] else "",
            f"To stop it: {self.rule.stop}",
        ]
        return "\n".join(line for line in lines if line)

    def event(self) -> dict[str, object]:
        """Return it as a row of `cost_events`; one that is told again in the same hour is the same event."""
        row = self.row
        identity = f"{self.rule.name}|{row['feature']}|{row['tenant']}|{row['environment']}|{row['subject']}"
        hour = self.at_ns // (_HOUR_MS * 10**6)
        return {
            "occurred_at": datetime.fromtimestamp(self.at_ns / 10**9, UTC),
            "kind": "anomaly",
            "event_id": hashlib.sha256(f"{identity}|{hour}".encode()).hexdigest()[:32],
            "severity": self.rule.severity,
            "feature": row["feature"],
            "environment": row["environment"],
            "tenant": row["tenant"],
            "subject": self.rule.name,
            "became": row["what"],
            "actor": "llmcost check",
            "reason": self.message.partition("\n")[0] + ": " + str(row["what"]),
            "details": {"subject": str(row["subject"]), "offender": str(row["offender"])},
        }


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


def payload(firings: Sequence[Firing]) -> dict[str, str]:
    """Return what a webhook is sent: the messages as text, in the form that Slack and its likes take."""
    return {"text": "\n\n".join(firing.message for firing in firings)}
