"""The same commands on a ClickHouse server, which several processes may use at once."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.command import LLMCOST, environment, llmcost, rows, spool
from tests.store.ledger import NOW_NS, a_call
from tests.support import clickhouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        clickhouse.fetch()
    except clickhouse.UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the real ClickHouse server: {error}")
        pytest.skip(f"no real ClickHouse server: {error}")
    with clickhouse.running(tmp_path_factory.mktemp("server")) as server:
        yield server.dsn()


@pytest.mark.long
def test_several_commands_at_once_drain_one_spool_into_one_server_once(tmp_path: Path, dsn: str) -> None:
    spool(
        tmp_path,
        [
            a_call(
                number,
                started_at_ns=NOW_NS - number * 10**9,
                scope_name="otel_llmcost.openai",
                feature=("search", "")[number % 2],
                response_model="gpt-4o-mini",
                input_tokens=1_000,
                output_tokens=100,
            )
            for number in range(1, 21)
        ],
    )
    command = [LLMCOST, "report", "--format", "json"]
    env = environment(tmp_path, LLMCOST_DSN=dsn)
    running = [subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert (process.returncode, said) == (0, b"")
    report = llmcost("report", "--format", "json", data_dir=tmp_path, LLMCOST_DSN=dsn).json
    assert (report["total"]["calls"], report["total"]["list_cost"]) == (20, "0.0042")  # 20 × 0.00021
    summed = "SELECT sum(s.calls) AS calls, toString(sum(s.list_cost)) AS cost FROM spend_hourly AS s"
    assert rows(tmp_path, summed, LLMCOST_DSN=dsn) == [{"calls": 20, "cost": "0.0042"}]


def test_sql_reads_and_writes_nothing(tmp_path: Path, dsn: str) -> None:
    llmcost("migrate", data_dir=tmp_path, LLMCOST_DSN=dsn)
    query = "SELECT CAST('0.1', 'Decimal(38, 12)') AS cost"
    assert rows(tmp_path, query, LLMCOST_DSN=dsn) == [{"cost": "0.1"}]
    hidden = "WITH 1 AS a INSERT INTO schema_migrations SELECT a, 'a', 'b', now()"
    refused = llmcost("sql", hidden, data_dir=tmp_path, LLMCOST_DSN=dsn)
    assert (refused.code, "readonly" in refused.error) == (2, True)
    assert llmcost("migrate", data_dir=tmp_path, LLMCOST_DSN=dsn).out.endswith("is up to date\n")


def test_doctor_asks_the_server(tmp_path: Path, dsn: str) -> None:
    llmcost("migrate", data_dir=tmp_path, LLMCOST_DSN=dsn)
    answer = llmcost("doctor", "--format", "json", data_dir=tmp_path, LLMCOST_DSN=dsn)
    facts = [finding["fact"] for finding in answer.json["findings"] if finding["topic"] == "store"]
    assert len(facts) == 1
    assert facts[0].endswith("answers, and its schema is up to date")
