"""A store on several shards: each of them is a whole ledger, of the calls whose trace ids hash to it.

The migrations run in a database of their own on every shard, and are the same there as on a single node. The database
that people and collectors ask holds no rows: under the same names it has Distributed tables over all shards. So
whatever tells of a call goes to the shard of its trace, where FINAL finds it and the hour is derived; and a sum over
the shards is a sum over the calls.

What was decided and not called (features, rates, closed months) is told to every shard, and read from the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import StoreRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.store.engine import Engine

SHARDED_BY: Final = {
    "llm_calls_log": "cityHash64(trace_id)",
    "cost_events_log": "cityHash64(event_id)",
    "erased_log": "cityHash64(subject)",
    "books_log": "cityHash64(feature)",
}
"""By what rows find their shard. It has to be part of their key, so that a row that is told again finds the first."""

DECIDED: Final = frozenset(
    {
        *("closed_months", "derivable_since", "features", "kept_since", "limits", "rates", "reported_tags"),
        *("resting", "retention"),
    }
)
"""Tables and views that say the same on every shard."""

SUMS_OF_PARTS: Final = frozenset({"request_attempts", "session_spend"})
"""Views that sum up hours to one row a key, and therefore have to sum over the shards as well."""

_RIGHTS: Final = {
    "llmcost_writer": "SELECT, INSERT",
    "llmcost_reader": "SELECT",
    "llmcost_admin": "SELECT, INSERT, ALTER, CREATE, DROP",
    "llmcost_team_reader": "SELECT",
}
_TABLES: Final = """
SELECT name, as_select, comment
FROM system.tables
WHERE database = {database:String} AND engine != 'MaterializedView' AND NOT startsWith(name, 'migrating')
ORDER BY name
"""
_REPLICAS: Final = """
SELECT count() FROM system.clusters WHERE cluster = {cluster:String} AND replica_num > 1 AND NOT internal_replication
"""


def roles_of_asked(asked: str, on_cluster: str) -> str:
    """Return the SQL of the rights in the database that is asked; what they may see there is decided on the shards."""
    grants = [f"GRANT{on_cluster} {rights} ON {asked}.* TO {role};" for role, rights in _RIGHTS.items()]
    grants += [
        f"GRANT{on_cluster} TABLE ENGINE ON {engine} TO llmcost_admin;"
        for engine in ("Distributed", "ReplicatedReplacingMergeTree")
    ]
    grants.append(f"GRANT{on_cluster} CLUSTER, REMOTE, CREATE TEMPORARY TABLE ON *.* TO llmcost_admin;")
    return "\n-- The database that is asked, over all shards.\n" + "\n".join(grants) + "\n"


def check(engine: Engine) -> None:
    """Refuse a cluster that does not exist, or that would write every row to a replica twice.

    Raises:
        StoreRefusedError: It says what is wrong with which cluster.
    """
    if engine.shards and engine.query(_REPLICAS, {"cluster": engine.cluster}).result_rows[0][0]:
        msg = (
            f"cluster {engine.cluster} has replicas without internal_replication: write "
            "<internal_replication>true</internal_replication> into each shard of remote_servers"
        )
        raise StoreRefusedError(msg)


def statements(engine: Engine, asked: str) -> Iterator[str]:
    """Return what makes the database that is asked, over the tables of the shards as they are now.

    Args:
        engine: Connected to the tables of a shard.
        asked: The name of the database.
    """
    on_cluster = f"ON CLUSTER '{engine.cluster}'"
    yield f"CREATE DATABASE IF NOT EXISTS {asked} {on_cluster} ENGINE = Atomic"
    tables = engine.query(_TABLES, {"database": engine.database}).result_rows
    for name, as_select, said in sorted(tables, key=lambda row: row[0] in SUMS_OF_PARTS):
        comment = said.replace("\\", "\\\\").replace("'", "\\'")
        if name in SUMS_OF_PARTS:
            select = as_select.replace(f"{engine.database}.", f"{asked}.")
            yield f"CREATE OR REPLACE VIEW {asked}.{name} {on_cluster} AS\n{select}\nCOMMENT '{comment}'"
        elif name in DECIDED:
            select = f"SELECT * FROM {engine.database}.{name}"  # noqa: S608 - names of ours
            yield f"CREATE OR REPLACE VIEW {asked}.{name} {on_cluster} AS\n{select}\nCOMMENT '{comment}'"
        else:
            key = f", {SHARDED_BY[name]}" if name in SHARDED_BY else ""
            yield (
                f"CREATE OR REPLACE TABLE {asked}.{name} {on_cluster} AS {engine.database}.{name}\n"
                f"ENGINE = Distributed('{engine.cluster}', '{engine.database}', '{name}'{key})\nCOMMENT '{comment}'"
            )
