"""Asks single panels of the dashboards, and words what they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from otel_llmcost.pages.asking import chosen_first
from otel_llmcost.pages.boards import board_named
from otel_llmcost.reports.grafana import Range, expand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_llmcost.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """The dashboards as they are at a moment, production alone unless told otherwise.

    Attributes:
        store: The ledger.
        at_ms: The end of what is looked at, Unix milliseconds; its day (UTC) is today.
        values: Other values of the dashboards' variables.
    """

    store: Store
    at_ms: int
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """Return the day (UTC) on which it is looked at."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC).date()

    def rows(self, board: str, title: str) -> list[dict[str, Any]]:
        """Return what a panel answers, each row by its columns.

        Args:
            board: The dashboard's name, such as `weekly`.
            title: The panel's title.
        """
        shown = board_named(board)
        [panel] = [panel for panel in shown.panels if panel.title == title]
        chosen = chosen_first(shown, now_ms=self.at_ms, values=self.values)
        at = Range(since_ms=chosen.since_ms, until_ms=chosen.until_ms, step_s=86_400, variables=chosen.values)
        return self.store.query(expand(panel.sql, at)).dicts()

    def link(self, board: str, grafana: str) -> str:
        """Return where the same can be looked at: in Grafana, or by a command.

        Args:
            board: The dashboard's name.
            grafana: Grafana's address; empty without one.
        """
        shown = board_named(board)
        chosen = chosen_first(shown, now_ms=self.at_ms, values=self.values)
        until = datetime.fromtimestamp(self.at_ms // 1000, UTC)
        if not grafana:
            return f"llmcost dashboard {board} --to {until:%Y-%m-%dT%H:%M:%SZ}"
        return f"{grafana.rstrip('/')}/d/{shown.uid}?" + urlencode([("from", chosen.since_ms), ("to", chosen.until_ms)])


def usd(amount: float | None) -> str:
    """Return an amount to the cent, or to four decimals below a dollar; unknown is a dash."""
    if amount is None:
        return "-"
    places = 2 if abs(amount) >= 1 or not amount else 4
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{places}f}"


def change(share: float | None) -> str:
    """Return a change in percent with its sign; a dash where there was nothing before."""
    return "-" if share is None else f"{round(100 * share):+d} %"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of equal length in columns: the first at the left, the others at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value
