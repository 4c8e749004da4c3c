"""The ledger at size: bytes a row, insert rate, time to the rollups, and what each question and panel takes.

Calls are made inside the engine (`store_calls`), with all derivations running. The same calls go into an `otel_traces`
table with the stock schema of the Collector's exporter, and the same questions are asked of both: the answers must be
equal to the last digit. Caches are warm: of the runs of each question the first is left out.

Twice fifty million calls take two hours to make. A directory that is named keeps them, and the next run only asks.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.reports.grafana import ALL, Range, expand
from otel_llmcost.store import connect, derive
from tests.bench import store_calls
from tests.bench.store_questions import QUESTIONS
from tests.support import clickhouse
from tests.support.boards import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_llmcost.store import Store

DAYS: Final = 30
BATCH: Final = 500_000
LAST_MINUTES: Final = 8
"""So long a session lasts; calls of one session are that far apart at most."""

RUNS: Final = 11
STOCK_RUNS: Final = 3
"""The stock table is asked less often: it takes minutes at ten million calls."""

PANEL_RUNS: Final = 4
PROVEN: Final = 100_000
"""So many of the calls are written by the writer, too."""

FRESH: Final = 10_000
PATIENCE_S: Final = 600
"""Within this an insert has to be in the rollups."""

_TOOK: Final = """
    SELECT dateDiff('millisecond', derived_at, derived_until) FROM derivations FINAL WHERE name = 'spend_hourly'
"""

_RANGES: Final = {"now-24h": 1, "now-2d": 2, "now-7d": 7, "now-14d": 14, "now-30d": 30}
_CHOSEN: Final = {"feature": {"feature": ("feature_3",)}}
"""What one has chosen on a dashboard; the feature's shows one feature."""


def measure(size: int, kept: Path | None) -> dict[str, Any]:
    """Return what the ledger takes at `size` calls, with 2,000 tenants, and as many without any."""
    with _place(kept) as place, clickhouse.running(place) as server:
        return {
            "differing": _once(place / "differing.json", lambda: _proven(server)),
            "with tenants": _measured(server, place, "with_tenants", size),
            "without tenants": _measured(server, place, "without_tenants", size),
        }


def panels(size: int, kept: Path | None) -> dict[str, Any]:
    """Return what each panel takes at `size` calls, without the rest of `measure`, or on what a kept store holds."""
    with _place(kept) as place, clickhouse.running(place) as server:
        name = "with_tenants" if (place / "with_tenants.json").exists() else "panels"
        with connect(_dsn(server, name)) as store:
            store.migrate()
            _stop_deriving(store)
            made = _once(place / f"{name}.json", lambda: _calls_alone(store, size))
            return {"calls": made["calls"], "panels": _shown(store), "load": round(os.getloadavg()[1], 1)}


def _calls_alone(store: Store, size: int) -> dict[str, Any]:
    """Make the calls and their rollups."""
    _fill(store, store_calls.calls(has_tenants=True), size, _times(size))
    store.derive()
    _merge(store)
    return {"calls": size}


def _dsn(server: clickhouse.Server, name: str) -> str:
    return f"{server.dsn(name)}?send_receive_timeout=3600"  # to merge fifty million rows takes minutes


@contextmanager
def _place(kept: Path | None) -> Iterator[Path]:
    """Give the directory of the server: the one that is to be kept, or one for this run."""
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


def _once(file: Path, make: Callable[[], Any]) -> Any:
    """Return what `make` found, in this run or in the one that filled the directory."""
    if not file.exists():
        file.write_text(json.dumps(make()))
    return json.loads(file.read_text())


def _proven(server: clickhouse.Server) -> int:
    """Return how many of a part of the calls the writer makes any different."""
    with connect(server.dsn("made")) as made, connect(server.dsn("written")) as written:
        made.migrate()
        written.migrate()
        _fill(made, store_calls.calls(has_tenants=True), PROVEN, _times(PROVEN))
        found = store_calls.differing(made, written)
        for each in (made, written):
            each._engine.command(f"DROP DATABASE {each._engine.database} SYNC")
    return found


