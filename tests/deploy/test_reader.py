"""The user that Grafana asks as may ask all that dashboards and alerts ask, and nothing else, on a real server."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.reports.alerts import RULES, sql_of
from otel_llmcost.reports.grafana import ALL, Range, expand
from otel_llmcost.store import connect
from tests.deploy.conftest import ROOT
from tests.support import clickhouse
from tests.support.boards import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

# What a stock server's users.xml has, with which ours is merged.
STOCK = """
<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users>
</clickhouse>
"""


def merged() -> bytes:
    whole = ET.fromstring(STOCK)
    for section in ET.parse(ROOT / "collector" / "clickhouse-users.xml").getroot():
        found = whole.find(section.tag)
        assert found is not None
        found.extend(section)
    return ET.tostring(whole)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.Server]:
    place: Path = tmp_path_factory.mktemp("reader")
    try:
        clickhouse.fetch()
    except clickhouse.UnavailableError as error:
        pytest.skip(f"no real ClickHouse server: {error}")
    (place / "users.xml").write_bytes(merged())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFANA_READER_PASSWORD", "s3cret")
        with clickhouse.running(place, config=f"<users_config>{place}/users.xml</users_config>") as running:
            with connect(running.dsn("llmcost")) as store:
                store.migrate()
            yield running


def asked(server: clickhouse.Server, sql: str, password: str = "s3cret") -> str:
    """Return the answer to a question of the user `grafana`, or what the server refused it with."""
    headers = {"X-ClickHouse-User": "grafana", "X-ClickHouse-Key": password}
    address = f"http://127.0.0.1:{server.port}/?database=llmcost"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, sql.encode(), headers), timeout=60) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


@pytest.mark.long
def test_every_question_is_answered(server: clickhouse.Server) -> None:
    now_ms = time.time_ns() // 10**6
    faults = []
    for board in shown():
        variables = dict.fromkeys(board.variables, ALL) | {name: (value,) for name, value in board.texts.items()}
        at = Range(since_ms=now_ms - 86_400_000, until_ms=now_ms, step_s=3600, variables=variables)
        answers = [(str(each), asked(server, expand(each.sql, at))) for each in board.asked]
        faults += [(name, answer[:300]) for name, answer in answers if "DB::Exception" in answer]
    at = Range(since_ms=now_ms - 3_600_000, until_ms=now_ms)
    answers = [(rule.name, asked(server, expand(sql_of(rule), at))) for rule in RULES]
    faults += [(name, answer[:300]) for name, answer in answers if "DB::Exception" in answer]
    assert faults == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO features_log (feature) VALUES ('x')",
        "DROP TABLE features_log",
        "CREATE TABLE mine (a Int8) ENGINE = Memory",
        "SELECT * FROM system.users",
        "TRUNCATE TABLE features_log",
    ],
)
def test_nothing_else_is(server: clickhouse.Server, sql: str) -> None:
    assert "ACCESS_DENIED" in asked(server, sql) or "READONLY" in asked(server, sql)


def test_the_limits_hold_and_the_password_is_that_of_the_environment(server: clickhouse.Server) -> None:
    assert asked(server, "SELECT 1 SETTINGS max_execution_time = 30") == "1\n"
    assert "SETTING_CONSTRAINT_VIOLATION" in asked(server, "SELECT 1 SETTINGS max_execution_time = 90")
    assert "AUTHENTICATION_FAILED" in asked(server, "SELECT 1", password="another")
