"""Every command over one spool, on the real engine, in processes of their own."""

from __future__ import annotations

import csv
import os
import pty
import signal
import subprocess
import time
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.spool import Spool
from tests.e2e.command import LLMCOST, environment, line_of, llmcost, rows, running, spool, zone_at_noon
from tests.store.ledger import NOW_NS, a_call

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.store import PricedCall

MINUTE_NS = 60 * 10**9


def calls(count: int, *, first: int = 1) -> list[PricedCall]:
    """Return calls of the last hour, a second apart: every fourth unnamed, every tenth of a model nobody knows."""
    return [
        a_call(
            number,
            started_at_ns=NOW_NS - 30 * MINUTE_NS + number * 10**9,
            received_at_ns=NOW_NS,
            scope_name="otel_llmcost.openai",
            call_site=f"shop.app:main:{number % 3}",
            feature="" if number % 4 == 0 else ("search", "summary")[number % 2],
            tenant=("acme", "globex")[number % 2],
            request_model="gpt-99" if number % 10 == 0 else "gpt-4o-mini",
            response_model="gpt-99" if number % 10 == 0 else "gpt-4o-mini-2024-07-18",
            input_tokens=1_000 + number,
            output_tokens=100,
        )
        for number in range(first, first + count)
    ]


def price_of(row: PricedCall) -> Decimal | None:
    """Return the price by hand: 0.15 and 0.60 USD a million tokens; nobody sells gpt-99."""
    if row.call.response_model == "gpt-99":
        return None
    assert row.call.usage is not None
    return (Decimal("0.15") * row.call.usage.input_tokens + Decimal("0.60") * row.call.usage.output_tokens) / 10**6


