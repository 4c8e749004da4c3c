"""Whatever happens on the way: calls and rollups say the truth, to the last digit."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import StoreUnreachableError
from otel_llmcost.store import PricedCall, Store, connect, derive
from tests.store.ledger import SAID, many_calls, said_by, truth_of
from tests.support import clickhouse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

WRITERS = 3
PATIENCE_S = 300


def under_other_rules(calls: Sequence[PricedCall]) -> list[PricedCall]:
    """The same calls as a collector saw them that received them later and attributed them otherwise."""
    return [
        replace(
            row,
            call=replace(row.call, attribution=replace(row.call.attribution, feature="ghost", session_id="ghost")),
            received_at_ns=row.received_at_ns + 1_000_000,
        )
        for row in calls
    ]


def batches(calls: Sequence[PricedCall], seed: int, largest: int) -> list[list[PricedCall]]:
    """All calls in random order and random batches, and a fifth of the batches once more."""
    rng = random.Random(seed)
    shuffled, cut = rng.sample(calls, len(calls)), list[list[PricedCall]]()
    while shuffled:
        size = rng.randint(1, largest)
        cut.append(shuffled[:size])
        shuffled = shuffled[size:]
    return rng.sample(cut + rng.sample(cut, len(cut) // 5), len(cut) + len(cut) // 5)


class Writers:
    """Three writers at once, one of them under other rules; each goes on until everything is acknowledged."""

    def __init__(self, dsn: str, calls: Sequence[PricedCall], largest: int) -> None:
        self.acknowledged = 0
        self.errors: list[BaseException] = []
        self._dsn, self._moved = dsn, threading.Condition()
        views = [under_other_rules(calls), *[calls] * (WRITERS - 1)]
        todo = [batches(view, seed, largest) for seed, view in enumerate(views)]
        self.batches = sum(map(len, todo))
        self._threads = [threading.Thread(target=self._run, args=(part,), daemon=True) for part in todo]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledged: int) -> None:
        with self._moved:
            reached = lambda: bool(self.errors) or self.acknowledged >= acknowledged
            assert self._moved.wait_for(reached, PATIENCE_S), "the writers hang"
        assert not self.errors, self.errors

    def join(self) -> None:
        self.wait_for(self.batches)
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _run(self, todo: list[list[PricedCall]]) -> None:
        try:
            with self._opened() as store:
                for batch in todo:
                    self._until_acknowledged(partial(store.write, batch))
                    with self._moved:
                        self.acknowledged += 1
                        self._moved.notify_all()
        except BaseException as exc:  # noqa: BLE001 - shown by the test
            with self._moved:
                self.errors.append(exc)
                self._moved.notify_all()

    def _opened(self) -> Store:
        opened: list[Store] = []
        self._until_acknowledged(lambda: opened.append(connect(self._dsn)))
        return opened[0]

    def _until_acknowledged(self, attempt: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                attempt()
            except StoreUnreachableError:
                assert time.monotonic() < deadline
                time.sleep(0.05)  # the server is being restarted
            else:
                return


def test_three_writers_a_fifth_sent_twice_and_rules_that_differ(migrated_dsn: str, store: Store) -> None:
    """Derivations run all the while, and a reader never sees an hour that is half there or gone."""
    calls = many_calls(1_500, seed=21)
    writers = Writers(migrated_dsn, calls, largest=150)
    seen = [0]
    writers.start()
    while writers.acknowledged < writers.batches and not writers.errors:
        store.derive(*SAID)
        seen.append(int(str(store.query("SELECT sum(calls) FROM spend_hourly").rows[0][0])))
    writers.join()
    assert seen == sorted(seen)
    assert seen[-1] <= len(calls)
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_a_reader_sees_one_state_of_the_rollup_throughout_its_query(migrated_dsn: str, store: Store) -> None:
    """The view asks twice: for the rows, and for the newest derivation. In between, another one may come to be.

    The engine's own delay stretches that moment; without the shared snapshot (the default of the versions that
    migrations accept) this reader sees 0 calls.
    """
    store.write(many_calls(200, seed=25))
    store.derive("spend_hourly")
    slow = "SELECT sum(calls) FROM spend_hourly SETTINGS merge_tree_storage_snapshot_sleep_ms = 200"
    seen: list[object] = []
    with connect(migrated_dsn) as other:
        reader = threading.Thread(
            target=lambda: seen.extend(other.query(slow).rows[0][0] for _ in range(2)), daemon=True
        )
        reader.start()
        while reader.is_alive():
            store.derive("spend_hourly")
    assert seen == [200, 200]


class Deriving:
    """Derives over and over, in a thread and with a connection of its own, as an owner or a schedule would."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._over = dsn, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            with suppress(StoreUnreachableError), connect(self._dsn) as store:
                while not self._over.wait(0.02):
                    store.derive()


@pytest.mark.long
@pytest.mark.server
def test_a_server_that_is_killed_in_the_middle_loses_and_doubles_nothing(tmp_path: Path, library: Path) -> None:
    calls = many_calls(2_000, seed=22)
    rng = random.Random(23)
    server = clickhouse.Server(tmp_path, library)
    server.start()
    try:
        dsn = server.dsn()
        with connect(dsn) as store:
            store.migrate()
            writers = Writers(dsn, calls, largest=100)
            kills = sorted(rng.sample(range(5, writers.batches - 5), 3))
            writers.start()
            with Deriving(dsn):
                for after in kills:
                    writers.wait_for(after)
                    server.kill()
                    server.start()
                writers.join()
            store.derive(*SAID)
            assert said_by(store) == truth_of(calls)
    finally:
        server.stop()


@pytest.mark.long
@pytest.mark.server
def test_a_server_derives_by_itself(server: clickhouse.Server) -> None:
    """The schedule is every 20 seconds; the test asks for the next run and waits for its outcome."""
    calls = many_calls(300, seed=24)
    with connect(server.dsn("derives_by_itself")) as store:
        store.migrate()
        store.write(calls)
        deadline = time.monotonic() + PATIENCE_S
        while said_by(store) != truth_of(calls):
            assert time.monotonic() < deadline, store.query("SELECT view, status, exception FROM system.view_refreshes")
            for rollup in ("spend_hourly", "session_spend"):
                store._engine.command(f"SYSTEM REFRESH VIEW {rollup}_log_mv")
            time.sleep(0.1)
        schedule = (
            "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_log_mv'"
        )
        texts = store.query(schedule).rows
        assert len(texts) == len(derive.ROLLUPS)
        assert sum("REFRESH EVERY 20 SECOND APPEND TO" in str(text) for (text,) in texts) == 3
        assert sum("REFRESH EVERY 5 MINUTE" in str(text) for (text,) in texts) == 5
        store._engine.command("DROP DATABASE derives_by_itself SYNC")
