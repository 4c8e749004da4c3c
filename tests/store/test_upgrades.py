"""Every earlier schema, with calls in it, becomes today's; what stands in the way is named before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.ledger.verify import verify
from otel_llmcost.store import Store, connect, derive, migrate, rows
from otel_llmcost.store.migrate import Layout
from tests.store.ledger import many_calls, said_by, truth_of
from tests.store.test_verify import WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.store import PricedCall

VERSIONS = [step.version for step in migrate.load(Layout(database="any", embedded=True, retention_days=400))]
FIRST_THAT_NOTES_HOURS = 3
A_SCHEMA = 20
"""Calls that each schema takes in."""


def migrate_to(store: Store, version: int) -> None:
    migrate.migrate(store._engine, store._layout, migrate.load(store._layout)[:version])
    if not store._engine.embedded:
        for (view,) in store.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_log_mv'"
        ):
            store._engine.command(f"SYSTEM STOP VIEW {view}")


def write_as_then(store: Store, calls: Sequence[PricedCall]) -> None:
    """Insert as a release of that time did: with the columns that there were."""
    names = {name for (name,) in store.query("SELECT name FROM system.columns WHERE table = 'llm_calls_log'")}
    columns = rows.columns_of(calls)
    store._engine.insert("llm_calls_log", {name: column for name, column in columns.items() if name in names}, {})


def derive_as_then(store: Store, known: dict[str, str]) -> None:
    """Derive by the schema as it is, where it derives otherwise than that before; `known` is how that did."""
    texts = "SELECT name, as_select FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_derivation'"
    for name, text in store.query(texts):
        if known.get(str(name)) != text:
            known[str(name)] = str(text)
            rollup = str(name).removesuffix("_derivation")
            store._engine.command(f"INSERT INTO {rollup}_log SELECT * FROM {rollup}_derivation", derive._ONE_BLOCK)


def schema_of(store: Store) -> list[tuple[object, ...]]:
    sql = """
        SELECT table, name, type, comment FROM system.columns
        WHERE database = currentDatabase() AND NOT startsWith(table, '.inner') ORDER BY table, position
    """
    return list(store.query(sql))


@pytest.mark.long
def test_calls_that_every_earlier_schema_took_in_are_in_todays(dsn: str) -> None:
    """A ledger that saw every release: calls came in under each schema and were derived by it, then came the next."""
    versions = [version for version in VERSIONS if version >= FIRST_THAT_NOTES_HOURS]
    calls, derivations = many_calls(A_SCHEMA * (len(versions) + 1), seed=9), dict[str, str]()
    with connect(dsn) as store:
        for number, version in enumerate(versions):
            migrate_to(store, version)
            write_as_then(store, calls[number * A_SCHEMA :][:A_SCHEMA])
            derive_as_then(store, derivations)
            assert store.query("SELECT count() FROM llm_calls").rows == ((A_SCHEMA * (number + 1),),)
        assert store.migrate() == ()
        store.write(calls[-A_SCHEMA:])
        store.derive()
        assert said_by(store) == truth_of(calls)
        for table in ("spend_daily", "tenant_spend_daily", "prompt_shape_daily"):
            sums = f"SELECT sum(calls), sum(list_cost) FROM {table}"
            assert store.query(sums).rows == ((len(calls), truth_of(calls).whole.list_cost),)
        assert verify(store, WINDOW).faults == ()


def test_an_upgraded_schema_is_the_one_that_a_new_database_gets(dsn: str) -> None:
    with connect(dsn) as store:
        for version in VERSIONS:
            migrate_to(store, version)
        assert store.changed_by_hand() == ()


@pytest.mark.parametrize(
    "foreign",
    [
        "CREATE TABLE llm_calls_log (id UInt64) ENGINE = MergeTree ORDER BY id",
        "CREATE VIEW spend_hourly AS SELECT 1 AS x",
        "CREATE TABLE features (name String) ENGINE = MergeTree ORDER BY name",
    ],
)
def test_a_foreign_table_in_the_way_is_refused_and_left_alone(dsn: str, foreign: str) -> None:
    with connect(dsn) as store:
        store._engine.command(f"CREATE DATABASE {store._engine.database} ENGINE = Atomic")
        store._engine.use_database()
        store._engine.command(foreign)
        before = schema_of(store)
        name = foreign.split()[2]
        with pytest.raises(StoreRefusedError, match=f"holds a table {name} that is not ours .* name another database"):
            store.migrate()
        assert schema_of(store) == before


def test_a_database_that_lost_a_table_is_refused_by_its_name(store: Store) -> None:
    store._engine.command("DROP VIEW spend_hourly_due")
    before = schema_of(store)
    with pytest.raises(StoreRefusedError, match=r"lacks spend_hourly_due; `llmcost verify` says how"):
        store.migrate()
    assert schema_of(store) == before


def test_a_user_without_rights_changes_nothing(dsn: str) -> None:
    """Here as a read-only session, of which a server says that it has none of the rights."""
    with connect(dsn) as store:
        store.forbid_writes()
        with pytest.raises(StoreRefusedError, match=r"(?i)readonly|it lacks INSERT, CREATE TABLE"):
            store.migrate()
    with connect(dsn) as store:
        assert not store._engine.use_database()
