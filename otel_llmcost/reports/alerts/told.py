"""Who has been told of what: nobody hears of the same thing every five minutes, and everybody hears when it is over.

What was sent stands in `cost_events` as `notification`, by contact point: one that was away is told by the next look,
and the others not again. So a look that is cut short or runs twice at once repeats a message at worst, and loses none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from otel_llmcost.notify import Message
from otel_llmcost.reports.queries import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_llmcost.reports.alerts.check import Firing
    from otel_llmcost.store import Store

FIRING: Final = "firing"
OVER: Final = "over"

_HOUR_NS: Final = 3600 * 10**9
_QUIET_NS: Final = _HOUR_NS
"""What has not been seen for so long is over; less would tell of every pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The last that a contact point was told of something.

    Attributes:
        point: The contact point.
        fingerprint: What it was about.
        state: firing or over.
        told_ns: When, Unix nanoseconds UTC.
        began_ns: When it was first told of it since it was last over; `told_ns` where it is over.
        subject: The line that it was told.
        severity: Of the rule.
        last_seen_ns: When the rule last said so, to the hour; 0 for not in the last days.
    """

    point: str
    fingerprint: str
    state: str
    told_ns: int
    began_ns: int
    subject: str
    severity: str
    last_seen_ns: int


def told_before(store: Store, *, at_ns: int) -> list[Told]:
    """Return what each contact point was last told of each thing in the last 30 days."""
    return [Told(**row) for row in rows_of(store, "alerts_told", {"at_ns": at_ns})]


def to_tell(
    point: str, firings: Sequence[Firing], before: Iterable[Told], *, at_ns: int, repeat_ns: int, grafana: str = ""
) -> list[Message]:
    """Return what a contact point is to be told: what is new, what has gone on for long, and what is over.

    What goes on is told to the next one of those who answer for it every four hours (`Firing.step`).

    Args:
        point: Its name.
        firings: What is wrong now.
        before: What was told before.
        at_ns: Now, Unix nanoseconds UTC.
        repeat_ns: After how many nanoseconds the same is told again.
        grafana: Grafana's address; empty without one.
    """
    known = {told.fingerprint: told for told in before if told.point == point}
    now = {firing.fingerprint for firing in firings}
    new = []
    for firing in firings:
        told = known.get(firing.fingerprint)
        if told is None or told.state != FIRING:
            new.append(firing.message(grafana))
        elif (step := firing.step(at_ns - told.began_ns)) > firing.step(told.told_ns - told.began_ns) or (
            at_ns - told.told_ns >= repeat_ns
        ):
            new.append(firing.message(grafana, step))
    over = [
        told
        for told in known.values()
        if told.state == FIRING and told.fingerprint not in now and at_ns - told.last_seen_ns >= _QUIET_NS
    ]
    return new + [_over(told) for told in over]


def event_of(point: str, message: Message, *, at_ns: int) -> dict[str, object]:
    """Return what was told as a row of `cost_events`."""
    state = OVER if message.is_over else FIRING
    identity = f"notification|{point}|{message.key}|{state}|{at_ns}"
    return {
        "occurred_at": datetime.fromtimestamp(at_ns / 10**9, UTC),
        "kind": "notification",
        "event_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "severity": message.severity,
        "feature": str(message.details.get("feature", "")),
        "subject": point,
        "became": state,
        "actor": "llmcost check",
        "reason": message.subject,
        "details": {"fingerprint": message.key},
    }


def _over(told: Told) -> Message:
    said = "It has not been seen for an hour."
    return Message(
        kind="alert",
        subject=f"Over: {told.subject}",
        text=said,
        mrkdwn=said,
        severity=told.severity,
        key=told.fingerprint,
        is_over=True,
    )
