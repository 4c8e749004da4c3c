"""The demo, twice, against what an independent script makes of the provider's own log."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.command import Answer, llmcost, rows
from tests.support.pages import read

if TYPE_CHECKING:
    from collections.abc import Mapping

RECOMPUTE = Path(__file__).with_name("recompute.py")
SESSIONS = "answer_ticket"
"""The one feature of the app whose calls belong to sessions."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def runs(place: Path) -> list[Answer]:
    return [llmcost("demo", data_dir=place) for _ in range(2)]


@pytest.fixture(scope="module")
def truth(place: Path, runs: list[Answer]) -> Mapping[str, Any]:
    assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
    files = ["--log", str(place / "demo" / "simulator.jsonl"), "--ledger", str(place / "demo" / "ledger.jsonl")]
    done = subprocess.run([sys.executable, "-I", RECOMPUTE, *files], capture_output=True, text=True, check=True)
    truth: Mapping[str, Any] = json.loads(done.stdout)
    return truth


def costs(truth: Mapping[str, Any]) -> dict[str, Decimal]:
    return {feature: Decimal(cost) for feature, cost in truth["total_usd_by_feature"].items()}


def stored(place: Path, table: str) -> dict[str, Decimal]:
    query = f"SELECT feature, sum(list_cost) AS cost FROM {table} GROUP BY feature"
    return {row["feature"]: Decimal(row["cost"]) for row in rows(place, query)}


@pytest.mark.parametrize("table", ["llm_calls", "spend_hourly"])
def test_every_feature_cost_what_the_providers_log_says(table: str, place: Path, truth: Mapping[str, Any]) -> None:
    assert stored(place, table) == costs(truth)


def test_the_sessions_cost_what_their_feature_did(place: Path, truth: Mapping[str, Any]) -> None:
    assert stored(place, "session_spend") == {SESSIONS: costs(truth)[SESSIONS]}


def test_every_call_is_there_once_and_the_unknown_ones_have_no_price(place: Path, truth: Mapping[str, Any]) -> None:
    counts = "countIf(list_cost IS NOT NULL) AS known, countIf(list_cost IS NULL) AS unknown"
    query = f"SELECT feature, {counts} FROM llm_calls GROUP BY feature"
    found = {row["feature"]: (row["known"], row["unknown"]) for row in rows(place, query)}
    unknown = truth["calls_of_unknown_cost_by_feature"]
    assert found == {feature: (calls, unknown.get(feature, 0)) for feature, calls in truth["calls_by_feature"].items()}


def test_the_report_says_the_same(place: Path, truth: Mapping[str, Any]) -> None:
    report = llmcost("report", "--since", "1h", "--format", "json", data_dir=place).json
    assert {row["feature"]: Decimal(row["list_cost"]) for row in report["rows"]} == costs(truth)
    assert report["total"]["list_cost"] == truth["total_usd"]


def test_a_newcomer_is_told_what_things_cost_what_was_odd_and_what_to_type(
    runs: list[Answer], place: Path, truth: Mapping[str, Any]
) -> None:
    first, second = (run.out for run in runs)
    for feature in ("search_help", "answer_ticket", "triage_ticket", "draft_campaign", "summarize_thread"):
        assert feature in first
    assert "(unattributed)" in first
    assert "name next: otel_llmcost.demo.product:Deskhand.detect_language:" in first
    for odd in ("asked 30 times for one action", "prompts of about", "slid from gpt-4o-mini", "by globex"):
        assert odd in first
    assert f"export LLMCOST_DATA_DIR={place}" in first
    assert "with earlier runs" not in first
    total = truth["total_usd"]
    assert f"${total}" in second.partition("with earlier runs")[2].splitlines()[0]


def test_it_ends_with_the_dashboards_of_all_its_calls(
    runs: list[Answer], place: Path, truth: Mapping[str, Any]
) -> None:
    written = place / "demo" / "dashboards.html"
    assert runs[0].out.splitlines()[-1].strip() == str(written)
    panels = read(written.read_text(encoding="utf-8"))[0]
    assert len(panels) == 9
    together = panels["llmcost-calls"]["All of them"].figures
    calls = [*truth["calls_by_feature"].values(), *truth["calls_of_unknown_cost_by_feature"].values()]
    assert together["Calls"] == f"{sum(calls):,}"
    assert together["Cost"] == f"${Decimal(truth['total_usd']):,.2f}"


def test_real_calls_are_never_mixed_with_pretended_ones(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    answer = llmcost("demo", data_dir=tmp_path)
    assert (answer.code, "holds calls that are not the demo's" in answer.error) == (2, True)


@pytest.mark.long
def test_a_month_can_be_had_besides(tmp_path: Path) -> None:
    run = llmcost("demo", "--days", "3", data_dir=tmp_path)
    assert run.code == 0, run.err
    assert "and 3 days of its past" in run.out
    days = llmcost("report", "--by", "day", "--since", "3d", "--format", "json", data_dir=tmp_path).json
    assert len(days["rows"]) >= 3
    assert days["total"]["calls"] > 1_000
    summed = rows(tmp_path, "SELECT sum(s.calls) AS calls, sum(s.list_cost) AS cost FROM spend_hourly AS s")
    assert summed == rows(tmp_path, "SELECT count() AS calls, sum(c.list_cost) AS cost FROM llm_calls AS c")
