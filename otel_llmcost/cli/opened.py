"""Opening the store: whoever owns it migrates it, drains the spool into it and derives, before it answers."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from otel_llmcost.cli.exits import say
from otel_llmcost.cli.progress import SlowProgress
from otel_llmcost.errors import StoreRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from otel_llmcost.drain import Drained
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.store import Store

_NAMED_FAULTS: Final = 5

QUERY_VARIABLE: Final = "LLMCOST_QUERY_ENDPOINT"
TOKEN_VARIABLE: Final = "LLMCOST_TOKEN"
CLUSTER_VARIABLE: Final = "LLMCOST_CLUSTER"


@contextmanager
def opened(
    dsn: str, data_dir: Path, pricer: Pricer | None = None, *, must_own: bool = False, changes: bool = False
) -> Iterator[Store]:
    """Give the store, with all in it that was waiting in the spool.

    Where another process owns the embedded store and answers queries, that one is asked, and takes in the spool itself.
    A user of a server who may only read is answered from what is there.

    Args:
        dsn: Where it is; empty for the embedded store of the data directory.
        data_dir: Where the spool is.
        pricer: The rates; None for those of this set-up.
        must_own: Whether an embedded store has to be our own, and its owner is not asked.
        changes: Whether more than questions are asked of it, which its owner would refuse.

    Raises:
        ConfigError: The DSN, `llmcost.yaml` or a variable cannot be used.
        RateTableError: The rate table cannot be used.
        StoreError: The store cannot be reached, or another process owns it.
        SpoolError: The spool cannot be used.
    """
    from otel_llmcost.config import load_config
    from otel_llmcost.ledger.rates import tell

    if not must_own and (owner := asked_elsewhere(dsn, data_dir)):
        if changes:
            address = owner.rpartition("/")[2].rpartition("@")[2]
            msg = f"the process at {address} has the store, and only answers questions: stop it, and run this again"
            raise StoreRefusedError(msg)
        load_config(os.environ, data_dir)
        with connected(owner, data_dir, cluster="") as store:
            store.forbid_writes()
            yield store
        return
    if pricer is None and (data_dir / "spool").exists():
        pricer = pricer_of(data_dir)
    elif pricer is None:
        load_config(os.environ, data_dir)  # its faults are named before anything starts, also where nothing is priced
    with connected(dsn, data_dir) as store:
        with SlowProgress("bringing the tables up to date"):
            store.migrate()
        store.take_handed()
        if pricer is not None:
            try:
                tell(store, pricer)
                drain_again(store, data_dir, pricer)
            except StoreRefusedError as exc:
                if changes or must_own:
                    raise
                say(f"what waits in {data_dir / 'spool'} is left there: {exc}")
        yield store


def asked_elsewhere(dsn: str, data_dir: Path) -> str:
    """Return the DSN of the process that owns the embedded store and answers queries of others; empty without one.

    Args:
        dsn: The store; empty for the embedded one of the data directory.
        data_dir: The data directory.
    """
    from otel_llmcost.exporter import default_dsn
    from otel_llmcost.store import asked_at

    address = os.environ.get(QUERY_VARIABLE, "") if not dsn else ""
    address = address or asked_at(dsn or default_dsn(data_dir))
    token = os.environ.get(TOKEN_VARIABLE, "")
    who = f"llmcost:{quote(token, safe='')}@" if token else ""
    return f"clickhouse://{who}{address.rpartition('//')[2]}" if address else ""


def keep_events(store: Store, events: Sequence[Mapping[str, object]], dsn: str, data_dir: Path) -> None:
    """Write rows of `cost_events_log`, or have the owner write them where another process owns the embedded store.

    Args:
        store: As `opened` gave it.
        events: The rows, all of the same columns.
        dsn: The store; empty for the embedded one of the data directory.
        data_dir: The data directory.

    Raises:
        StoreError: The owner is asked by its address only, and cannot be told of anything.
    """
    from otel_llmcost.errors import StoreError
    from otel_llmcost.exporter import default_dsn
    from otel_llmcost.store import asked_at, hand_over

    place = dsn or default_dsn(data_dir)
    if not store.is_read_only:
        store.record("cost_events_log", events)
    elif asked_at(place):
        hand_over(place, events)
    else:
        msg = f"what is told cannot be kept by {store.location}: run this where its store is"
        raise StoreError(msg)


def drain_again(store: Store, data_dir: Path, pricer: Pricer) -> Drained:
    """Bring what waits in the spool into an open store, derive, name what was set aside, and return what was done."""
    from otel_llmcost.drain import Drained

    if store.is_read_only or not (data_dir / "spool").exists():
        return Drained()
    done = drained(store, data_dir, pricer)
    if done.calls:
        with SlowProgress("summing up"):
            store.derive()
    say_faults(done)
    return done


def pricer_of(data_dir: Path, rates: Path | None = None) -> Pricer:
    """Return the rates of this set-up, and name the models of `llmcost.yaml` that nobody knows.

    Args:
        data_dir: The data directory.
        rates: Another table than that of this set-up.

    Raises:
        ConfigError: `llmcost.yaml` or a variable cannot be used.
        RateTableError: The rate table cannot be used.
    """
    from otel_llmcost.config.pricer import load_pricer

    pricer = load_pricer(os.environ, data_dir, rates)
    if pricer.overlay:
        for name in pricer.overlay.unknown_names(pricer.table):
            say(f"llmcost.yaml: rates name {name}, of which rate table {pricer.table.version} knows nothing")
    return pricer


@contextmanager
def connected(dsn: str, data_dir: Path, *, cluster: str | None = None) -> Iterator[Store]:
    """Give the store as it is; rows that it refuses are kept in `refused.jsonl` of the data directory.

    Args:
        dsn: Where it is; empty for the embedded store of the data directory.
        data_dir: The data directory.
        cluster: The cluster that it is spread over; None for that of `LLMCOST_CLUSTER`.
    """
    from otel_llmcost.drain import keep_refused
    from otel_llmcost.exporter import default_dsn
    from otel_llmcost.store import connect

    with SlowProgress("opening the store"):
        store = connect(
            dsn or default_dsn(data_dir),
            cluster=os.environ.get(CLUSTER_VARIABLE, "") if cluster is None else cluster,
            on_refused=lambda rows: say(keep_refused(rows, data_dir)),
        )
    with store:
        yield store


def drained(store: Store, data_dir: Path, pricer: Pricer, *, shows_progress: bool | None = None) -> Drained:
    """Bring the spool into the store and return what was done.

    Args:
        store: Migrated.
        data_dir: Where the spool is.
        pricer: The rates.
        shows_progress: Whether a bar may be shown; None where there is a terminal.
    """
    from otel_llmcost.drain import drain

    spool = data_dir / "spool"
    waiting = sum(1 for path in spool.glob("*.segment"))
    with SlowProgress("draining the spool", waiting, is_shown=shows_progress) as progress:
        return drain(spool, store, pricer, on_progress=lambda done: progress.advance_to(done.segments))


def say_faults(done: Drained) -> None:
    """Name what a drain had to set aside."""
    for fault in done.faults[:_NAMED_FAULTS]:
        say(f"set aside: {fault}")
    if len(done.faults) > _NAMED_FAULTS:
        say(f"set aside: {len(done.faults) - _NAMED_FAULTS} more")