def _measured(server: clickhouse.Server, place: Path, name: str, size: int) -> dict[str, Any]:
    has_tenants = name == "with_tenants"
    with connect(_dsn(server, name)) as store:
        store.migrate()
        made = _once(place / f"{name}.json", lambda: _made(store, size, has_tenants=has_tenants))
        _stop_deriving(store)
        return made | {
            "bytes_a_row": _bytes(store, size),
            "table_bytes_a_call": _table_bytes(store, size),
            "questions": _asked(store, made["times"], tenant="tenant_7" if has_tenants else ""),
            "panels": _shown(store),
            "load": round(os.getloadavg()[1], 1),
        }


def _made(store: Store, size: int, *, has_tenants: bool) -> dict[str, Any]:
    """Make the calls, their rollups and the stock table, and return how fast that was."""
    times = _times(size)
    took_s = _fill(store, store_calls.calls(has_tenants=has_tenants), size, times)
    began = time.perf_counter()
    store.derive()
    found: dict[str, Any] = {
        "calls": size,
        "times": times,
        "rows_a_second": round(size / took_s),
        "derived_s": round(time.perf_counter() - began, 1),
        **_seen(store, has_tenants=has_tenants, times=times),
    }
    _stop_deriving(store)
    store.derive()
    store._engine.command(store_calls.STOCK)
    _fill(store, store_calls.spans(has_tenants=has_tenants), size + FRESH, times)
    _merge(store)
    return found


def _stop_deriving(store: Store) -> None:
    for rollup in derive.ROLLUPS:
        store._engine.command(f"SYSTEM STOP VIEW {rollup}_log_mv")


def _times(size: int) -> dict[str, int]:
    """Return the parameters of calls that reach from midnight 29 days ago until now, evenly."""
    now_s = int(time.time())
    base_s = now_s // 86_400 * 86_400 - (DAYS - 1) * 86_400
    at_once = size * LAST_MINUTES * 60 // (now_s - base_s) // store_calls.CALLS_A_SESSION
    step_ns = (now_s - base_s) * 10**9 // size
    return {"base": base_s * 10**9, "step": step_ns, "size": size, "wave": max(at_once, 1)}


def _fill(store: Store, sql: str, size: int, times: dict[str, int], *, first: int = 0) -> float:
    """Insert in batches and return the seconds that it took."""
    began = time.perf_counter()
    for start in range(first, first + size, BATCH):
        store._engine.change(sql, {**times, "first": start, "rows": min(BATCH, first + size - start)})
    return time.perf_counter() - began


def _merge(store: Store) -> None:
    for table in ("llm_calls_log", *(f"{rollup}_log" for rollup in derive.ROLLUPS)):
        store._engine.command(f"OPTIMIZE TABLE {table} FINAL")


