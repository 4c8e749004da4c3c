"""The store's tests run twice: on the embedded engine, and on a real server over HTTP."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.store import Store, connect, derive
from tests.support import clickhouse

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


@pytest.fixture(params=["chdb", pytest.param("server", marks=pytest.mark.server)])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store on each kind of engine."""
    if request.param == "chdb":
        yield f"chdb://{tmp_path}/store"
        return
    running: clickhouse.Server = request.getfixturevalue("server")
    dsn = running.dsn(f"test_{uuid.uuid4().hex}")
    yield dsn
    with connect(dsn) as store:
        store._engine.command(f"DROP DATABASE IF EXISTS {store._engine.database} SYNC")


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    """A migrated store in which nothing is derived unless the test asks."""
    with connect(dsn) as store:
        store.migrate()
        if not store._engine.embedded:
            for rollup in derive.ROLLUPS:
                store._engine.command(f"SYSTEM STOP VIEW {rollup}_log_mv")
        yield store
