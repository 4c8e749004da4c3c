"""Collectors that run in this process, on free ports, over a real store."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from llmcost_collector.service import Collector, read_setup

from otel_llmcost.store import Rows, Store, connect
from tests.store.conftest import library, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from otel_llmcost.call import LLMCall

__all__ = ["library", "server"]

WITHIN_S = 180


@dataclass(slots=True)
class Running:
    """A collector and the store it writes to."""

    collector: Collector
    store: Store
    data_dir: Path

    @property
    def grpc(self) -> int:
        return self.collector.ports["grpc"]

    @property
    def http(self) -> int:
        return self.collector.ports["http"]

    def rows(self, sql: str) -> Rows:
        return self.store.query(sql)

    def stored(self, calls: Sequence[LLMCall]) -> list[tuple[object, ...]]:
        """Return what the store says of calls, in their order, once all of them are there."""
        ids = [call.trace_id for call in calls]
        parameters = {"ids": ids}
        self.until(lambda: len(self.store.query(_CALLS, parameters)) >= len(ids))
        return sorted(self.store.query(_CALLS, parameters), key=lambda row: ids.index(str(row[0])))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that has to come."""
        deadline_s = time.monotonic() + WITHIN_S
        while not is_so():
            if time.monotonic() > deadline_s:
                pytest.fail(f"it did not come within {WITHIN_S} s; the store said {self.collector.progress}")
            time.sleep(0.05)


_CALLS = """
SELECT trace_id, span_id, feature, service_name, list_cost, price_status
FROM llm_calls
WHERE trace_id IN {ids:Array(String)}
"""


@contextmanager
def running(data_dir: Path, store: Store, **variables: str) -> Iterator[Running]:
    """Run a collector over a store for the length of a `with` block."""
    environ = {"LLMCOST_GRPC_ENDPOINT": "127.0.0.1:0", "LLMCOST_HTTP_ENDPOINT": "127.0.0.1:0", **variables}
    collector = Collector(read_setup(environ, data_dir), store)
    collector.start()
    try:
        yield Running(collector, store, data_dir)
    finally:
        collector.stop()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The embedded store of a module's tests: a process can have one open at a time, and opening it takes a second."""
    with connect(f"chdb://{tmp_path_factory.mktemp('store')}") as opened:
        opened.migrate()
        yield opened


@pytest.fixture(scope="module")
def up(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector for the tests of a module, each of which asks for its own calls."""
    with running(tmp_path_factory.mktemp("collector"), store) as started:
        yield started
