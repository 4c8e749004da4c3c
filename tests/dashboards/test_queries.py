"""Every query of every dashboard runs on the real engine, and answers in a shape that Grafana can draw."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from dashboards.panels import UNITS
from otel_llmcost.reports.alerts import RULES, sql_of
from otel_llmcost.reports.grafana import ALL, Range, expand
from tests.support.boards import Asked, Shown, shown

if TYPE_CHECKING:
    from otel_llmcost.store import Rows, Store

ASKED = [(board, asked) for board in shown() for asked in board.asked]

NUMBER = re.compile(r"(Nullable\()?(Float64|U?Int(8|16|32|64))\)?")
TEXT = re.compile(r"(Nullable\(|LowCardinality\()*(String|FixedString\(\d+\))\)*")
HAS_UNIT = re.compile(rf"(.*_)?({'|'.join(UNITS)})")
TIME = re.compile(r"Date(Time(64)?(\(.*\))?)?")

EMPTY = {
    "annotation Price changes",  # nobody told of one in this month
}


def asked_of(store: Store, board: Shown, asked: Asked, until_ns: int, **chosen: tuple[str, ...]) -> Rows:
    """Return the answer with all chosen but the environment, in the two weeks until the end of the month."""
    variables = dict.fromkeys(board.variables, ALL) | {"environment": ("production",)}
    variables |= {name: (value,) for name, value in board.texts.items()} | chosen
    until_ms = until_ns // 10**6
    at = Range(since_ms=until_ms - 14 * 86_400_000, until_ms=until_ms, step_s=86_400, variables=variables)
    return store.query(expand(asked.sql, at))


@pytest.mark.parametrize(("board", "asked"), ASKED, ids=[str(asked) for _, asked in ASKED])
def test_runs_and_can_be_drawn(seeded: Store, until_ns: int, board: Shown, asked: Asked) -> None:
    rows = asked_of(seeded, board, asked, until_ns)
    assert rows.rows or asked.title in EMPTY
    if not rows.rows:
        return
    kinds = dict(zip(rows.names, rows.types, strict=True))
    for name, kind in kinds.items():
        assert NUMBER.fullmatch(kind) or TEXT.fullmatch(kind) or TIME.fullmatch(kind), (name, kind)
    if asked.panel is None:
        return
    if asked.form == 0:
        over_time(rows, kinds)
    else:
        numbers = [name for name, kind in kinds.items() if NUMBER.fullmatch(kind)]
        assert [name for name in numbers if not HAS_UNIT.fullmatch(name)] == []
        assert "time" not in kinds


def over_time(rows: Rows, kinds: dict[str, str]) -> None:
    """A panel over time takes a time, one number, and texts that name its series, in order of time."""
    assert rows.names[0] == "time"
    assert kinds["time"].startswith("DateTime")
    numbers = [name for name, kind in kinds.items() if NUMBER.fullmatch(kind)]
    texts = [name for name, kind in kinds.items() if TEXT.fullmatch(kind)]
    assert numbers
    assert len(numbers) == 1 or not texts
    times = [row[0] for row in rows]
    assert times == sorted(times)  # type: ignore[type-var]


MOMENT = r"(?:\$__(?:from|to)Time|\bsince\b)"
ZONED = re.compile(rf"to(?!Unix)\w+\([^(),]*{MOMENT}[^(),]*\)|{MOMENT} [-+] INTERVAL \d+ (?!SECOND|MINUTE|HOUR)\w+")
"""A moment of Grafana's that is cut, or counted from by days, in the zone of the engine's machine."""


def test_hours_and_days_are_those_of_utc_wherever_the_engine_is() -> None:
    asked = {str(asked): asked.sql for _, asked in ASKED} | {rule.name: sql_of(rule) for rule in RULES}
    assert ZONED.search("h.hour >= toStartOfHour($__toTime - INTERVAL 1 HOUR)")
    assert ZONED.search("c.started_at > $__toTime - INTERVAL 1 DAY")
    assert {name: found[0] for name, sql in asked.items() if (found := ZONED.search(sql))} == {}


@pytest.mark.parametrize("is_new", [False, pytest.param(True, marks=pytest.mark.long)], ids=["nobody", "new"])
@pytest.mark.parametrize(("board", "asked"), ASKED, ids=[str(asked) for _, asked in ASKED])
def test_answers_where_there_is_nothing(
    seeded: Store, until_ns: int, board: Shown, asked: Asked, *, is_new: bool
) -> None:
    """A name with a quote in it and a new installation fail nowhere."""
    before_ns = int(datetime(2001, 1, 1, tzinfo=UTC).timestamp()) * 10**9
    chosen = dict.fromkeys(board.variables, ("o'neill's",))
    asked_of(seeded, board, asked, before_ns if is_new else until_ns, **chosen)