CALLS = calls(40)
COST = {
    feature: sum((price_of(row) or Decimal(0) for row in CALLS if row.call.attribution.feature == feature), Decimal(0))
    for feature in ("search", "summary", "")
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with calls in its spool, of which the first command finds all."""
    place = tmp_path_factory.mktemp("data")
    spool(place, CALLS)
    return place


def test_a_report_is_the_sum_of_the_calls_to_the_last_digit(place: Path) -> None:
    report = llmcost("report", "--by", "feature", "--format", "json", data_dir=place)
    assert (report.code, report.err) == (0, "")
    assert {row["feature"]: Decimal(row["list_cost"]) for row in report.json["rows"]} == {
        feature: cost for feature, cost in COST.items() if cost
    }
    stored = rows(place, "SELECT feature, count() AS calls, sum(list_cost) AS cost FROM llm_calls GROUP BY feature")
    assert {(row["feature"], row["calls"], row["cost"]) for row in stored} == {
        (row["feature"], row["calls"], row["list_cost"]) for row in report.json["rows"]
    }
    total = report.json["total"]
    assert (total["calls"], total["unpriced_calls"], report.json["priced_calls"]) == (40, 4, 36)
    assert Decimal(total["list_cost"]) == sum(COST.values())
    assert {site["call_site"] for site in report.json["name_next"]} == {f"shop.app:main:{line}" for line in range(3)}
    assert report.json["unpriced"][0]["model"] == "gpt-99"


def test_csv_and_table_say_the_same(place: Path) -> None:
    table = llmcost("report", data_dir=place).out
    for row in csv.DictReader(llmcost("report", "--format", "csv", data_dir=place).out.splitlines()):
        assert Decimal(row["list_cost"]) == COST[row["feature"]]
        assert f"${row['list_cost']}" in table
        assert (row["feature"] or "(unattributed)") in table
    assert "priced 36/40 · rate table " in table
    assert "name next: shop.app:main:" in table


def test_a_window_holds_the_calls_that_began_in_it(place: Path) -> None:
    answer = llmcost("report", "--since", "2000-01-01", "--until", "2000-01-02", data_dir=place)
    assert (answer.code, answer.out) == (0, "No calls from 2000-01-01 00:00 to 2000-01-02 00:00 UTC.\n")


def test_tail_shows_the_newest_calls_last(place: Path) -> None:
    lines = llmcost("tail", "-n", "3", data_dir=place).out.splitlines()
    assert len(lines) == 3
    assert "(unattributed) [acme]" in lines[-1]
    assert lines[-1].endswith("unpriced unpriced_model")
    assert lines == sorted(lines)


def test_sql_answers_in_formats_of_clickhouse_and_writes_nothing(place: Path) -> None:
    assert llmcost("sql", "SELECT 1 AS x", "--format", "JSONEachRow", data_dir=place).out == '{"x":1}\n'
    assert llmcost("sql", "-", data_dir=place, stdin="SELECT 1 FORMAT TSV").out == "1\n"
    refused = llmcost("sql", "DROP TABLE llm_calls_log", data_dir=place)
    assert (refused.code, "DROP is not allowed" in refused.error) == (2, True)
    hidden = llmcost("sql", "WITH 1 AS a INSERT INTO schema_migrations SELECT 1, 'a', 'b', now()", data_dir=place)
    assert (hidden.code, "readonly" in hidden.error) == (2, True)
    unknown = llmcost("sql", "SELECT cost FROM llm_calls", data_dir=place)
    assert (unknown.code, "the query cannot be answered" in unknown.error) == (2, True)


def test_doctor_finds_what_is_to_be_fixed(place: Path) -> None:
    answer = llmcost("doctor", "--format", "json", data_dir=place)
    faults = [finding for finding in answer.json["findings"] if finding["state"] == "fix"]
    assert (answer.code, answer.json["to_fix"]) == (1, len(faults))
    [fault] = [finding for finding in faults if finding["topic"] != "rates"]  # whose table grows old
    assert fault["fact"].startswith("4 calls of openai/gpt-99 without a price")
    assert fault["fix"]
    text = llmcost("doctor", data_dir=place).out
    assert "priced 36/40 calls of the last 7d" in text
    assert f"{len(faults)} thing" in text


def test_migrate_shows_its_plan_and_is_done_once(tmp_path: Path) -> None:
    plan = llmcost("migrate", "--plan", data_dir=tmp_path)
    assert plan.code == 0
    assert "CREATE TABLE IF NOT EXISTS llm_calls_log" in plan.out
    assert ";;" not in plan.out
    assert "applied 0001_create_schema_migrations.sql" in llmcost("migrate", data_dir=tmp_path).out
    assert llmcost("migrate", data_dir=tmp_path).out == f"chdb://{tmp_path}/store is up to date\n"


def test_up_takes_calls_in_owns_the_store_and_ends_well(tmp_path: Path) -> None:
    spool(tmp_path, CALLS[:10])
    with running("up", "--interval", "0.1", "--timezone", zone_at_noon(), data_dir=tmp_path) as up:
        assert " in 10 calls, 1 unpriced" in line_of(up)
        assert llmcost("report", "--format", "json", data_dir=tmp_path).json["total"]["calls"] == 10
        refused = llmcost("up", data_dir=tmp_path)
        assert (refused.code, f"is in use by process {up.pid}" in refused.error) == (3, True)
        spool(tmp_path, CALLS[10:])
        assert "30 calls in so far" in line_of(up)
        up.send_signal(signal.SIGTERM)
        assert line_of(up).startswith("stopped")
        assert up.wait(120) == 0
    assert rows(tmp_path, "SELECT sum(calls) AS calls FROM spend_hourly") == [{"calls": 40}]


@pytest.mark.long
def test_tail_follows_until_it_is_interrupted(tmp_path: Path) -> None:
    spool(tmp_path, CALLS[:1])
    with running("tail", "--follow", "--interval", "0.1", "--format", "json", data_dir=tmp_path) as tail:
        assert '"tenant": "globex"' in line_of(tail)
        spool(tmp_path, [a_call(77, scope_name="otel_llmcost.openai", started_at_ns=time.time_ns(), tenant="late")])
        assert '"tenant": "late"' in line_of(tail)
        tail.send_signal(signal.SIGINT)
        assert tail.wait(120) == 0


def _read_to_the_end(terminal: int) -> str:
    """Return all that is written to a terminal until nobody is left who could."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as file, suppress(OSError):  # so Linux ends it
        while piece := file.read(1 << 16):
            shown += piece
    return shown.decode()


@pytest.mark.long
def test_a_terminal_gets_colours_unless_it_says_no(place: Path) -> None:
    def on_a_terminal(**said: str) -> str:
        ours, theirs = pty.openpty()
        env = environment(place, TERM="xterm-256color", COLUMNS="70", **said)
        with subprocess.Popen([LLMCOST, "report"], env=env, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            shown = _read_to_the_end(ours)  # while it writes: what is slow shows how far it is, and fills the terminal
            assert process.wait(120) == 0
        return shown

    assert "\x1b[32m" in on_a_terminal()
    plain = on_a_terminal(NO_COLOR="1")
    assert "\x1b[3" not in plain
    assert all(f"${cost.normalize():f}"[:10] in plain for cost in COST.values() if cost), (
        "a narrow screen keeps amounts"
    )


@pytest.mark.long
def test_calls_that_were_read_twice_count_once(tmp_path: Path) -> None:
    spool(tmp_path, CALLS[:20])
    llmcost("report", data_dir=tmp_path)
    spool(tmp_path, CALLS)
    assert rows(tmp_path, "SELECT sum(calls) AS calls FROM spend_hourly") == [{"calls": 40}]
    with Spool(tmp_path / "spool") as left:
        assert list(left.segments()) == []
