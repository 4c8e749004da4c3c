"""One connection to a ClickHouse engine, embedded or over HTTP, that raises only errors of ours."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import ConfigError, StoreError, StoreRefusedError, StoreUnreachableError
from otel_llmcost.store import owner
from otel_llmcost.store.dsn import Embedded, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import pyarrow as pa
    from clickhouse_connect.datatypes.base import ClickHouseType
    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.exceptions import Error
    from clickhouse_connect.driver.query import QueryResult


class RowsRefusedError(StoreRefusedError):
    """Permanent, and perhaps the fault of some rows only: the others may be accepted without them."""


class TableExistsError(StoreRefusedError):
    """Somebody else was first to make a table of this name."""


RETRYABLE_CODES: Final = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        159,  # TIMEOUT_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        999,  # KEEPER_EXCEPTION
    }
)
"""Engine errors that pass by themselves."""

ROW_CODES: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        469,  # VIOLATED_CONSTRAINT
    }
)
"""Engine errors that single rows of an insert can cause."""

_OF_CLUSTER: Final[dict[str, object]] = {
    "distributed_foreground_insert": 1,  # what was written is on its shard
    "distributed_product_mode": "global",  # a subquery is answered by all shards, once
    "load_balancing": "first_or_random",  # of several replicas the one that was written to
}
"""With what a store on a cluster is asked."""

_SHARDS: Final = "SELECT max(shard_num) FROM system.clusters WHERE cluster = {cluster:String}"
_NEAREST: Final = "SELECT shard_num FROM system.clusters WHERE cluster = {cluster:String} AND is_local"
_DATABASE_EXISTS: Final = "SELECT count() FROM system.databases WHERE name = {name:String}"
_TABLE_EXISTS: Final = 57
_UNMIGRATED_CODES: Final = frozenset({60, 81})  # UNKNOWN_TABLE, UNKNOWN_DATABASE


class Engine:
    """A connection over clickhouse-connect that threads may share.

    Args:
        target: Where to.

    Attributes:
        embedded: Whether the engine lives in this process.
        database: The store's database, which need not exist yet.
        cluster: The name of its cluster; empty for a single node.

    Raises:
        StoreError: The embedded directory cannot be used.
        StoreUnreachableError: Nobody answers.
        StoreRefusedError: The server does not let us in.
    """

    def __init__(self, target: Embedded | Server) -> None:
        self.embedded = isinstance(target, Embedded)
        self.database = target.database
        self.cluster = target.cluster if isinstance(target, Server) else ""
        self._target = target
        self._has_database = False
        self._shards = 0
        self._types: dict[str, dict[str, ClickHouseType]] = {}
        self._owned = owner.acquire(target.directory) if isinstance(target, Embedded) else None
        try:
            self._client = self._open()
            self.use_database()
        except BaseException:
            self._release()
            raise

    def _open(self) -> Client:
        try:
            from clickhouse_connect.driver import create_client
        except ImportError as exc:
            msg = 'the store needs clickhouse-connect: pip install "otel-llmcost[clickhouse]"'
            raise ConfigError(msg) from exc
        target = self._target
        if isinstance(target, Embedded):
            return self._open_embedded()
        options: dict[str, Any] = dict(target.options)
        with self._translated():
            return create_client(
                interface="https" if target.secure else "http",
                host=target.host,
                port=target.port,
                username=target.username,
                password=target.password,
                autogenerate_session_id=False,  # a session would let one query run at a time
                show_clickhouse_errors="scrub",
                form_encode_query_params=True,  # an address has no room for thousands of trace ids
                settings=dict(_OF_CLUSTER) if target.cluster else {},
                **options,
            )

    def _open_embedded(self) -> Client:
        from clickhouse_connect.driver import create_client
        from clickhouse_connect.driver.exceptions import Error

        try:
            return create_client(interface="chdb", path=self._owned, show_clickhouse_errors="scrub")
        except ImportError as exc:
            msg = 'a chdb:// store needs chDB: pip install "otel-llmcost[embedded]"'
            raise ConfigError(msg) from exc
        except Error as exc:
            msg = (
                f"the embedded store {self._owned} cannot be opened ({_first_line(exc)}); "
                "its files may be damaged: move the directory away or restore it from a backup"
            )
            raise StoreError(msg) from exc

    def of_shard(self) -> Engine:
        """Return a connection to the tables of the shard behind this one, where the store is on a cluster."""
        assert isinstance(self._target, Server)
        return self.beside(shard_database(self.database))

    def beside(self, database: str) -> Engine:
        """Return a connection to another database of the same engine; it need not exist yet."""
        return Engine(replace(self._target, database=database))

    @property
    def shards(self) -> int:
        """How many shards the cluster has; 1 for a single node.

        Raises:
            StoreRefusedError: The server knows no such cluster.
        """
        if not self.cluster:
            return 1
        if not self._shards:
            with self._translated():
                rows = self._client.query(_SHARDS, parameters={"cluster": self.cluster}).result_rows
            self._shards = int(rows[0][0])
        if not self._shards:
            msg = f"{self._target} knows no cluster {self.cluster}: name one of its remote_servers in LLMCOST_CLUSTER"
            raise StoreRefusedError(msg)
        return self._shards

    @property
    def directory(self) -> str:
        """The directory of an embedded engine, as the engine knows it."""
        assert self._owned is not None
        return self._owned

    @property
    def version(self) -> tuple[int, int]:
        """The engine's year and release, such as (26, 9)."""
        year, release, *_ = str(self._client.server_version).split(".")
        return int(year), int(release)

    def use_database(self) -> bool:
        """Make the store's database the current one and tell whether it exists."""
        with self._translated():
            rows = self._client.query(_DATABASE_EXISTS, parameters={"name": self.database}).result_rows
        if rows[0][0]:
            self._client.database = self.database
            self._has_database = True
        return self._has_database

    def command(self, sql: str, settings: Mapping[str, object] | None = None) -> object:
        """Run one statement and return its only value, if it has one."""
        with self._translated(), self._in_database():
            return self._client.command(sql, settings=dict(settings or {}))

    def change(self, sql: str, parameters: Mapping[str, object], settings: Mapping[str, object] | None = None) -> None:
        """Run one statement that changes rows, with `{name:Type}` parameters of any size."""
        with self._translated(), self._in_database():
            self._client.raw_query(sql, parameters=dict(parameters), settings=dict(settings or {}))

    def change_everywhere(self, sql: str, parameters: Mapping[str, object]) -> None:
        """Run an INSERT once on every shard: for rows that each of them has to have, and that do no harm twice."""
        for settings in self._each_shard():
            self.change(sql, parameters, settings)

    def insert_everywhere(self, table: str, columns: Mapping[str, Sequence[object]]) -> None:
        """Insert the same rows on every shard."""
        for settings in self._each_shard():
            self.insert(table, columns, {"async_insert": 0, **settings})

    def _each_shard(self) -> Iterator[dict[str, object]]:
        """Yield what sends an insert to each shard: to the nearest last, so that what it says is said everywhere."""
        if not self.cluster:
            yield {}
            return
        nearest = {row[0] for row in self.query(_NEAREST, {"cluster": self.cluster}).result_rows}
        for number in sorted(range(1, self.shards + 1), key=lambda number: number in nearest):
            yield {"insert_shard_id": number}

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> QueryResult:
        """Return the rows of a query whose values are `{name:Type}` parameters."""
        with self._translated(), self._in_database():
            return self._client.query(sql, parameters=dict(parameters or {}))

    def raw(self, sql: str, parameters: Mapping[str, object] | None, form: str) -> bytes:
        """Return the answer to a query in one of ClickHouse's own formats."""
        with self._translated(), self._in_database():
            return self._client.raw_query(sql, parameters=dict(parameters or {}), fmt=form)

    def forbid_writes(self) -> None:
        """Refuse every statement but a query from here on. Money is written in JSON as text, which keeps its digits."""
        with self._translated():
            self._client.set_client_setting("output_format_json_quote_decimals", 1)
            self._client.set_client_setting("readonly", 2)

    def insert(self, table: str, columns: Mapping[str, Sequence[object]], settings: Mapping[str, object]) -> None:
        """Insert rows given by column. A client that sends the same insert twice does no harm: rows are their keys.

        Raises:
            RowsRefusedError: Some of the rows may be at fault.
        """
        with self._translated(), self._in_database():
            types = self._column_types(table)
            # A context of its own for each insert, so that threads can share the connection.
            context = self._client.create_insert_context(
                table,
                column_names=list(columns),
                column_types=[types[name] for name in columns],
                column_oriented=True,
                settings=dict(settings),
            )
            try:
                context.data = list(columns.values())
                self._client.data_insert(context)
            except (ValueError, TypeError, ArithmeticError, AttributeError, LookupError) as exc:
                msg = f"a row of {table} cannot be encoded: {_first_line(exc)}"
                raise RowsRefusedError(msg) from exc

    def insert_arrow(self, table: str, rows: pa.Table, settings: Mapping[str, object]) -> None:
        """Insert rows given as Arrow; what a column leaves null gets its default.

        Raises:
            RowsRefusedError: Some of the rows may be at fault.
        """
        with self._translated(), self._in_database():
            self._client.insert_arrow(table, rows, settings=dict(settings))

    def _column_types(self, table: str) -> dict[str, ClickHouseType]:
        """Return the types of a table's columns, which the engine is asked for once."""
        if table not in self._types:
            context = self._client.create_insert_context(table)
            self._types[table] = dict(zip(context.column_names, context.column_types, strict=True))
        return self._types[table]

    def close(self) -> None:
        """End the connection and give back what it holds."""
        self._client.close()
        self._release()

    def _release(self) -> None:
        if self._owned is not None:
            owner.release(self._owned)
            self._owned = None

    @contextmanager
    def _in_database(self) -> Iterator[None]:
        """Run in the store's database, also where another connection has created it since ours was opened."""
        if not self._has_database:
            self.use_database()
        yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import Error

        try:
            yield
        except Error as exc:
            raise self._error_of(exc) from exc
        except OSError as exc:
            msg = f"{self._target} cannot be reached: {_first_line(exc)}"
            raise StoreUnreachableError(msg) from exc

    def _error_of(self, exc: Error) -> StoreError:
        """Return the error of ours for one of the client's: retryable or permanent, never in between."""
        from clickhouse_connect.driver.exceptions import DataError, OperationalError

        said, code = _first_line(exc), exc.code
        if code in RETRYABLE_CODES:
            return StoreUnreachableError(f"{self._target} cannot answer now: {said}")
        if code in ROW_CODES or (code is None and isinstance(exc, DataError)):
            return RowsRefusedError(f"{self._target} refuses: {said}")
        if code == _TABLE_EXISTS:
            return TableExistsError(f"{self._target} refuses: {said}")
        if code in _UNMIGRATED_CODES:
            return StoreRefusedError(f"{self._target} lacks a table: run `llmcost migrate` ({said})")
        if code is None and isinstance(exc, OperationalError):
            return StoreUnreachableError(f"{self._target} cannot be reached: {said}; check host, port and network")
        return StoreRefusedError(f"{self._target} refuses: {said}")


def shard_database(database: str) -> str:
    """Return the database that holds, on every shard of a cluster, the tables behind those of a store."""
    return f"{database}_shard"


def _first_line(exc: BaseException) -> str:
    """Return what an exception says as one line of at most 300 characters."""
    return " ".join(str(exc).split())[:300] or type(exc).__name__
