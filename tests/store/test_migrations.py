from __future__ import annotations

import re
import shutil
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.store import Store, connect, derive, migrate
from otel_llmcost.store.migrate import Layout
from tests.store.ledger import a_call, said_by, truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SINGLE = Layout(database="llmcost", embedded=False, retention_days=400)
CLUSTER = Layout(database="llmcost", embedded=False, retention_days=400, cluster="main")
PACKAGED = resources.files("otel_llmcost.store") / "migrations"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may edit."""
    return shutil.copytree(str(PACKAGED), tmp_path / "migrations")


def schema(store: Store) -> list[tuple[object, ...]]:
    sql = "SELECT name, create_table_query, uuid FROM system.tables WHERE database = {db:String} ORDER BY name"
    return list(store.query(sql, {"db": store._engine.database}))


def apply(store: Store, files: Path) -> list[str]:
    return [m.name for m in migrate.migrate(store._engine, store._layout, migrate.load(store._layout, files))]


def test_migrating_twice_changes_nothing(dsn: str) -> None:
    with connect(dsn) as store:
        planned = [migration.name for migration in store.plan()]
        assert [migration.name for migration in store.migrate()] == planned
        before = schema(store)
        assert store.plan() == ()
        assert store.migrate() == ()
        assert schema(store) == before


def test_a_plan_changes_nothing_and_shows_the_sql(dsn: str) -> None:
    with connect(dsn) as store:
        plan = store.plan()
        assert plan[0].name == "0001_create_schema_migrations.sql"
        assert any("CREATE TABLE IF NOT EXISTS llm_calls_log" in sql for step in plan for sql in step.statements)
        assert not store._engine.use_database()


def test_an_edited_file_is_refused_by_name(dsn: str, files: Path) -> None:
    with connect(dsn) as store:
        apply(store, files)
        before = schema(store)
        edited = files / "0003_note_touched_hours.sql"
        edited.write_text(edited.read_text() + "-- a harmless remark\n")
        with pytest.raises(
            StoreRefusedError, match=r"0003_note_touched_hours\.sql was edited after it had been applied"
        ):
            apply(store, files)
        assert schema(store) == before


def test_a_database_ahead_of_this_release_is_refused(dsn: str, files: Path) -> None:
    with connect(dsn) as store:
        (files / "0900_add_future.sql").write_text("-- Why: a later release\nSELECT 1;\n")
        apply(store, files)
        with pytest.raises(
            StoreRefusedError, match=r"has had 0900_add_future\.sql, which this otel-llmcost does not know"
        ):
            store.plan()


def test_a_file_that_comes_late_is_refused(dsn: str, files: Path) -> None:
    (files / "0900_add_later.sql").write_text("-- Why: first\nSELECT 1;\n")
    with connect(dsn) as store:
        apply(store, files)
        (files / "0899_add_earlier.sql").write_text("-- Why: forgotten\nSELECT 1;\n")
        with pytest.raises(StoreRefusedError, match=r"0899_add_earlier\.sql is older than 0900"):
            apply(store, files)


def test_an_old_server_is_refused_before_anything_is_changed(dsn: str) -> None:
    with connect(dsn) as store:
        store._engine._client.server_version = "25.8.2.1"
        with pytest.raises(StoreRefusedError, match=r"ClickHouse 25\.8 is too old .* 25\.12 or later"):
            store.migrate()
        assert not store._engine.use_database()


class _StoppedError(Exception):
    """Stands for the end of the process."""


@pytest.mark.long
def test_a_run_cut_short_after_any_statement_is_continued(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ClickHouse has no transactions over DDL: each statement has to run again after a crash."""
    with connect(dsn) as store:
        real = store._engine.command
        statements = sum(len(step.statements) for step in store.plan())
        for budget in range(1, statements + 2):
            left = iter(range(budget))

            def until_cut(sql: str, settings: object = None, left: Iterator[int] = left) -> object:
                if sql.startswith(("CREATE", "ALTER", "DROP", "EXCHANGE")) and next(left, None) is None:
                    raise _StoppedError
                return real(sql)

            monkeypatch.setattr(store._engine, "command", until_cut)
            try:
                store.migrate()
            except _StoppedError:
                continue
        monkeypatch.undo()
        store.migrate()
        assert store.plan() == ()
        store.write([a_call(1, session_id="s")])
        store.derive()
        assert said_by(store) == truth_of([a_call(1, session_id="s")])


