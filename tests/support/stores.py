"""Embedded stores that are filled once in a run of the tests, by whichever worker comes first, and copied for others.

Migrating takes longer than most tests, and a month of calls longer than most modules.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Final

import pytest

from otel_llmcost.store import connect

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINES: Final = ("chdb", pytest.param("server", marks=[pytest.mark.server, pytest.mark.long]))
"""The engines on which a store's tests run. A short run asks the server only what the embedded engine cannot tell."""

_DISK: Final = shutil.disk_usage(tempfile.gettempdir())
needs_room: Final = pytest.mark.skipif(
    _DISK.free < _DISK.total / 8, reason="the disk of this machine is nearly full, and an alert rightly says so"
)
"""On what expects that nothing is wrong with the store's disk, which is this machine's."""


def copied(factory: pytest.TempPathFactory, name: str, fill: Callable[[str], None]) -> str:
    """Return the DSN of a copy, of its own for each who asks, of the store that `fill` filled once, under its name."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    place, part = root / f"shared-{name}", root / f"shared-{name}.part"
    with (root / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            shutil.rmtree(part, ignore_errors=True)
            fill(f"chdb://{part}/store")
            part.rename(place)
    target = factory.mktemp(name) / "store"
    shutil.copytree(place / "store", target, symlinks=True)
    return f"chdb://{target}"


def migrated(factory: pytest.TempPathFactory) -> str:
    """Return the DSN of a migrated store without calls."""
    return copied(factory, "migrated", _migrate)


def _migrate(dsn: str) -> None:
    with connect(dsn) as store:
        store.migrate()
