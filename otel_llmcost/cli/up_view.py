"""What `llmcost up` shows: one screen that changes in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from otel_llmcost.cli.amounts import count, money
from otel_llmcost.cli.report_view import footer, report_table
from otel_llmcost.cli.tail import line_of
from otel_llmcost.cli.when import shown, window_of
from otel_llmcost.reports import SpendReport, dimension_of, newest_calls, spend

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from otel_llmcost.store import Store

_FEATURES = 15
_CALLS = 8


class View(Protocol):
    """Whatever shows what came in."""

    def show(self, calls: int) -> None:
        """Show the present, in which so many calls have come in."""


class _Shown:
    """What both views know."""

    def __init__(self, console: Console, store: Store, spool: Path, timezone: str, pages: str) -> None:
        self._console, self._store, self._spool, self._timezone = console, store, spool, timezone
        self._pages = pages

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _now(self) -> str:
        return shown(time.time_ns(), self._timezone, "%Y-%m-%d %H:%M:%S")

    def _today(self) -> SpendReport:
        window = window_of("today", "now", timezone=self._timezone, now_ns=time.time_ns())
        return spend(self._store, [dimension_of("feature")], window, limit=_FEATURES)


class Screen(_Shown):
    """One screen that changes in place: today by feature, and the newest calls."""

    def __enter__(self) -> Self:
        """Take the screen."""
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state standing."""
        self._live.stop()

    def show(self, calls: int) -> None:
        """Show the present."""
        today = self._today()
        newest = newest_calls(self._store, since_ns=today.window.since_ns, limit=_CALLS)
        state = f"draining {self._spool}: {count(calls)} calls in so far, Ctrl-C stops"
        group = Group(
            Text(f"llmcost up · {self._now()} {self._timezone} · {self._store.location}", style="bold"),
            Text(state, style="dim"),
            Text(f"dashboards at {self._pages}", style="dim"),
            report_table(today, width=self._console.width, title="Today"),
            *(Text(line, style="dim") for line in footer(today.coverage)),
            Text("\nNewest calls", style="bold"),
            *(Text(line_of(call, self._timezone), no_wrap=True, overflow="ellipsis") for call in newest),
        )
        self._live.update(group, refresh=True)


class Lines(_Shown):
    """A plain line whenever calls came in; the first one says where the dashboards are."""

    _told = -1

    def show(self, calls: int) -> None:
        """Write a line, if there is something new."""
        if calls == self._told:
            return
        where = "" if self._told >= 0 else f"; dashboards at {self._pages}"
        self._told = calls
        total = self._today().coverage.total
        spent = f"today {money(total.list_cost)} in {count(total.calls)} calls, {count(total.unpriced_calls)} unpriced"
        sys.stdout.write(f"{self._now()} {self._spool}: {count(calls)} calls in so far; {spent}{where}\n")
        sys.stdout.flush()