RERUNNABLE = re.compile(
    r"CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS |CREATE OR REPLACE VIEW "
    r"|ALTER TABLE \w+\s+(ADD (COLUMN|INDEX) IF NOT EXISTS|COMMENT COLUMN|ATTACH PARTITION ALL FROM) "
    r"|ALTER TABLE \w+\s+MODIFY (QUERY\sSELECT|COLUMN|SETTING) "
    r"|DROP TABLE IF EXISTS |EXCHANGE TABLES llm_calls_log AND "
)
"""An exchange is repeatable where the statements before it make the other table anew."""


def test_numbers_are_without_gaps_and_headers_say_what_operators_ask() -> None:
    migrations = migrate.load(SINGLE)
    assert [step.version for step in migrations] == list(range(1, len(migrations) + 1))
    for step in migrations:
        header = (PACKAGED / step.name).read_text().partition(";\n")[0]
        for word in ("Why:", "Mutation:", "Safe to re-run: yes", "Undo:"):
            assert word in header, f"{step.name} lacks {word}"


def test_every_statement_can_run_again() -> None:
    for step in migrate.load(SINGLE):
        assert step.statements
        for sql in step.statements:
            assert RERUNNABLE.match(sql)
            assert sql.count("    ADD ") == sql.count(" IF NOT EXISTS") or not sql.startswith("ALTER")


def test_one_text_serves_a_single_node_and_a_cluster(store: Store) -> None:
    """The engine itself reads the cluster's rendering; running it takes a cluster."""
    for single, cluster in zip(migrate.load(SINGLE), migrate.load(CLUSTER), strict=True):
        assert single.checksum == cluster.checksum
        for one, many in zip(single.statements, cluster.statements, strict=True):
            assert "ON CLUSTER" not in one
            assert "ON CLUSTER 'main'" in many
            assert ("ENGINE = Replicated" in many) == ("ENGINE = " in one)
            assert "ON CLUSTER" in str(store.query("SELECT formatQuery({sql:String})", {"sql": many}).rows[0][0])


def test_an_embedded_engine_gets_no_view_that_works_while_nobody_looks() -> None:
    embedded = migrate.load(Layout(database="llmcost", embedded=True, retention_days=400))
    assert not any("REFRESH" in sql for step in embedded for sql in step.statements)
    assert any("REFRESH" in sql for step in migrate.load(SINGLE) for sql in step.statements)


def test_the_owner_and_the_server_derive_every_rollup_under_the_same_settings() -> None:
    refreshing = {
        sql.split(" ")[6]: sql for step in migrate.load(SINGLE) for sql in step.statements if "REFRESH EVERY" in sql
    }
    assert set(refreshing) == {f"{rollup}_log_mv\nREFRESH" for rollup in derive.ROLLUPS}
    modified = [sql for step in migrate.load(SINGLE) for sql in step.statements if "MODIFY QUERY" in sql]
    assert len(modified) == len(derive.ROLLUPS) - 1  # dearest_calls came later
    for sql in (*refreshing.values(), *modified):
        settings = {name: int(value) for name, value in re.findall(r"^    (\w+) = (\d+)", sql, re.MULTILINE)}
        assert settings == derive._ONE_BLOCK


def test_every_column_has_a_comment(store: Store) -> None:
    sql = """
        SELECT c.table, c.name FROM system.columns AS c
        INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
        WHERE c.database = {db:String} AND c.comment = ''
            AND NOT match(c.table, '_(due|derivation|mv)$|^[.]inner') AND c.table != 'derivable_since'
    """
    assert store.query(sql, {"db": store._engine.database}).rows == ()


def test_every_table_and_view_says_what_it_is_for(store: Store) -> None:
    sql = "SELECT name FROM system.tables WHERE database = {db:String} AND comment = '' AND NOT startsWith(name, '.')"
    names = {str(name) for (name,) in store.query(sql, {"db": store._engine.database})}
    assert {name for name in names if not name.endswith("_mv")} == set()


@pytest.mark.parametrize("rollup", derive.ROLLUPS)
def test_a_derivation_has_the_columns_of_its_log_in_their_order(store: Store, rollup: str) -> None:
    """INSERT ... SELECT * goes by position."""
    names = "SELECT name FROM system.columns WHERE database = {db:String} AND table = {table:String} ORDER BY position"
    log, derivation = (
        store.query(names, {"db": store._engine.database, "table": f"{rollup}{suffix}"}).rows
        for suffix in ("_log", "_derivation")
    )
    assert log == derivation
