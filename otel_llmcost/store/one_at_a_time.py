"""One migration at a time: whoever else wants to migrate the same database waits until the other one is done.

ClickHouse has no transactions over DDL and no locks, but a name is taken by one: a table that is made without IF NOT
EXISTS is the lock. It is renewed between statements, so that one who still holds it after `STALE_AFTER_S` without
a statement was killed. Where the engine lives in this process, nobody else can have it, and a lock of Python's will do.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import StoreUnreachableError
from otel_llmcost.store.engine import TableExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_llmcost.store.engine import Engine

STALE_AFTER_S: Final = 120
"""No statement of a migration takes so long: each changes names and columns, and copies no rows."""

LOOK_EVERY_S: Final = 0.25
RENEW_EVERY_S: Final = 10

_TAKE: Final = "CREATE TABLE migrating {on_cluster} (nothing UInt8) ENGINE = Memory COMMENT '{owner}'"
_RENEW: Final = "ALTER TABLE migrating {on_cluster} MODIFY COMMENT '{owner}'"
_GIVE_BACK: Final = "DROP TABLE IF EXISTS migrating {on_cluster} SYNC"
_HELD: Final = """
SELECT uuid, comment, dateDiff('second', metadata_modification_time, now())
FROM system.tables
WHERE database = {database:String} AND name = 'migrating'
"""
# Of several who find it stale one takes it away: the next lock cannot get a name that the stale one has already.
_TAKE_AWAY: Final = "RENAME TABLE migrating TO migrating_stale_{uuid} {on_cluster}"
_FORGET: Final = "DROP TABLE IF EXISTS migrating_stale_{uuid} {on_cluster} SYNC"

_in_this_process: Final = threading.RLock()


@contextmanager
def held(engine: Engine, render: Callable[[str], str]) -> Iterator[Callable[[], None]]:
    """Hold the lock for the length of a `with` block, which gets what renews it.

    Args:
        engine: Its database exists.
        render: Fills in what a cluster needs.

    Raises:
        StoreUnreachableError: Somebody else took the lock over, since nothing was heard of us; migrate again.
    """
    if engine.embedded:
        with _in_this_process:
            yield lambda: None
        return
    renewed_s = time.monotonic()
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex}".replace("'", "")
    stale = _take(engine, render, owner)

    def renew() -> None:
        nonlocal renewed_s
        _require(engine, owner)
        if time.monotonic() - renewed_s < RENEW_EVERY_S:
            return
        renewed_s = time.monotonic()
        engine.change(_filled(_RENEW, render, owner=owner), {})

    try:
        yield renew
    finally:
        if _holder(engine) == owner:
            engine.change(render(_GIVE_BACK), {})
        for name in stale:
            engine.change(_filled(_FORGET, render, uuid=name), {})


def _take(engine: Engine, render: Callable[[str], str], owner: str) -> list[str]:
    """Take the lock, wait for it if somebody has it, and return the stale ones that were taken away."""
    stale: list[str] = []
    while True:
        try:
            engine.change(_filled(_TAKE, render, owner=owner), {})
        except TableExistsError:
            rows = engine.query(_HELD, {"database": engine.database}).result_rows
            if rows and rows[0][2] > STALE_AFTER_S:
                stale += _taken_away(engine, render, rows[0][0].hex)
            elif rows:
                time.sleep(LOOK_EVERY_S)
        else:
            return stale


def _taken_away(engine: Engine, render: Callable[[str], str], name: str) -> list[str]:
    try:
        engine.change(_filled(_TAKE_AWAY, render, uuid=name), {})
    except TableExistsError:  # somebody else was faster, and the lock is theirs by now
        return []
    return [name]


def _require(engine: Engine, owner: str) -> None:
    if (holder := _holder(engine)) != owner:
        msg = f"{holder or 'somebody else'} took over the migration of {engine.database}: migrate again"
        raise StoreUnreachableError(msg)


def _holder(engine: Engine) -> str:
    rows = engine.query(_HELD, {"database": engine.database}).result_rows
    return str(rows[0][1]) if rows else ""


def _filled(text: str, render: Callable[[str], str], **values: str) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return render(text)
