"""The ledger in ClickHouse: embedded (chDB) or a server, with the same SQL and the same answers.

A call is its key and a rollup is a function of the calls: writing a call twice, in other batches or by other
collectors changes nothing, so every failure is answered by writing again.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Final, Self

from otel_llmcost.errors import ConfigError, StoreError, StoreRefusedError
from otel_llmcost.store import corrections as _corrections
from otel_llmcost.store import definitions as _definitions
from otel_llmcost.store import derive as _derive
from otel_llmcost.store import dsn as _dsn
from otel_llmcost.store import erasing as _erasing
from otel_llmcost.store import handed as _handed
from otel_llmcost.store import migrate as _migrate
from otel_llmcost.store import owner as _owner
from otel_llmcost.store import retention as _retention
from otel_llmcost.store import settle as _settle
from otel_llmcost.store import writer as _writer
from otel_llmcost.store.cluster import SHARDED_BY, roles_of_asked
from otel_llmcost.store.corrections import Correction
from otel_llmcost.store.definitions import Difference
from otel_llmcost.store.engine import Engine, shard_database
from otel_llmcost.store.erasing import Erased
from otel_llmcost.store.migrate import Migration
from otel_llmcost.store.reader import Answered, Question, Reader
from otel_llmcost.store.rows import PricedCall, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

__all__ = [
    "DEFAULT_RETENTION_DAYS",
    "Answered",
    "Correction",
    "Difference",
    "Erased",
    "Migration",
    "PricedCall",
    "Question",
    "Reader",
    "Refused",
    "Rows",
    "Store",
    "asked_at",
    "connect",
    "hand_over",
]

DEFAULT_RETENTION_DAYS = 400
_TOUCH: Final = "INSERT INTO touched_hours SELECT arrayJoin({hours:Array(DateTime('UTC'))}), now('UTC')"


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a query.

    Attributes:
        names: The columns.
        types: Their ClickHouse types, such as `Decimal(38, 12)`.
        rows: Their values as Python has them: Decimal, datetime in UTC, str, int, None.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        """Iterate over the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def dicts(self) -> list[dict[str, object]]:
        """Return each row by the names of its columns."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


class Store:
    """An open store. Threads may share it; close it when done, best as a context manager.

    Attributes:
        location: The DSN as it may be shown, without a password.
        is_read_only: Whether `forbid_writes` was called.
        is_embedded: Whether the engine is in this process; then it derives only when told to.
        refused: How many rows were set aside, by kind (see `Refused`); of those of somebody who was `erased` nothing
            is kept.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        location: str,
        retention_days: int,
        clock_ns: Callable[[], int],
        on_refused: Callable[[Sequence[Refused]], None] | None,
    ) -> None:
        self.location, self.is_embedded = location, engine.embedded
        self.is_read_only = False
        self.refused: Counter[str] = Counter()
        self._engine, self._clock_ns, self._on_refused = engine, clock_ns, on_refused
        self._layout = _migrate.Layout(
            database=shard_database(engine.database) if engine.cluster else engine.database,
            embedded=engine.embedded,
            retention_days=retention_days,
            cluster=engine.cluster,
            asked=engine.database if engine.cluster else "",
        )

        self._kept = _retention.Kept(engine, retention_days)

    @cached_property
    def _tables(self) -> Engine:
        """What the tables themselves are reached by: the same engine, or in a cluster another connection."""
        return self._engine.of_shard() if self._engine.cluster else self._engine

    def plan(self) -> tuple[Migration, ...]:
        """Return the migrations that this database has not had, with the SQL that each would run."""
        return _migrate.pending(self._tables, _migrate.load(self._layout))

    def roles(self) -> str:
        """Return the SQL that gives writers, readers and operators of this database their rights."""
        text = (resources.files(__package__) / "sql" / "roles.sql").read_text(encoding="utf-8")
        on_cluster = f" ON CLUSTER '{self._engine.cluster}'" if self._engine.cluster else ""
        text = text.replace(" {on_cluster}", on_cluster).replace("{database}", self._layout.database)
        return text + roles_of_asked(self._engine.database, on_cluster) if on_cluster else text

    def migrate(self) -> tuple[Migration, ...]:
        """Bring the schema up to date and return what was applied. Safe to run again at any time."""
        return _migrate.migrate(self._tables, self._layout, _migrate.load(self._layout))

    def changed_by_hand(self) -> tuple[Difference, ...]:
        """Return what of the tables and views is not as the migrations make it. See `definitions.differences`."""
        return _definitions.differences(self._tables, self._layout)

    def write(self, calls: Sequence[PricedCall]) -> int:
        """Write calls and return how many the store took; a call that it already has counts as taken.

        A row that cannot be stored is set aside, counted in `refused` and handed to `on_refused`; it never keeps
        the others out.

        Raises:
            StoreUnreachableError: Write the same again later. What had arrived does not count twice.
            StoreRefusedError: The whole batch is refused, for a reason that lies not in its rows.
        """
        if not calls:
            return 0
        now_ns = self._clock_ns()
        since_ns = self._kept.since_ns(now_ns)
        written, refused = _writer.write(self._engine, calls, now_ns=now_ns, since_ns=since_ns)
        if erased := len(calls) - written - len(refused):
            self.refused["erased"] += erased
        if refused:
            self.refused.update(row.kind for row in refused)
            if self._on_refused is not None:
                self._on_refused(refused)
        return written

    def derive(self, *rollups: str) -> None:
        """Bring rollups up to date with what was written before; all of them, unless some are named.

        A server also does so by itself, in time.
        """
        _derive.derive(self._engine, rollups or _derive.ROLLUPS)

    def derived_ago_s(self) -> float:
        """Return how many seconds ago the newest derivation began, of the rollup that was derived longest ago."""
        return _derive.derived_ago_s(self._engine)

    def correct(self, corrections: Sequence[Correction]) -> int:
        """Post corrections of calls of the store and return how many; one that is there already does no harm."""
        return _corrections.post(self._engine, corrections, now_ns=self._clock_ns())

    def follow(self, calls: Sequence[tuple[str, str, int]]) -> None:
        """Have corrections count where their calls do, given trace id, span id and any Unix nanosecond of the hour."""
        _settle.follow(
            self._engine,
            {started_ns // _settle.HOUR_NS for _, _, started_ns in calls},
            [(trace_id, span_id) for trace_id, span_id, _ in calls],
        )

    def erase(self, kind: str, value: str, *, actor: str, reason: str) -> Erased:
        """Remove all calls of a `tenant` or a `user`, and correct what was derived from them. See `erasing.erase`."""
        return _erasing.erase(self._engine, kind, value, actor=actor, reason=reason)

    def retain(self, days: Mapping[str, int]) -> bool:
        """Have calls kept for so many days by environment ("": all others), and return whether that is new.

        What was derived from older ones stays. The engine removes them within hours.
        """
        is_new = _retention.retain(self._engine, self._layout.database, self._layout, days)
        self._kept.forget()
        return is_new

    def record(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows, all of the same columns, to a table of what was decided: the catalogue, events, months."""
        if not rows:
            return
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        if table in SHARDED_BY:
            self._engine.insert(table, columns, {"async_insert": 0})
        else:
            self._engine.insert_everywhere(table, columns)

    def recorded(self, table: str) -> list[dict[str, object]]:
        """Return what `record` wrote to a table of what every shard holds alike: each row once, its newest word."""
        return self.query(f"SELECT * FROM {self._layout.database}.{table} FINAL").dicts()  # noqa: S608 - a name of ours

    def take_handed(self) -> int:
        """Write the events that other processes handed to us as the owner of an embedded store; return how many.

        What cannot be read or is refused keeps its file, under another name.
        """
        if not self.is_embedded or self.is_read_only:
            return 0
        taken = 0
        for path, rows in _handed.handed(self._engine.directory):
            is_taken = bool(rows)
            try:
                self.record("cost_events_log", rows)
            except (StoreRefusedError, LookupError, TypeError, ValueError):  # of another version, or of nobody
                is_taken = False
            if is_taken:
                path.unlink()
                taken += len(rows)
            else:
                path.rename(path.with_suffix(".refused"))
        return taken

    def touch(self, hours_ns: Iterable[int]) -> None:
        """Have the hours that begin at these Unix nanoseconds derived anew, however they are now."""
        hours = [datetime.fromtimestamp(hour // 10**9, UTC) for hour in sorted(set(hours_ns))]
        if hours:
            self._engine.change_everywhere(_TOUCH, {"hours": hours})

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        """Return the rows of a query.

        Args:
            sql: One SELECT, with its values as `{name:Type}` parameters.
            parameters: The values by name.
        """
        result = self._engine.query(sql, parameters)
        return Rows(
            tuple(result.column_names),
            tuple(kind.name for kind in result.column_types),
            tuple(tuple(row) for row in result.result_rows),
        )

    def query_bytes(self, sql: str, parameters: Mapping[str, object] | None = None, *, form: str) -> bytes:
        """Return the answer to a query in a format of ClickHouse's own, such as `JSON` or `CSVWithNames`."""
        return self._engine.raw(sql, parameters, form)

    def forbid_writes(self) -> None:
        """Answer queries only from here on, for SQL that somebody else wrote; in JSON, decimals are text."""
        self._engine.forbid_writes()
        self.is_read_only = True

    def reader(self) -> Reader:
        """Return what answers queries of others, of an embedded engine; it ends with the store."""
        return Reader(self._engine.directory, self._engine.database)

    def announce(self, address: str) -> None:
        """Tell other processes of this machine where the owner of an embedded store answers queries."""
        _owner.announce(self._engine.directory, address)

    def close(self) -> None:
        """End the connection; an embedded store gives up its directory."""
        if (tables := vars(self).get("_tables")) is not None and tables is not self._engine:
            tables.close()
        self._engine.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def asked_at(dsn: str) -> str:
    """Return where another process that owns the embedded store of a DSN answers queries; empty where none does."""
    target = _dsn.parse(dsn)
    return _owner.asked_at(target.directory) if isinstance(target, _dsn.Embedded) else ""


def hand_over(dsn: str, events: Sequence[Mapping[str, object]]) -> None:
    """Leave rows of `cost_events_log` for the process that owns the embedded store of a DSN, which writes them soon.

    Raises:
        StoreError: They cannot be left there.
    """
    target = _dsn.parse(dsn)
    assert isinstance(target, _dsn.Embedded)
    try:
        _handed.hand_over(target.directory, events)
    except OSError as exc:
        msg = f"events cannot be handed to the owner of {target.directory}: {exc}"
        raise StoreError(msg) from exc


def connect(
    dsn: str,
    *,
    cluster: str = "",
    retention_days: int = DEFAULT_RETENTION_DAYS,
    clock_ns: Callable[[], int] = time.time_ns,
    on_refused: Callable[[Sequence[Refused]], None] | None = None,
) -> Store:
    """Open the store that a DSN names. It is not migrated by this.

    Args:
        dsn: `chdb:///absolute/directory`, `chdb://memory`, `clickhouse://user:password@host:8123/database`, or
            `clickhouses://` for TLS.
        cluster: The cluster over which the store is spread, by the name that the server has for it; empty for none.
        retention_days: Days for which calls are kept, at least 2; older ones are refused.
        clock_ns: Tells the present in Unix nanoseconds.
        on_refused: Called after a write with the rows that were set aside.

    Raises:
        ConfigError: The DSN, the cluster or the retention cannot be used.
        StoreUnreachableError: Nobody answers there.
        StoreRefusedError: The server does not let us in.
        StoreError: The embedded directory is in use, unwritable or damaged.
    """
    if retention_days < _retention.MIN_DAYS:
        msg = f"retention_days is {retention_days}; give at least {_retention.MIN_DAYS}"
        raise ConfigError(msg)
    target = _dsn.parse(dsn, cluster)
    return Store(
        Engine(target),
        location=str(target),
        retention_days=retention_days,
        clock_ns=clock_ns,
        on_refused=on_refused,
    )
