"""Puts the questions of a dashboard to the store: its panels, the values that its variables offer, its events.

Values of variables come from addresses and from the calls themselves. Grafana's way to quote them escapes the quote
alone, so backslashes are doubled here before; then no value can leave its quotes.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.pages.boards import OVER_TIME, seconds_of
from otel_llmcost.reports.grafana import ALL, Range, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from otel_llmcost.pages.boards import Board, Events, Panel
    from otel_llmcost.store import Rows, Store

POINTS_A_COLUMN: Final = 8
"""How many steps of time a panel shows at most for each of the 24 columns that it is wide."""

_STEPS_S: Final = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_AT_ONCE: Final = 2
"""Questions that are asked at a time: as many as a small machine has cores."""

_HOUR_S: Final = 3600

MAX_KEPT: Final = 256
"""How many answers are kept: those of some looks at every dashboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What somebody wants to see.

    Attributes:
        since_ms: Unix milliseconds of the start of the range.
        until_ms: Unix milliseconds of its end.
        values: The chosen values of each variable; `ALL` for all.
    """

    since_ms: int
    until_ms: int
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a question has no answer."""

    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A dashboard with what was answered.

    Attributes:
        board: The dashboard.
        chosen: What was looked at; a variable of one value that nobody chose has the first that is offered.
        panels: The answer of each panel by its id.
        offers: The values that each variable offers.
        events: The answers about what is marked over its panels of time.
    """

    board: Board
    chosen: Chosen
    panels: Mapping[int, Rows | Fault]
    offers: Mapping[str, tuple[str, ...]]
    events: tuple[tuple[Events, Rows | Fault], ...]


def chosen_first(
    board: Board,
    *,
    now_ms: int,
    since_ms: int | None = None,
    until_ms: int | None = None,
    values: Mapping[str, tuple[str, ...]] | None = None,
) -> Chosen:
    """Return what a dashboard shows at first, with what differs from it; variables that it lacks are left out.

    Args:
        board: The dashboard.
        now_ms: The present, in Unix milliseconds.
        since_ms: Another start of the range, in Unix milliseconds.
        until_ms: Another end of it.
        values: Other values of its variables.
    """
    until_ms = now_ms if until_ms is None else until_ms
    usual_ms = seconds_of(board.since.removeprefix("now-")) * 1000
    given = values or {}
    return Chosen(
        since_ms=until_ms - usual_ms if since_ms is None else since_ms,
        until_ms=until_ms,
        values={variable.name: given.get(variable.name) or variable.first for variable in board.variables},
    )


@dataclass(slots=True)
class Asker:
    """Asks a store, and the same question once only while its answer is young. Threads may share it.

    Args:
        store: Where to ask.
        keep_s: How long an answer is young, in seconds.
        clock_s: Tells seconds that only go forward.
    """

    store: Store
    keep_s: float = 60
    clock_s: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Rows | Fault]] = field(default_factory=dict)

    def ask(self, sql: str) -> Rows | Fault:
        """Return the answer, or why there is none.

        Raises:
            StoreUnreachableError: The store cannot answer now.
        """
        now_s = self.clock_s()
        found = self._kept.get(sql)
        if found is not None and now_s - found[0] < self.keep_s:
            return found[1]
        answer: Rows | Fault
        try:
            answer = self.store.query(sql)
        except StoreRefusedError as error:
            answer = Fault(str(error))
        self._kept[sql] = now_s, answer
        for old in tuple(self._kept)[:-MAX_KEPT]:
            self._kept.pop(old, None)
        return answer

    def ask_all(self, questions: Iterable[str]) -> list[Rows | Fault]:
        """Return the answers of questions, in their order, of which equal ones are asked once."""
        listed = list(questions)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = dict(zip(dict.fromkeys(listed), pool.map(self.ask, dict.fromkeys(listed)), strict=True))
        return [answers[question] for question in listed]


def answer(asker: Asker, board: Board, chosen: Chosen, *, with_offers: bool = True) -> Answered:
    """Return a dashboard with the answers to all that it asks.

    Args:
        asker: Asks the store.
        board: The dashboard.
        chosen: What to look at.
        with_offers: Whether to ask also what one could choose instead.

    Raises:
        StoreUnreachableError: The store cannot answer now.
    """
    offering = [each for each in board.variables if each.sql and (with_offers or not chosen.values[each.name])]
    offered = asker.ask_all(expand(variable.sql, _range(chosen)) for variable in offering)
    offers = {variable.name: _texts(rows) for variable, rows in zip(offering, offered, strict=True)}
    values = {name: found or offers.get(name, ())[:1] or ("",) for name, found in chosen.values.items()}
    chosen = Chosen(since_ms=chosen.since_ms, until_ms=chosen.until_ms, values=values)
    panels = [panel for panel in board.panels if panel.sql]
    questions = [expand(panel.sql, _range(chosen, step_of(panel, chosen))) for panel in panels]
    marked = board.events if any(panel.kind in OVER_TIME for panel in panels) else ()
    questions += [expand(events.sql, _range(chosen)) for events in marked]
    answers = asker.ask_all(questions)
    return Answered(
        board=board,
        chosen=chosen,
        panels={panel.id: rows for panel, rows in zip(panels, answers, strict=False)},
        offers=offers,
        events=tuple(zip(marked, answers[len(panels) :], strict=True)),
    )


def step_of(panel: Panel, chosen: Chosen) -> int:
    """Return the step of a panel over time in seconds: as fine as its width can show, and never below its least."""
    finest = (chosen.until_ms - chosen.since_ms) / 1000 / (panel.width * POINTS_A_COLUMN)
    return max(panel.interval_s, next((step for step in _STEPS_S if step >= finest), _STEPS_S[-1]))


def _range(chosen: Chosen, step_s: int = _HOUR_S) -> Range:
    quoted = {name: _safe(values) for name, values in chosen.values.items()}
    return Range(since_ms=chosen.since_ms, until_ms=chosen.until_ms, step_s=step_s, variables=quoted)


def _safe(values: Sequence[str]) -> Sequence[str]:
    """Return values that cannot leave the quotes that Grafana's format puts around them."""
    return values if tuple(values) == ALL else [value.replace("\\", "\\\\") for value in values]


def _texts(rows: Rows | Fault) -> tuple[str, ...]:
    return () if isinstance(rows, Fault) else tuple(str(row[0]) for row in rows)
