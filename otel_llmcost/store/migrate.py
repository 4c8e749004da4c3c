"""Migrations: numbered SQL files, applied in order, forwards only, and known by the checksum of their text.

Rule 1: a file is written once for every kind of engine; `{on_cluster}` and the like are filled in on the way, and
the checksum is that of the file as it stands. Rule 2: ClickHouse has no transactions over DDL, so a file is noted
only after its last statement, and each statement can run again after a crash. Rule 3: what was applied never changes.
Rule 4: one migrates at a time, however many collectors start at once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.store import cluster, one_at_a_time, preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.resources.abc import Traversable

    from otel_llmcost.store.engine import Engine

MINIMUM_VERSION: Final = (25, 12)
"""Since then all parts of a query see one state of a table (`enable_shared_storage_snapshot_in_query`). Before, an hour
that was derived anew in the middle of a reader's query was missing from its answer."""

_FILE: Final = re.compile(r"(\d{4})_[a-z_]+\.sql")
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_SERVER_ONLY: Final = re.compile(r"^-- Only: server\b", re.MULTILINE)

# What was exchanged once must not be exchanged back: the other table has the engine of before.
_EXCHANGE: Final = re.compile(r"EXCHANGE TABLES llm_calls_log AND ")
_CREATE_DATABASE: Final = "CREATE DATABASE IF NOT EXISTS {database} {on_cluster} ENGINE = Atomic"
_UNCOMMENTED: Final = """
SELECT v.table AS view, v.name AS name, any(l.comment) AS comment
FROM system.columns AS v
INNER JOIN system.tables AS t ON t.database = v.database AND t.name = v.table
INNER JOIN system.columns AS l ON l.database = v.database AND l.name = v.name AND l.comment != ''
WHERE v.database = {database:String}
    AND t.engine = 'View'
    AND NOT match(v.table, '_(due|derivation)$')
    AND v.comment = ''
    AND (l.table IN (concat(v.table, '_log'), concat(replaceRegexpOne(v.table, '_hourly$', ''), '_log'))
        OR (v.table IN {over_calls:Array(String)} AND l.table = 'llm_calls_log'))
GROUP BY view, name
ORDER BY view, name
"""
_OVER_CALLS: Final = ("llm_calls", "llm_tellings", "unattributed", "unpriced")
_NOTE: Final = """
INSERT INTO {table} (version, name, checksum)
SELECT {{version:UInt32}}, {{name:String}}, {{checksum:String}}
"""
_APPLIED: Final = "SELECT version, name, checksum FROM schema_migrations FINAL ORDER BY version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What one canonical text is rendered for.

    Attributes:
        database: The database of all tables; in a cluster the one of that name on every shard.
        embedded: Whether the engine lives in this process, where nothing is derived unless asked.
        retention_days: Days for which calls are kept.
        cluster: The name of the ClickHouse cluster, empty for a single node.
        asked: In a cluster, the database that is asked and holds no rows (see `cluster`).
    """

    database: str
    embedded: bool
    retention_days: int
    cluster: str = ""
    asked: str = ""

    def render(self, text: str) -> str:
        """Return canonical SQL as this layout needs it; `{name:Type}` parameters stay."""
        values = {
            "database": self.database,
            "on_cluster": f"ON CLUSTER '{self.cluster}'" if self.cluster else "",
            "replicated": "Replicated" if self.cluster else "",
            # What was decided is told to every shard (ADR 0020). One replica set over all shards would do so by itself,
            # but its path cannot be known before the tables are there, and a shard that is added would have another.
            "on_every_shard": "",
            # A session's calls lie on the shards of their traces, so no shard knows all of it.
            "has_whole_sessions": "false" if self.asked else "true",
            "retention_days": str(self.retention_days),
        }
        return re.sub(r" +$", "", _PLACEHOLDER.sub(lambda match: values[match[1]], text), flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file.

    Attributes:
        version: Its number.
        name: Its file name.
        checksum: sha256 of its canonical text, in hex.
        statements: What it runs, rendered; empty where the layout has no need of it.
    """

    version: int
    name: str
    checksum: str
    statements: tuple[str, ...]


def load(layout: Layout, directory: Traversable | None = None) -> tuple[Migration, ...]:
    """Return all migrations for `layout`, in order, from `directory` or else from this package."""
    directory = directory or resources.files(__package__) / "migrations"
    files = sorted(
        (entry for entry in directory.iterdir() if _FILE.fullmatch(entry.name)), key=lambda entry: entry.name
    )
    return tuple(_read(file, layout) for file in files)


