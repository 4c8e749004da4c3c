"""What was measured, as tables and goals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.bench import collector, faults, pricing, store
from tests.bench.subjects import BARE, OURS, RIVALS, rivals_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Goal = tuple[str, float, float, str]
"""What is wanted, what was measured, what it may be at most, the unit."""

_TOLD_BY_THEMSELVES: Final[Mapping[str, Callable[[dict[str, Any]], Iterable[str]]]] = {
    "faults": faults.lines,
    "collector": collector.table,
    "memory": collector.held_lines,
    "store": store.lines,
    "panels": store.panel_lines,
}


_CALLS: Final = {
    "calls": "openai",
    "floor": "openai, beside OpenTelemetry alone",
    "anthropic": "anthropic",
    "bedrock": "Bedrock by boto3",
}
_CALL_GOALS: Final = {
    "calls": (("chat", "chat in a feature"), ("chunk", "chunk, usage not asked")),
    "anthropic": (("message",), ("chunk of a message",)),
    "bedrock": (("converse",), ("chunk of converse",)),
}
"""What has a goal in each part: calls as a whole, and chunks."""


def tables(found: Mapping[str, Any]) -> Iterator[str]:
    """Return the lines to print."""
    for part, name in _CALLS.items():
        if calls := found.get(part):
            yield from _call_table(name, calls)
    if startup := found.get("startup"):
        yield "\nOn top of what is loaded anyway, median of fresh processes\n"
        yield from _table([["", OURS, *rivals_of("openai")], *_startup_rows(startup)])
    if micro := found.get("micro"):
        yield "\nCPU µs for each call, the least of several runs\n"
        yield from _table([["step", "µs"], *_micro_rows(micro)])
    if priced := found.get("pricing"):
        yield f"\nPricing {priced['batch']:,} calls of {priced['keys']} kinds, CPU, median of rounds\n"
        yield from _table([["", "µs a call", "at best", "calls a second", "× by column"], *pricing.rows(priced)])
    for name, lines in _TOLD_BY_THEMSELVES.items():
        if part := found.get(name):
            yield from lines(part)
    yield "\nGoals\n"
    for name, value, limit, unit in goals(found):
        yield f"  {'met   ' if value <= limit else 'MISSED'}  {name}: {value:.1f} {unit} (at most {limit:.1f})"


def goals(found: Mapping[str, Any]) -> list[Goal]:
    """Return every goal that what was measured can answer."""
    wanted: list[Goal] = []
    for part, whats in _CALL_GOALS.items():
        if calls := found.get(part):
            wanted += _call_goals(calls, *whats)
    if startup := found.get("startup"):
        wanted.append(("import and instrument", startup["setup_ms"][OURS], 100.0, "ms"))
        wanted.append(("memory", startup["rss_mb"][OURS], 15.0, "MB"))
    if priced := found.get("pricing"):
        wanted += pricing.goals(priced)
    if stored := found.get("store"):
        wanted += store.goals(stored)
    if shown := found.get("panels"):
        wanted += store.panel_goals("panels", shown["panels"])
    return wanted


def _call_goals(calls: Mapping[str, Any], whole: Sequence[str], chunks: Sequence[str]) -> Iterator[Goal]:
    rivals = calls["added_us"][whole[0]].keys() - {*BARE, OURS}
    for what in whole:
        added = {subject: spread["median"] for subject, spread in calls["added_us"][what].items()}
        yield f"{what}, metrics on", added[OURS], 100.0, "µs"
        yield f"{what}, under half of the best rival", added[OURS], min(map(added.__getitem__, rivals)) / 2, "µs"
    yield from ((what, calls["added_us"][what][OURS]["median"], 2.0, "µs") for what in chunks)


def _call_table(name: str, calls: Mapping[str, Any]) -> Iterator[str]:
    rivals = [subject for subject in calls["subjects"] if subject not in (*BARE, OURS)]
    yield f"\n{name}: CPU µs on top of bare, median of rounds (quartiles); × ours = how many times ours\n"
    head = ["", "bare", "±", OURS, *(part for rival in rivals for part in (rival, "× ours"))]
    yield from _table([head, *(_call_row(calls, what, rivals) for what in calls["added_us"])])
    yield from _remarks(calls, rivals)


def _call_row(calls: Mapping[str, Any], what: str, rivals: Sequence[str]) -> list[str]:
    added = calls["added_us"][what]
    ours = added[OURS]["median"]
    noise = abs(added[BARE[1]]["median"])
    row = [what, f"{calls['bare_us'][what]:.1f}", f"{noise:.1f}", _spread(added[OURS])]
    for rival in rivals:
        row += [_spread(added[rival]), f"{added[rival]['median'] / ours:.1f}" if ours > noise else "-"]
    return row


def _spread(of: Mapping[str, float]) -> str:
    return f"{of['median']:.1f} ({of['low']:.1f}…{of['high']:.1f})"


def _remarks(calls: Mapping[str, Any], rivals: Sequence[str]) -> Iterator[str]:
    """Say what the comparison must not hide: other versions, and who records no metrics."""
    subjects = calls["subjects"]
    ours = subjects[OURS]
    yield f"\nPython {ours['python']}, " + ", ".join(f"{n} {v}" for n, v in sorted(ours["versions"].items()))
    for rival in filter(RIVALS.__contains__, rivals):
        _, package, version, _ = RIVALS[rival]
        said = subjects[rival]
        other = {n: v for n, v in said["versions"].items() if ours["versions"].get(n) != v}
        yield f"{rival}: {package} {version}, {len(said['metrics'])} metrics" + (f", beside {other}" if other else "")


def _startup_rows(startup: Mapping[str, Any]) -> Iterator[list[str]]:
    names = {
        "setup_ms": "import and instrument, CPU ms",
        "setup_after_openai_ms": "… where openai is imported already",
        "rss_mb": "memory after 1,000 calls, MB",
    }
    for key, name in names.items():
        yield [name, *(f"{startup[key][subject]:.1f}" for subject in (OURS, *rivals_of("openai")))]


def _micro_rows(micro: Mapping[str, Any]) -> Iterator[list[str]]:
    yield ["attributes of a record", f"{micro['attributes']:.2f}"]
    yield [f"encode, of 1,000 ({micro['bytes']:.0f} bytes each)", f"{micro['encode']:.2f}"]
    yield ["decode, of 1,000", f"{micro['decode']:.2f}"]
    yield ["price, scalar", f"{micro['price']:.2f}"]
    yield ["drain 10,000 into chDB: decode, price, write", f"{micro['drain']['cpu']:.1f}"]
    yield ["… wall time", f"{micro['drain']['wall']:.1f}"]
    lines = micro["price_lines"]
    yield ["llmcost price -, a line", "no such command yet" if lines is None else f"{lines:.1f}"]


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
