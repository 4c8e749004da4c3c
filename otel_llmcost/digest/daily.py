"""The line for the standup: what yesterday cost against normal, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from otel_llmcost.digest.asked import Panels, change, plain, usd
from otel_llmcost.notify import Message
from otel_llmcost.notify.message import escaped

if TYPE_CHECKING:
    from datetime import date

_ALERTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Yesterday, as the overview tells it.

    Attributes:
        day: Yesterday (UTC).
        yesterday: The panel "Yesterday"; empty where there were no calls.
        sentence: The panel "In one sentence".
        firing: The panel "Firing now".
        month: The panel "Month to date"; empty where there were no calls.
        savings: The panel "Largest open saving".
        link: Where to look.
    """

    day: date
    yesterday: dict[str, Any]
    sentence: str
    firing: list[dict[str, Any]]
    month: dict[str, Any]
    savings: list[dict[str, Any]]
    link: str

    @property
    def subject(self) -> str:
        """Return yesterday in a few words."""
        if not self.yesterday:
            return f"LLM cost of {self.day:%A}, {self.day}: no calls"
        share = self.yesterday["change_share"]
        against = "" if share is None else f", {change(share)} against a normal {self.day:%A}"
        return f"LLM cost of {self.day:%A}, {self.day}: {usd(self.yesterday['yesterday_usd'])}{against}"

    def lines(self) -> list[tuple[str, str]]:
        """Return headings and words: why, and what to do."""
        told = [("", self.sentence), ("Firing", self._alerts()), ("Month", self._month())]
        told += [("Largest saving", self._saving()), ("Look at", self.link)]
        return [(heading, words) for heading, words in told if words]

    def message(self) -> Message:
        """Return it as something to send."""
        lines = self.lines()
        return Message(
            kind="digest",
            subject=self.subject,
            text="\n".join(f"{heading}: {words}" if heading else words for heading, words in lines),
            mrkdwn="\n".join(
                f"*{heading}* {escaped(words)}" if heading else escaped(words) for heading, words in lines
            ),
            details=self.json(),
        )

    def json(self) -> dict[str, object]:
        """Return every number of it."""
        return {
            "digest": "daily",
            "day": self.day.isoformat(),
            "sentence": self.sentence,
            "yesterday": self.yesterday,
            "firing": [{name: plain(value) for name, value in row.items()} for row in self.firing],
            "month": self.month,
            "savings": self.savings,
            "link": self.link,
        }

    def _alerts(self) -> str:
        said = [str(row["message"]) for row in self.firing[:_ALERTS]]
        more = len(self.firing) - len(said)
        return "; ".join(said) + (f"; and {more} more" if more else "")

    def _month(self) -> str:
        if not self.month:
            return ""
        plan = self.month["plan_usd"]
        of = f" of {usd(plan)}" if plan else ""
        return f"{usd(self.month['month_to_date_usd'])}{of} so far, {usd(self.month['projected_usd'])} by its end"

    def _saving(self) -> str:
        if not self.savings:
            return ""
        row = self.savings[0]
        owner = f", {row['owner']}" if row["owner"] else ""
        return f"{row['feature']}, {row['lever']}: {usd(row['a_month_usd'])} a month ({row['confidence']}{owner})"


def daily(panels: Panels, *, grafana: str = "") -> Daily:
    """Return yesterday.

    Args:
        panels: The dashboards as they are today.
        grafana: Grafana's address; empty without one.
    """
    [sentence] = panels.rows("overview", "In one sentence") or [{"sentence": "No calls yesterday."}]
    return Daily(
        day=panels.today - timedelta(days=1),
        yesterday=next(iter(panels.rows("overview", "Yesterday")), {}),
        sentence=str(sentence["sentence"]),
        firing=panels.rows("overview", "Firing now"),
        month=next(iter(panels.rows("overview", "Month to date")), {}),
        savings=panels.rows("overview", "Largest open saving"),
        link=panels.link("overview", grafana),
    )