def pending(engine: Engine, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Return the migrations that this database has not had.

    Raises:
        StoreRefusedError: An applied file was edited, or the database has had migrations that we do not know.
    """
    if not engine.use_database() or not engine.command("EXISTS TABLE schema_migrations"):
        return tuple(migrations)
    known = {migration.version: migration for migration in migrations}
    last = 0
    for version, name, checksum in engine.query(_APPLIED).result_rows:
        last = version
        if version not in known:
            msg = f"database {engine.database} has had {name}, which this otel-llmcost does not know; upgrade it"
            raise StoreRefusedError(msg)
        if known[version].checksum != checksum:
            msg = (
                f"migration {known[version].name} was edited after it had been applied "
                f"(applied {checksum[:12]}, file {known[version].checksum[:12]}); restore the file and add a new one"
            )
            raise StoreRefusedError(msg)
        del known[version]
    if skipped := [migration.name for version, migration in known.items() if version < last]:
        msg = f"migration {skipped[0]} is older than {last:04d}, which was applied; give it the next free number"
        raise StoreRefusedError(msg)
    return tuple(known.values())


def migrate(engine: Engine, layout: Layout, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Apply what is pending and return it. A run that was cut short is continued by the next one.

    Raises:
        StoreRefusedError: The server is too old, a right is missing, a file was edited, the database is ahead of us,
            has lost a table or holds one that is not ours. Nothing was changed then.
    """
    if engine.version < MINIMUM_VERSION:
        found, wanted = (".".join(map(str, version)) for version in (engine.version, MINIMUM_VERSION))
        msg = f"ClickHouse {found} is too old for the rollups: upgrade the server to {wanted} or later"
        raise StoreRefusedError(msg)
    todo = pending(engine, migrations)
    preflight.check_rights(engine, todo, layout.asked)
    if layout.cluster:
        cluster.check(engine)
    if not engine.use_database():
        engine.command(layout.render(_CREATE_DATABASE))
        engine.use_database()
    if not todo:
        preflight.check(engine, migrations, ())
        return ()
    with one_at_a_time.held(engine, layout.render) as renew:
        todo = pending(engine, migrations)  # another one may have done it while we waited
        preflight.check(engine, migrations[: len(migrations) - len(todo)], todo)
        for migration in todo:
            _apply(engine, layout, migration, is_last=migration is todo[-1], renew=renew)
    return todo


def _apply(engine: Engine, layout: Layout, migration: Migration, *, is_last: bool, renew: Callable[[], None]) -> None:
    for statement in migration.statements:
        renew()
        if not (_EXCHANGE.match(statement) and preflight.leaves_retellings_out(engine)):
            engine.command(statement)
    if is_last:
        _comment_views(engine, layout)
        for statement in cluster.statements(engine, layout.asked) if layout.cluster else ():
            renew()
            engine.command(statement)
    renew()
    everywhere = f"FUNCTION cluster('{layout.cluster}', {layout.database}, schema_migrations)"
    noted = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    engine.change_everywhere(_NOTE.format(table=everywhere if layout.cluster else "schema_migrations"), noted)


def _comment_views(engine: Engine, layout: Layout) -> None:
    """Say on each column of a view what it means, in the words of the table behind it, since a view inherits none."""
    parameters = {"database": layout.database, "over_calls": list(_OVER_CALLS)}
    comments: dict[str, list[str]] = {}
    for view, name, comment in engine.query(_UNCOMMENTED, parameters).result_rows:
        said = comment.replace("\\", "\\\\").replace("'", "\\'")
        comments.setdefault(view, []).append(f"COMMENT COLUMN {name} '{said}'")
    for view, changes in comments.items():
        engine.command(layout.render(f"ALTER TABLE {view} {{on_cluster}}") + "\n" + ", ".join(changes))


def _read(file: Traversable, layout: Layout) -> Migration:
    canonical = file.read_bytes()
    text = canonical.decode()
    needed = not (layout.embedded and _SERVER_ONLY.search(text))
    statements = tuple(layout.render(statement) for statement in _split(text)) if needed else ()
    return Migration(int(file.name[:4]), file.name, hashlib.sha256(canonical).hexdigest(), statements)


def _split(text: str) -> list[str]:
    """Return the statements of a file, each of which ends with a semicolon at the end of a line."""
    code = "".join(f"{line}\n" for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in code.split(";\n") if statement.strip()]
