"""A store on two shards, which are two real servers: the same calls, the same answers, the same cents from either."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import ConfigError, StoreRefusedError, StoreUnreachableError
from otel_llmcost.ledger.catalogue import load
from otel_llmcost.ledger.reprice import reprice
from otel_llmcost.ledger.verify import verify
from otel_llmcost.reports.queries import rows_of
from otel_llmcost.reports.window import Window
from otel_llmcost.store import Store, cluster, connect, derive, migrate
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, many_calls, said_by, truth_of
from tests.store.test_catalogue import catalogue
from tests.store.test_once import name_no_traces, nested, span_ids, spans_in, telling, traffic
from tests.store.test_reprice import NEW, call, total
from tests.store.test_verify import WINDOW
from tests.support import clickhouse
from tests.support import cluster as shards

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cluster import Front

pytestmark = [pytest.mark.server, pytest.mark.long]
DAY = Window(since_ns=MIDNIGHT_NS, until_ns=MIDNIGHT_NS + HOUR_NS)
_SHARDS_OF = "SELECT cityHash64(arrayJoin({ids:Array(String)})) % 2"


@dataclass(frozen=True, slots=True)
class Pair:
    """The same ledger, asked of the first and of the second server."""

    first: Store
    second: Store
    servers: tuple[clickhouse.Server, clickhouse.Server]

    def counts(self, table: str) -> list[int]:
        """How many rows of a table each server holds itself."""
        return [int(server.ask(f"SELECT count() FROM llmcost_shard.{table}")) for server in self.servers]


@pytest.fixture(scope="module")
def fronts(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, Front]]:
    assert library.exists()
    with shards.running(tmp_path_factory.mktemp("cluster")) as running, connect_to(running[0]) as store:
        assert store.migrate()
        for rollup in derive.ROLLUPS:
            for server in running[0].servers:
                server.ask(f"SYSTEM STOP VIEW llmcost_shard.{rollup}_log_mv")
        yield running


def connect_to(front: Front) -> Store:
    return connect(front.dsn(), cluster=shards.NAME)


@pytest.fixture
def pair(fronts: tuple[Front, Front]) -> Iterator[Pair]:
    """An empty ledger."""
    first, second = fronts[0].servers
    for server in (first, second):
        tables = server.ask(
            "SELECT name FROM system.tables WHERE database = 'llmcost_shard' AND engine LIKE '%MergeTree' "
            "AND name != 'schema_migrations'"
        )
        for name in tables.split():
            server.ask(f"TRUNCATE TABLE llmcost_shard.{name}")
    with connect_to(fronts[0]) as one, connect_to(fronts[1]) as other:
        yield Pair(one, other, (first, second))


def test_every_statement_of_a_cluster_is_one_that_the_engine_reads(fronts: tuple[Front, Front]) -> None:
    """Those that ran here ran without ON CLUSTER, so each is given to the parser as a cluster would get it."""
    layout = migrate.Layout(database="d_shard", embedded=False, retention_days=400, cluster="prod", asked="d")
    statements = [sql for step in migrate.load(layout) for sql in step.statements]
    with connect_to(fronts[0]) as asked:
        roles = migrate._split(asked.roles())
    assert [sql for sql in roles if f"ON CLUSTER '{shards.NAME}'" not in sql] == []
    with connect(fronts[0].servers[0].dsn("default")) as engine:
        for sql in [*statements, *fronts[0].on_cluster, *roles]:
            engine.query("SELECT formatQuery({sql:String})", {"sql": sql})
    changes = [sql for sql in statements if not sql.startswith("INSERT")]
    assert [sql for sql in changes if "ON CLUSTER 'prod'" not in sql] == []
    kept = [sql for sql in statements if "\nENGINE = " in sql]
    assert [sql for sql in kept if "\nENGINE = ReplicatedReplacingMergeTree" not in sql] == []


def test_the_engine_takes_every_table_with_replicas(library: Path, tmp_path: Path) -> None:
    """Its own test Keeper lets replicated tables be made, with all their arguments, though not be written."""
    config = (
        "<zookeeper><implementation>testkeeper</implementation></zookeeper>"
        "<macros><shard>1</shard><replica>1</replica></macros>"
        "<default_replica_path>/clickhouse/tables/{database}/{table}/{shard}</default_replica_path>"
    )
    layout = migrate.Layout(database="llmcost", embedded=False, retention_days=400, cluster="prod")
    tables = [
        sql.replace("ON CLUSTER 'prod'", "")
        for step in migrate.load(layout)
        for sql in step.statements
        if sql.startswith("CREATE TABLE") and "\nENGINE = " in sql
    ]
    server = clickhouse.Server(tmp_path, library, config=config)
    server.start()
    try:
        server.ask("CREATE DATABASE llmcost ENGINE = Atomic")
        with connect(server.dsn()) as store:
            for sql in tables:
                name = sql.split()[5]
                columns = "started_at DateTime64(9, 'UTC'), trace_id String, span_id String, correction_id String,"
                columns += " precedence UInt64, is_retelling UInt8"
                # 0008 takes its columns from the table that it replaces.
                store._engine.command(sql.replace(" AS llm_calls_log", f" ({columns})"))
                (row,) = store.query("SELECT engine FROM system.tables WHERE name = {n:String}", {"n": name})
                assert row == ("ReplicatedReplacingMergeTree",)
    finally:
        server.stop()
    assert len(tables) == 23


def test_calls_written_to_either_server_and_sent_again_to_the_other_count_once(pair: Pair) -> None:
    calls = many_calls(1_000, seed=71)
    assert pair.first.write(calls[:600]) == 600
    assert pair.second.write(calls[400:]) == 600
    again = random.Random(71).sample(calls, 300)
    pair.first.write(again[:200])
    pair.second.write(again[100:])
    assert all(pair.counts("llm_calls"))
    assert sum(pair.counts("llm_calls")) == 1_000
    pair.first.derive()
    assert said_by(pair.first) == said_by(pair.second) == truth_of(calls)
    assert all(pair.counts("spend_hourly"))
    assert pair.first.query("SELECT countIf(is_whole) FROM session_spend_hourly").rows == ((0,),), (
        "other shards know more"
    )


@pytest.mark.parametrize("is_named", [True, False])
def test_tellings_of_one_call_are_settled_over_both_shards(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    """The tellings of a trace share a shard. A background response and what others tell of it may not."""
    if not is_named:
        name_no_traces(monkeypatch)
    told, count = traffic(80, seed=72)
    random.Random(72).shuffle(told)
    for start in range(0, len(told), 40):
        (pair.first if start % 80 else pair.second).write(told[start : start + 40])
    ours = telling(
        901, "", trace_id="d8b41af2dee688c317cb9265d3cdbeaf", span_id="51edc754748fd10e", response_id="resp_1"
    )
    elsewhere = [telling(number, "openinference", response_id="resp_1") for number in range(910, 920)]
    homes = {int(str(row[0])) for row in pair.first.query(_SHARDS_OF, {"ids": [e.call.trace_id for e in elsewhere]})}
    assert homes == {0, 1}
    pair.first.write(elsewhere[:5])
    pair.second.write([ours])
    pair.first.write(elsewhere[5:])
    assert spans_in(pair.second) == span_ids([*count, ours])
    pair.second.derive()
    assert said_by(pair.first) == truth_of([*count, ours])


def test_corrections_and_repairs_go_over_both_shards(pair: Pair) -> None:
    """40 calls of 1,000 tokens at 2 USD a million, corrected to 3: 0.08 USD become 0.12."""
    pair.first.write([call(number, "m") for number in range(1, 41)])
    assert reprice(pair.second, WINDOW, NEW).posted == 40
    assert reprice(pair.first, WINDOW, NEW).posted == 0
    pair.second.derive()
    assert [str(total(pair.first, table)) for table in ("llm_calls", "spend_hourly", "spend_daily")] == [
        "0.120000000000"
    ] * 3
    pair.servers[1].ask("DELETE FROM llmcost_shard.spend_hourly_log WHERE NOT is_mark")
    for server in pair.servers:
        server.ask("TRUNCATE TABLE llmcost_shard.touched_hours")
        server.ask(
            "INSERT INTO llmcost_shard.touched_hours SELECT toStartOfHour(started_at), now() - 3600 "
            "FROM llmcost_shard.llm_calls"
        )
    found = verify(pair.first, DAY, repairs=True)
    assert ([fault.subject for fault in found.repaired], found.faults) == (["spend_hourly of search"], ())


def test_a_tenant_is_erased_on_every_shard(pair: Pair) -> None:
    calls = many_calls(300, seed=73)
    pair.first.write(calls)
    pair.first.derive()
    leaving = [row for row in calls if row.call.attribution.tenant == "acme"]
    assert pair.second.erase("tenant", "acme", actor="dpo", reason="asked for it").calls == len(leaving)
    stay = [row for row in calls if row not in leaving]
    assert said_by(pair.first) == truth_of(stay)
    assert (pair.counts("cost_events_log")[0] + pair.counts("cost_events_log")[1]) == 2


def test_what_was_decided_is_told_to_every_shard_and_read_once(pair: Pair) -> None:
    said = catalogue("features:\n  search: {owner: ann, team: growth}\nlimits:\n  - {window: day, cap: 5}\ntags: [p]\n")
    assert load(pair.first, said, today=dt.date(2026, 11, 1), actor="ann") == {"features": 1, "limits": 1, "tags": 1}
    assert load(pair.second, said, today=dt.date(2026, 11, 2), actor="bob") == {"features": 0, "limits": 0, "tags": 0}
    pair.first.record("closed_months_log", [{"month": dt.date(2026, 10, 1), "is_closed": True, "actor": "cfo"}])
    for store in (pair.first, pair.second):
        assert store.query("SELECT feature, owner FROM features").rows == (("search", "ann"),)
        assert store.query("SELECT tag_key FROM reported_tags").rows == (("p",),)
        assert len(store.query("SELECT month FROM closed_months")) == 1
    assert pair.counts("features_log") == [1, 1]


def test_every_table_and_view_is_asked_by_the_name_that_it_has_on_a_single_node(pair: Pair) -> None:
    names = "SELECT name FROM system.tables WHERE database = {db:String} AND engine != 'MaterializedView' ORDER BY 1"
    single, asked = (pair.first.query(names, {"db": db}).rows for db in ("llmcost_shard", "llmcost"))
    assert single == asked
    known = {str(name) for (name,) in single}
    assert cluster.DECIDED | cluster.SUMS_OF_PARTS | set(cluster.SHARDED_BY) <= known
    for name in known:
        pair.second.query(f"SELECT * FROM {name} LIMIT 1")


def test_a_change_by_hand_on_one_shard_is_named_with_its_host_and_mended_on_all(pair: Pair) -> None:
    second = pair.servers[1]
    second.ask("ALTER TABLE llmcost_shard.spend_daily_log MODIFY COMMENT 'mine'")
    second.ask("DROP TABLE llmcost.spend_daily")
    of_shard, of_asked = pair.first.changed_by_hand()
    assert of_shard.subject.startswith("spend_daily_log COMMENT on ")
    assert of_asked.subject.startswith("llmcost.spend_daily on ")
    for change in (of_shard, of_asked):
        assert f"ON CLUSTER '{shards.NAME}'" in change.mend[0]
        pair.first._engine.command(change.mend[0])
    kept = second.ask("SELECT comment FROM system.tables WHERE database = 'llmcost_shard' AND name = 'spend_daily_log'")
    assert kept.startswith("Derivations of spend by the day")
    assert second.ask("SELECT count() FROM llmcost.spend_daily") == "0\n"


def test_a_shard_that_is_gone_keeps_a_batch_waiting_and_its_repetition_counts_once(pair: Pair) -> None:
    calls = many_calls(400, seed=74)
    pair.servers[1].kill()
    try:
        with pytest.raises(StoreUnreachableError):
            pair.first.write(calls)
    finally:
        pair.servers[1].start()
    assert pair.first.write(calls) == 400
    pair.first.derive()
    assert said_by(pair.second) == truth_of(calls)


def test_what_was_decided_while_a_shard_was_gone_is_told_to_it_by_the_next_run(pair: Pair) -> None:
    said = catalogue("features:\n  search: {owner: ann, team: growth}\n")
    pair.servers[1].kill()
    try:
        with pytest.raises(StoreUnreachableError):
            load(pair.first, said, today=dt.date(2026, 11, 1), actor="ann")
    finally:
        pair.servers[1].start()
    assert load(pair.first, said, today=dt.date(2026, 11, 1), actor="ann") == {"features": 1}
    assert pair.counts("features") == [1, 1]


def test_reports_count_over_both_shards(pair: Pair) -> None:
    calls = many_calls(200, seed=75)
    pair.first.write(calls)
    pair.first.derive()
    by_hour = Counter(row.call.started_at_ns // 3_600_000_000_000 for row in calls)
    told = rows_of(pair.second, "busy_hours", WINDOW.parameters())
    assert {row["hour_ns"] // 3_600_000_000_000: row["calls"] for row in told} == by_hour


def test_a_cluster_that_nobody_knows_is_refused(fronts: tuple[Front, Front], tmp_path: Path) -> None:
    with (
        connect(fronts[0].dsn("other"), cluster="nobody") as store,
        pytest.raises(StoreRefusedError, match="knows no cluster nobody"),
    ):
        store.migrate()
    with pytest.raises(ConfigError, match="LLMCOST_CLUSTER"):
        connect(f"chdb://{tmp_path}/store", cluster=shards.NAME)
    with pytest.raises(ConfigError, match="LLMCOST_CLUSTER"):
        connect(fronts[0].dsn(), cluster="it's")


def test_nested_tellings_share_a_shard(pair: Pair) -> None:
    ours, other = nested(5, ["", "openinference"], WINDOW.since_ns)
    pair.first.write([other])
    pair.second.write([ours])
    assert sorted(pair.counts("llm_tellings")) == [0, 2]
    assert spans_in(pair.first) == [ours.call.span_id]