def _seen(store: Store, *, has_tenants: bool, times: dict[str, int]) -> dict[str, float]:
    """Return how long after their insert calls are in `spend_hourly` of a server that derives by itself.

    It rests 160 times as long as its newest derivation took, so that is told as well, and how many calls it read.
    """
    hour_ns = (times["base"] + times["size"] * times["step"]) // store_calls.HOUR_NS * store_calls.HOUR_NS
    sql, newest = "SELECT sum(calls) FROM spend_hourly WHERE hour >= {hour:DateTime('UTC')}", {"hour": hour_ns // 10**9}
    store.touch([hour_ns])
    store.derive()  # after the last one of a whole month it would rest as becomes that
    before = int(str(store.query(sql, newest).rows[0][0]))
    took_ms = store.query(_TOOK).rows[0][0]
    _fill(store, store_calls.calls(has_tenants=has_tenants), FRESH, times, first=times["size"])
    began = time.perf_counter()
    while (seen := int(str(store.query(sql, newest).rows[0][0]))) == before:
        if time.perf_counter() - began > PATIENCE_S:
            return {"seen_after_s": float("inf"), "derivation_ms": float(str(took_ms)), "calls_of_the_hour": before}
        time.sleep(0.2)
    seen_after_s = round(time.perf_counter() - began, 1)
    return {"seen_after_s": seen_after_s, "derivation_ms": float(str(took_ms)), "calls_of_the_hour": seen}


def _bytes(store: Store, size: int) -> dict[str, float]:
    """Return the compressed bytes a row of each column of the calls, the largest first, and of the indexes."""
    sql = """
        SELECT column, sum(column_data_compressed_bytes) FROM system.parts_columns
        WHERE active AND database = currentDatabase() AND table = 'llm_calls_log' GROUP BY column
        UNION ALL
        SELECT 'indexes', sum(secondary_indices_compressed_bytes + primary_key_size) FROM system.parts
        WHERE active AND database = currentDatabase() AND table = 'llm_calls_log'
    """
    found = {str(name): round(int(str(held)) / (size + FRESH), 2) for name, held in store.query(sql)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _table_bytes(store: Store, size: int) -> dict[str, float]:
    sql = """
        SELECT table, sum(bytes_on_disk) AS held FROM system.parts
        WHERE active AND database = currentDatabase() GROUP BY table HAVING held > 1000000 ORDER BY held DESC
    """
    return {str(table): round(int(str(held)) / (size + FRESH), 1) for table, held in store.query(sql)}


def _asked(store: Store, times: dict[str, int], *, tenant: str) -> dict[str, Any]:
    found = {}
    today = (times["base"] + times["size"] * times["step"]) // 10**9 // 86_400 * 86_400
    parameters = {"today": today, "tenant": tenant}
    for question, (ours, stock) in QUESTIONS.items():
        (answer, times_ms, cpu_ms), (stock_answer, stock_ms, _) = (
            _timed(store, lambda sql=sql: store.query(sql, parameters).rows, runs)  # type: ignore[misc]
            for sql, runs in ((ours, RUNS), (stock, STOCK_RUNS))
        )
        assert answer == stock_answer, question
        p50, stock_p50 = statistics.median(times_ms), statistics.median(stock_ms)
        found[question] = {
            "p50_ms": round(p50, 1),
            "p95_ms": round(times_ms[-1], 1),
            "cpu_ms": round(cpu_ms, 1),
            "stock_p50_ms": round(stock_p50, 1),
            "times": round(stock_p50 / p50, 1),
        }
    return found


def _shown(store: Store) -> dict[str, dict[str, Any]]:
    """Return what each panel takes, by its dashboard, in the range that the dashboard opens with."""
    (newest,) = store.query("SELECT toUnixTimestamp(max(hour)) + 3600 FROM touched_hours").rows
    until_ms = int(str(newest[0])) * 1000
    found: dict[str, dict[str, Any]] = {}
    for board in shown():
        days = _RANGES[board.json["time"]["from"]]
        chosen = dict.fromkeys(board.variables, ALL) | {"environment": ("production",)}
        chosen |= {name: (value,) for name, value in board.texts.items()} | _CHOSEN.get(board.name, {})
        at = Range(since_ms=until_ms - days * 86_400_000, until_ms=until_ms, step_s=3600, variables=chosen)
        for asked in board.asked:
            sql = expand(asked.sql, at)
            _, took_ms, cpu_ms = _timed(store, lambda sql=sql: store.query(sql).rows, PANEL_RUNS)  # type: ignore[misc]
            told = {"ms": round(statistics.median(took_ms), 1), "cpu_ms": round(cpu_ms, 1)}
            found.setdefault(board.name, {})[asked.title] = told
    return found


def _timed(store: Store, ask: Callable[[], object], runs: int) -> tuple[object, list[float], float]:
    """Return the answer, the milliseconds of all runs but the first in order, and the server's CPU of one."""
    answer = ask()
    took, before_ms = [], _cpu_ms(store)
    for _ in range(runs - 1):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
    return answer, sorted(took), (_cpu_ms(store) - before_ms) / (runs - 1)


def _cpu_ms(store: Store) -> float:
    sql = "SELECT sum(value) FROM system.events WHERE event = 'OSCPUVirtualTimeMicroseconds'"
    return int(str(store.query(sql).rows[0][0])) / 1000


def goals(found: dict[str, Any]) -> Iterator[tuple[str, float, float, str]]:
    """Give each goal of the ledger at size: what is wanted, what was measured, what it may be at most, the unit."""
    for name in ("with tenants", "without tenants"):
        told = found[name]
        yield f"{name}, a call", sum(told["bytes_a_row"].values()), 75.0, "bytes"
        for question, each in told["questions"].items():
            yield f"{name}, {question}, p95", each["p95_ms"], 100.0, "ms"
            yield f"{name}, {question}, of what otel_traces takes", 100 / each["times"], 5.0, "%"
        yield from panel_goals(name, told["panels"])


def panel_goals(name: str, boards: dict[str, dict[str, Any]]) -> Iterator[tuple[str, float, float, str]]:
    """Give the goals of the panels."""
    slowest = max(each["ms"] for asked in boards.values() for each in asked.values())
    yield f"{name}, slowest panel", slowest, 300.0, "ms"
    yield f"{name}, overview", sum(each["ms"] for each in boards["overview"].values()), 1500.0, "ms"


def lines(found: dict[str, Any]) -> list[str]:
    """Return what was found as tables."""
    out = [
        "",
        f"Of {PROVEN:,} calls that the writer wrote as well, {found['differing']} differ from those made by SQL.",
    ]
    for name in ("with tenants", "without tenants"):
        told = found[name]
        total = sum(told["bytes_a_row"].values())
        out += [
            "",
            f"Store: {told['calls']:,} calls over {DAYS} days, {name}; load {told['load']}",
            f"{told['rows_a_second']:,} calls/s inserted, all derivations on",
            f"all rollups of {DAYS} days derived in {told['derived_s']} s",
            f"{FRESH:,} calls seen in spend_hourly {told['seen_after_s']} s after their insert",
            f"the derivation before that took {told['derivation_ms']:.0f} ms, of {told['calls_of_the_hour']:,} calls",
            f"{total:.1f} bytes a call: {_listed(told['bytes_a_row'])}",
            f"bytes a call of each table, indexes and marks included: {_listed(told['table_bytes_a_call'])}",
            "",
            "| question | p50 | p95 | CPU | otel_traces | times |",
            "|---|---|---|---|---|---|",
        ]
        out += [
            f"| {question} | {each['p50_ms']} ms | {each['p95_ms']} ms | {each['cpu_ms']} ms "
            f"| {each['stock_p50_ms']} ms | {each['times']} |"
            for question, each in told["questions"].items()
        ]
        out += _board_lines(told["panels"])
    return out


def panel_lines(found: dict[str, Any]) -> list[str]:
    """Return what `panels` found as a table."""
    return [
        "",
        f"Panels: {found['calls']:,} calls over {DAYS} days; load {found['load']}",
        *_board_lines(found["panels"]),
    ]


def _board_lines(boards: dict[str, dict[str, Any]]) -> list[str]:
    out = ["", "| dashboard | queries | altogether | CPU | slowest |", "|---|---|---|---|---|"]
    for board, asked in boards.items():
        slowest_ms, slowest = max((each["ms"], title) for title, each in asked.items())
        all_ms, all_cpu_ms = (sum(each[kind] for each in asked.values()) for kind in ("ms", "cpu_ms"))
        out.append(
            f"| {board} | {len(asked)} | {all_ms:.0f} ms | {all_cpu_ms:.0f} ms | {slowest}, {slowest_ms:.0f} ms |"
        )
    return out


def _listed(held: dict[str, float]) -> str:
    return ", ".join(f"{name} {each}" for name, each in held.items() if each >= 0.05)
