"""Collectors that start together migrate one after the other, and one that was killed is not waited for forever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import StoreRefusedError, StoreUnreachableError
from otel_llmcost.store import Store, connect, migrate, one_at_a_time
from tests.store.ledger import many_calls
from tests.store.test_once import nested, span_ids, spans_in, telling
from tests.store.test_upgrades import migrate_to, write_as_then

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import clickhouse

ENGINE = "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'llm_calls_log'"
LOCKS = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'migrating%'"


def before(store: Store, start: str, first: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something happen right before the first statement that begins so."""
    real, is_due = store._engine.command, iter([True])

    def command(sql: str, settings: object = None) -> object:
        if sql.startswith(start) and next(is_due, False):
            first()
        return real(sql)

    monkeypatch.setattr(store._engine, "command", command)


@pytest.mark.long
def test_a_second_collector_does_not_exchange_the_tables_back(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stands right before its exchange when the second starts, which waits; else it would be through soon."""
    calls = many_calls(40, seed=8)
    ours, other = nested(1_000, ["", "openinference"], calls[0].call.started_at_ns)
    with connect(dsn) as one, connect(dsn) as two:
        migrate_to(one, 7)
        write_as_then(one, calls)
        second = threading.Thread(target=two.migrate)

        def start() -> None:
            second.start()
            second.join(2)

        before(one, "EXCHANGE", start, monkeypatch)
        one.migrate()
        second.join()
        assert "precedence, is_retelling)" in str(one.query(ENGINE).rows[0][0])
        assert one.query("SELECT count() FROM llm_calls").rows == ((40,),)
    with connect(dsn) as store:
        store.write([other])
        store.write([ours])
        assert spans_in(store) == span_ids([*calls, ours])


def test_three_that_start_together_apply_each_file_once(dsn: str) -> None:
    stores = [connect(dsn) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(Store.migrate, stores))
    assert sorted(len(steps) for steps in applied) == [0, 0, max(map(len, applied))]
    assert stores[0].plan() == ()
    assert stores[0].query(LOCKS).rows == ()
    for store in stores:
        store.close()


def test_a_tables_engine_that_would_count_retellings_is_refused(store: Store) -> None:
    store._engine.command(
        "CREATE TABLE other AS llm_calls_log ENGINE = ReplacingMergeTree(precedence) ORDER BY span_id"
    )
    store._engine.command("EXCHANGE TABLES llm_calls_log AND other")
    with pytest.raises(StoreRefusedError, match=r"llm_calls_log .* has not the engine"):
        store.migrate()


@pytest.fixture
def on_server(server: clickhouse.Server) -> str:
    return server.dsn("migrated_at_once")


@pytest.mark.long
@pytest.mark.server
def test_the_lock_of_one_that_was_killed_is_taken_over(on_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "STALE_AFTER_S", -1)
    with connect(on_server) as store:
        migrate_to(store, 7)
        store._engine.command("CREATE TABLE migrating (nothing UInt8) ENGINE = Memory COMMENT 'gone/1/ab'")
        assert store.migrate()[0].version == 8
        assert store.query(LOCKS).rows == ()
        store._engine.command(f"DROP DATABASE {store._engine.database} SYNC")


@pytest.mark.long
@pytest.mark.server
def test_one_whose_lock_was_taken_over_stops_before_its_next_statement(
    on_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(on_server) as slow, connect(on_server) as quick:
        migrate_to(slow, 7)

        def take_over() -> None:
            monkeypatch.setattr(one_at_a_time, "STALE_AFTER_S", -1)
            assert quick.migrate()[0].version == 8

        before(slow, "ALTER", take_over, monkeypatch)
        with pytest.raises(StoreUnreachableError, match="took over the migration"):
            migrate.migrate(slow._engine, slow._layout, migrate.load(slow._layout))
        slow.write([telling(1, "")])
        slow._engine.command(f"DROP DATABASE {slow._engine.database} SYNC")
