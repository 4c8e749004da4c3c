"""What is looked at before a migration: a fault that is found here is named, and nothing has been changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import StoreRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from otel_llmcost.store.engine import Engine
    from otel_llmcost.store.migrate import Migration

_MADE: Final = re.compile(r"CREATE (?:OR REPLACE )?(TABLE|VIEW|MATERIALIZED VIEW) (?:IF NOT EXISTS )?(\w+)")
_DROPPED: Final = re.compile(r"DROP TABLE IF EXISTS (\w+)")
_COMMENT: Final = re.compile(r"\nCOMMENT '((?:[^'\\]|\\.|'')*)';?$")
_KIND: Final = {"TABLE": "%MergeTree", "VIEW": "View", "MATERIALIZED VIEW": "MaterializedView"}

_PRESENT: Final = "SELECT name, engine, comment FROM system.tables WHERE database = {database:String}"
_ENGINE: Final = "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = 'llm_calls_log'"
_LEAVES_OUT: Final = "ReplacingMergeTree(precedence, is_retelling)"
_LEAVES_OUT_SINCE: Final = 8
_ENGINES: Final = ("Atomic", "ReplacingMergeTree", "Memory")
"""What a server may have to be asked for by name (`table_engines_require_grant`)."""

_RIGHTS_OF_CLUSTER: Final = ("CLUSTER", "REMOTE", "CREATE TEMPORARY TABLE")
_RIGHTS: Final = "SELECT, INSERT, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, ALTER TABLE, ALTER VIEW"


def check(engine: Engine, applied: Sequence[Migration], todo: Sequence[Migration]) -> None:
    """Refuse a database on which `todo` would fail half-way or change what is not ours.

    Raises:
        StoreRefusedError: A table that was applied is gone or has another engine, or a foreign one is in the way.
    """
    rows = engine.query(_PRESENT, {"database": engine.database}).result_rows
    present = {str(name): (str(kind), str(comment)) for name, kind, comment in rows}
    _check_nothing_is_gone(engine.database, applied, present)
    if any(migration.version == _LEAVES_OUT_SINCE for migration in applied) and not leaves_retellings_out(engine):
        msg = (
            f"llm_calls_log of database {engine.database} has not the engine {_LEAVES_OUT}, so that what several told "
            "counts several times: stop all collectors and make the table anew, as 0008_tell_each_call_once.sql does"
        )
        raise StoreRefusedError(msg)
    before = set(_made_by(applied))
    _check_nothing_is_in_the_way(
        engine.database, todo, {name: it for name, it in present.items() if name not in before}
    )


def leaves_retellings_out(engine: Engine) -> bool:
    """Tell whether the engine of the calls' table knows which tellings do not count."""
    rows = engine.query(_ENGINE, {"database": engine.database}).result_rows
    # A replicated engine has its path before these arguments.
    return bool(rows) and "precedence, is_retelling)" in str(rows[0][0])


def check_rights(engine: Engine, todo: Sequence[Migration], asked: str = "") -> None:
    """Refuse a user who may not do what `todo` does, in a cluster also in the database that is asked.

    Raises:
        StoreRefusedError: It says which rights are missing.
    """
    if engine.embedded or not todo:
        return
    rights = [(right.strip(), f"{name}.*") for name in (engine.database, asked) if name for right in _RIGHTS.split(",")]
    rights += [("CREATE DATABASE", f"{engine.database}.*")] if not engine.use_database() else []
    rights += [("TABLE ENGINE", name) for name in _ENGINES]
    rights += [(right, "*.*") for right in _RIGHTS_OF_CLUSTER if asked]
    missing = [
        right if place == f"{engine.database}.*" else f"{right} ON {place}"
        for right, place in rights
        if not engine.query(f"CHECK GRANT {right} ON {place}").result_rows[0][0]
    ]
    if missing:
        msg = (
            f"this user may not migrate database {engine.database}: it lacks {', '.join(missing)}; "
            "let a user who may run `llmcost migrate`, or grant them"
        )
        raise StoreRefusedError(msg)


def require(engine: Engine, home: str, rights: Sequence[str], doing: str) -> None:
    """Refuse a user who would get stuck half-way through something.

    Args:
        engine: The store.
        home: The database that holds the rows.
        rights: What it takes there.
        doing: What it is, for the message.

    Raises:
        StoreRefusedError: It says which rights are missing.
    """
    if engine.embedded:
        return
    missing = [right for right in rights if not engine.query(f"CHECK GRANT {right} ON {home}.*").result_rows[0][0]]
    if missing:
        msg = (
            f"this user may not {doing}: it lacks {', '.join(missing)} on database {home}; "
            "let a user who has the role llmcost_admin do it, or grant them"
        )
        raise StoreRefusedError(msg)


def _check_nothing_is_gone(database: str, applied: Sequence[Migration], present: Mapping[str, tuple[str, str]]) -> None:
    if gone := sorted(set(_made_by(applied)) - set(present)):
        msg = (
            f"database {database} has had every migration up to {applied[-1].name} and lacks {', '.join(gone)}; "
            "`llmcost verify` says how to make a view again; restore a table from a backup"
        )
        raise StoreRefusedError(msg)


def _check_nothing_is_in_the_way(
    database: str, todo: Iterable[Migration], present: Mapping[str, tuple[str, str]]
) -> None:
    """Refuse a table of the same name that another program made; what a run of ours left half-way is ours."""
    for name, statement in _made_by(todo).items():
        if name not in present:
            continue
        kind, comment = present[name]
        ours = _COMMENT.search(statement)
        is_ours = kind.endswith(_KIND[_kind_of(statement)].strip("%")) and (ours is None or comment == _plain(ours[1]))
        if not is_ours:
            msg = (
                f"database {database} holds a table {name} that is not ours ({kind}); "
                "name another database in the DSN, or move that table away"
            )
            raise StoreRefusedError(msg)


def _made_by(migrations: Iterable[Migration]) -> dict[str, str]:
    """Return the statement that made each table and view that the migrations leave behind."""
    made: dict[str, str] = {}
    for migration in migrations:
        for statement in migration.statements:
            if created := _MADE.match(statement):
                made.setdefault(created[2], statement)
            elif dropped := _DROPPED.match(statement):
                made.pop(dropped[1], None)
    return made


def _kind_of(statement: str) -> str:
    created = _MADE.match(statement)
    assert created is not None
    return created[1]


def _plain(literal: str) -> str:
    return literal.replace("''", "'").replace("\\'", "'").replace("\\\\", "\\")
