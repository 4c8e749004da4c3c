"""The store's tests run twice: on the embedded engine, and on a real server over HTTP."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.store import Store, connect, derive
from tests.support import clickhouse
from tests.support.stores import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def library() -> Path:
    """The real server's library. Where it cannot be had its tests are skipped, but never in CI."""
    try:
        return clickhouse.fetch()
    except clickhouse.UnavailableError as exc:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the real ClickHouse server: {exc}")
        pytest.skip(f"no real ClickHouse server: {exc}")


@pytest.fixture(scope="session")
def server(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.Server]:
    """One server for the whole run; every test has a database of its own on it."""
    with clickhouse.running(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each kind of engine in turn."""
    return str(request.param)


@pytest.fixture
def dsn(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store on each kind of engine in which there is nothing yet."""
    if engine == "chdb":
        yield f"chdb://{tmp_path}/store"
        return
    running: clickhouse.Server = request.getfixturevalue("server")
    dsn = running.dsn(f"test_{uuid.uuid4().hex}")
    yield dsn
    _drop(dsn)


@pytest.fixture(scope="session")
def migrated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store of the embedded engine, to be copied."""
    place = tmp_path_factory.mktemp("migrated") / "store"
    with connect(f"chdb://{place}") as store:
        store.migrate()
    return place


@pytest.fixture(scope="session")
def migrated_database(server: clickhouse.Server) -> Iterator[str]:
    """A database of the server for tests that want a migrated one, to be emptied."""
    dsn = server.dsn(f"test_{uuid.uuid4().hex}")
    yield dsn
    _drop(dsn)


@pytest.fixture
def migrated_dsn(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated store without calls on each kind of engine. It is not made anew: that takes longer than most tests."""
    if engine == "chdb":
        shutil.copytree(request.getfixturevalue("migrated_files"), tmp_path / "migrated", symlinks=True)
        return f"chdb://{tmp_path}/migrated"
    dsn: str = request.getfixturevalue("migrated_database")
    _empty(dsn)
    return dsn


@pytest.fixture
def store(migrated_dsn: str) -> Iterator[Store]:
    """A migrated store in which nothing is derived unless the test asks."""
    with connect(migrated_dsn) as store:
        if not store._engine.embedded:
            for rollup in derive.ROLLUPS:
                store._engine.command(f"SYSTEM STOP VIEW {rollup}_log_mv")
        yield store


_made: dict[str, str] = {}
"""The definitions of a database as the migrations made it, as a hash, by its DSN."""


def _empty(dsn: str) -> None:
    """Empty the tables of a database; make it anew where the test before changed more than rows."""
    if dsn not in _made or _definitions(dsn) != _made[dsn]:
        _drop(dsn)
        with connect(dsn) as store:
            store.migrate()
        _made[dsn] = _definitions(dsn)
    with connect(dsn) as store:
        store._engine.command("SYSTEM START MERGES")
        store._engine.command("SYSTEM START TTL MERGES")
        filled = f"SELECT name FROM system.tables WHERE {_OURS} AND total_rows AND name != 'schema_migrations'"
        for (table,) in store.query(filled):
            store._engine.command(f"TRUNCATE TABLE {table} SYNC")


def _definitions(dsn: str) -> str:
    hashed = f"SELECT groupBitXor(cityHash64(name, create_table_query)) FROM system.tables WHERE {_OURS}"
    with connect(dsn) as store:
        return str(store.query(hashed).rows[0][0])


_OURS = "database = currentDatabase()"


def _drop(dsn: str) -> None:
    with connect(dsn) as store:
        store._engine.command(f"DROP DATABASE IF EXISTS {store._engine.database} SYNC")
