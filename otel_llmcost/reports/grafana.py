"""Puts into the SQL of a dashboard or an alert what Grafana and its ClickHouse plugin would: the variables, the macros.

The same questions are so asked where there is no Grafana. The text put in is the plugin's own, letter by letter
(grafana-clickhouse-datasource 4.20.0, `pkg/macros/macros.go`), for the macros that our SQL uses; others are refused.
Variables are put in as Grafana's `singlequote` format does; all values of one at once are its `allValue`, unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ALL: Final = ("$__all",)
"""The value of a variable of which everything is chosen, in Grafana's own spelling."""

_ALL_VALUE: Final = "'__all__'"
_MACRO: Final = re.compile(r"\$__(\w+)(\()?")
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The time range that one looks at, and the step of a panel over time.

    Attributes:
        since_ms: Unix milliseconds of its start.
        until_ms: Unix milliseconds of its end.
        step_s: Seconds, at least 1.
        variables: The chosen values by the variable's name; `ALL` for all of them.
    """

    since_ms: int
    until_ms: int
    step_s: int = 3600
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)


class UnknownMacroError(ValueError):
    """The SQL holds a macro or a variable that nobody gave."""


def expand(sql: str, at: Range) -> str:
    """Return the SQL that the plugin would send to ClickHouse.

    Raises:
        UnknownMacroError: A macro is none of the plugin's that we know, or a variable has no value.
    """
    with_values = _VARIABLE.sub(lambda mark: _value(mark[1], mark[2], at), sql)
    parts, position = [], 0
    for mark in _MACRO.finditer(with_values):
        if mark.start() < position:
            continue
        parts.append(with_values[position : mark.start()])
        argument, position = _argument(with_values, mark) if mark[2] else ("", mark.end())
        parts.append(_macro(mark[1], argument, at, has_argument=bool(mark[2])))
    return "".join(parts) + with_values[position:]


def _value(name: str, form: str | None, at: Range) -> str:
    if name not in at.variables:
        msg = f"no value for the variable {name}"
        raise UnknownMacroError(msg)
    values = tuple(at.variables[name])
    if values == ALL:
        return _ALL_VALUE
    if form == "singlequote":
        return ",".join("'" + value.replace("'", "\\'") + "'" for value in values)
    if form == "raw" or form is None:
        return ",".join(values)
    msg = f"the format {form} of the variable {name} is not used here"
    raise UnknownMacroError(msg)


def _argument(sql: str, mark: re.Match[str]) -> tuple[str, int]:
    """Return what stands between the macro's parentheses, which may hold others, and the place behind them."""
    depth = 1
    for position in range(mark.end(), len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if not depth:
            return sql[mark.end() : position], position + 1
    msg = f"the parenthesis of $__{mark[1]} is not closed"
    raise UnknownMacroError(msg)


def _macro(name: str, argument: str, at: Range, *, has_argument: bool) -> str:
    known = (_WITH_ARGUMENT if has_argument else _BARE).get(name)
    if known is None:
        msg = f"unknown macro $__{name}"
        raise UnknownMacroError(msg)
    return known(at, argument.strip())


def _seconds(ms: int) -> int:
    return ms // 1000


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


_BARE: Final[dict[str, Callable[[Range, str], str]]] = {
    "fromTime": lambda at, _: f"toDateTime({_seconds(at.since_ms)})",
    "toTime": lambda at, _: f"toDateTime({_seconds(at.until_ms)})",
    "fromTime_ms": lambda at, _: f"fromUnixTimestamp64Milli({at.since_ms})",
    "toTime_ms": lambda at, _: f"fromUnixTimestamp64Milli({at.until_ms})",
    "interval_s": lambda at, _: f"{at.step_s}",
}

_WITH_ARGUMENT: Final[dict[str, Callable[[Range, str], str]]] = {
    "timeFilter": lambda at, column: (
        f"{column} >= toDateTime({_seconds(at.since_ms)}) AND {column} <= toDateTime({_seconds(at.until_ms)})"
    ),
    "timeFilter_ms": lambda at, column: (
        f"{column} >= fromUnixTimestamp64Milli({at.since_ms}) AND {column} <= fromUnixTimestamp64Milli({at.until_ms})"
    ),
    "dateFilter": lambda at, column: (
        f"{column} >= toDate('{_day(at.since_ms)}') AND {column} <= toDate('{_day(at.until_ms)}')"
    ),
    "timeInterval": lambda at, column: f"toStartOfInterval(toDateTime({column}), INTERVAL {at.step_s} second)",
    "timeInterval_ms": lambda at, column: (
        f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {at.step_s * 1000} millisecond)"
    ),
}
