"""What a database holds beside what its migrations make: what was changed by hand, and the statements that mend it.

The migrations run once more into an empty database beside the store's, and the engine is asked for the text of both.
So two texts of the same engine are compared, whatever it makes of ours, and the other database goes at once.
"""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from otel_llmcost.store import cluster, migrate, one_at_a_time, retention
from otel_llmcost.store.mending import Statements, Table, mend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_llmcost.store.engine import Engine
    from otel_llmcost.store.migrate import Layout

_TEXTS: Final = """
SELECT {host} AS host, name, formatQuery(create_table_query)
FROM {tables}
WHERE database = {{database:String}} AND NOT startsWith(name, 'migrating')
ORDER BY host, name
"""
_COLUMNS: Final = """
SELECT {host} AS host, table, toString(groupArray((name, type)))
FROM (SELECT * FROM {columns} WHERE database = {{database:String}} ORDER BY position)
GROUP BY host, table
"""
_RENDERED_FOR: Final = "SELECT comment FROM system.tables WHERE database = {database:String} AND name = 'retention'"
_DAYS: Final = re.compile(r"without a row (\d+) days")
_SAID: Final = "SELECT environment, days FROM retention"

# Who made a view is not what it is; a replicated engine has its path before the arguments of the canonical text.
_DEFINER: Final = re.compile(r"\n(DEFINER = \S+ )?SQL SECURITY \w+")
_REPLICATED: Final = re.compile(r"\nENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, )?")
_CREATED: Final = re.compile(r"CREATE OR REPLACE (?:TABLE|VIEW) \w+\.(\w+)")


@dataclass(frozen=True, slots=True)
class Difference:
    """A definition that is not what the migrations make.

    Attributes:
        subject: The table or view, after a point the column or clause of it, and in a cluster the host.
        found: What it is; empty where it is missing.
        wanted: What the migrations make; empty where they make none.
        mend: The statements that make it so, in order.
    """

    subject: str
    found: str
    wanted: str
    mend: Statements

    @property
    def is_gone(self) -> bool:
        """Whether a whole table or view is missing."""
        return not self.found and self.wanted.startswith("CREATE ")


def differences(engine: Engine, layout: Layout) -> tuple[Difference, ...]:
    """Return what of a store's tables and views was dropped or changed by hand. Tables of others are left alone.

    Args:
        engine: Connected to the tables themselves, and allowed to make a database beside theirs.
        layout: What the migrations are rendered for.

    Raises:
        StoreRefusedError: This user may not make a database.
    """
    made = _made_anew(engine, layout)
    found: list[Difference] = []
    for host, texts in _texts(engine, layout).items():
        at = f" on {host}" if host else ""
        for name, wanted in made.items():
            there = texts.get(name, "")
            found += [
                Difference(f"{subject}{at}", is_now, has_to_be, _everywhere(statements, layout))
                for subject, is_now, has_to_be, statements in mend(Table(name, there), Table(name, wanted))
            ]
    return tuple(found) + (_of_asked(engine, layout) if layout.cluster else ())


def _made_anew(engine: Engine, layout: Layout) -> dict[str, str]:
    """Return by name the text of all that the migrations make, as if it stood in the store's database."""
    database = f"{layout.database}_as_migrated"
    alone = replace(layout, database=database, cluster="", retention_days=_days(engine, layout))
    said = _retention(engine)
    applied = migrate.load(alone)
    applied = applied[: len(applied) - len(migrate.pending(engine, migrate.load(layout)))]
    with one_at_a_time.held(engine, layout.render), _beside(engine, database) as empty:
        migrate.migrate(empty, alone, applied)
        if said:
            retention.retain(empty, database, alone, said)
        texts = _texts(empty, alone)[""]
    return {name: text.replace(f"{database}.", f"{layout.database}.") for name, text in texts.items()}


@contextmanager
def _beside(engine: Engine, database: str) -> Iterator[Engine]:
    """Give a connection to another database of the same engine, which ends with it."""
    # One who was killed here has left it behind, and nobody else is at it: the lock is ours.
    engine.change(f"DROP DATABASE IF EXISTS {database} SYNC", {})
    try:
        with closing(engine.beside(database)) as other:
            yield other
    finally:
        engine.change(f"DROP DATABASE IF EXISTS {database} SYNC", {})


def _retention(engine: Engine) -> dict[str, int]:
    """Return for how many days calls are kept by environment, where that was said: it is why the TTL is another one."""
    if not engine.command("EXISTS TABLE retention"):
        return {}
    return {str(name): int(days) for name, days in engine.query(_SAID).result_rows}


def _days(engine: Engine, layout: Layout) -> int:
    """Return for how many days the migrations were rendered: those of this process may be others by now."""
    rows = engine.query(_RENDERED_FOR, {"database": layout.database}).result_rows
    said = _DAYS.search(str(rows[0][0])) if rows else None
    return int(said[1]) if said else layout.retention_days


def _texts(engine: Engine, layout: Layout) -> dict[str, dict[str, str]]:
    """Return by host and name how each table and view is defined; the host is empty but in a cluster."""
    texts: dict[str, dict[str, str]] = {} if layout.cluster else {"": {}}
    sql = _TEXTS.format(**_of_hosts(layout, "tables"))
    for host, name, text in engine.query(sql, {"database": layout.database}).result_rows:
        plain = _REPLICATED.sub(r"\nENGINE = \1(", _DEFINER.sub("", str(text)))
        texts.setdefault(str(host), {})[str(name)] = plain.replace("MergeTree()", "MergeTree")
    return texts


def _of_hosts(layout: Layout, table: str) -> Mapping[str, str]:
    if not layout.cluster:
        return {"host": "''", table: f"system.{table}"}
    return {
        "host": "concat(hostName(), ':', toString(tcpPort()))",
        table: f"clusterAllReplicas('{layout.cluster}', system.{table})",
    }


def _everywhere(statements: Statements, layout: Layout) -> Statements:
    """Return statements as a cluster needs them: for all its servers, and with replicas."""
    if not layout.cluster:
        return statements
    on_cluster = rf"\g<0> ON CLUSTER '{layout.cluster}'"
    subject = re.compile(r"^(?:ALTER TABLE|CREATE (?:OR REPLACE )?(?:TABLE|VIEW|MATERIALIZED VIEW)|DROP TABLE) [\w.]+")
    both = re.compile(r"^EXCHANGE TABLES [\w.]+ AND [\w.]+")
    return tuple(
        both.sub(on_cluster, subject.sub(on_cluster, statement)).replace("\nENGINE = ", "\nENGINE = Replicated")
        for statement in statements
    )


def _of_asked(engine: Engine, layout: Layout) -> tuple[Difference, ...]:
    """Return what of the database that is asked has not the columns of the shard's tables."""
    columns = {}
    for database in (layout.database, layout.asked):
        sql = _COLUMNS.format(**_of_hosts(layout, "columns"))
        rows = engine.query(sql, {"database": database}).result_rows
        columns[database] = {(str(host), str(table)): str(said) for host, table, said in rows}
    found = []
    hosts = sorted({host for host, _ in columns[layout.database]})
    for statement in cluster.statements(engine, layout.asked):
        if not (created := _CREATED.match(statement)):
            continue
        name = created[1]
        for host in hosts:
            there, wanted = (columns[database].get((host, name), "") for database in (layout.asked, layout.database))
            if wanted and there != wanted:
                found.append(Difference(f"{layout.asked}.{name} on {host}", there, wanted, (statement,)))
    return tuple(found)
