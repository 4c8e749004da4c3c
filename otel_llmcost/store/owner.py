"""One process owns an embedded data directory. A lock on `owner.lock` says so at once and in plain words.

chDB refuses a second process with an engine error of its own, after seconds, and a second directory in the same
process likewise; this module answers before the engine is even loaded.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from otel_llmcost.errors import StoreError
from otel_llmcost.store.dsn import MEMORY


@dataclass(slots=True)
class _Held:
    """The directory that this process owns, and how many stores are open on it."""

    directory: str
    descriptor: int
    holders: int


_guard = Lock()
_held: list[_Held] = []


def acquire(directory: str) -> str:
    """Make this process the owner of `directory`, which is created where it does not exist.

    Returns:
        The directory as the engine shall be told it, to be given to `release`.

    Raises:
        StoreError: Another process owns it, this process owns another one, or it cannot be written.
    """
    real = directory if directory == MEMORY else os.path.realpath(directory)
    with _guard:
        for held in _held:
            if held.directory != real:
                msg = (
                    f"this process has the embedded store {held.directory} open, "
                    f"and chDB opens one at a time; close it before {real}"
                )
                raise StoreError(msg)
            held.holders += 1
            return real
        _held.append(_Held(real, -1 if real == MEMORY else _lock(Path(real)), 1))
    return real


def release(directory: str) -> None:
    """Give back what `acquire` returned; the last one to do so ends the ownership."""
    with _guard:
        for held in _held:
            if held.directory == directory:
                held.holders -= 1
                if held.holders == 0:
                    _held.remove(held)
                    if held.descriptor >= 0:
                        os.close(held.descriptor)


def announce(directory: str, address: str) -> None:
    """Tell other processes where this one, which owns `directory`, answers queries; an empty address takes it back."""
    with _guard:
        for held in _held:
            if held.directory == directory and held.descriptor >= 0:
                told = f"{os.getpid()}\n{address}\n".encode()
                os.pwrite(held.descriptor, told, 0)
                os.ftruncate(held.descriptor, len(told))


def asked_at(directory: str) -> str:
    """Return where another process that owns `directory` answers queries; empty where none does."""
    if directory == MEMORY:
        return ""
    with _guard:
        if any(held.directory == os.path.realpath(directory) for held in _held):
            return ""
    try:
        with (Path(directory) / "owner.lock").open("rb") as file:
            if _is_free(file.fileno()):
                return ""
            lines = file.read(4096).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return lines[1] if len(lines) > 1 else ""


def _is_free(descriptor: int) -> bool:
    """Tell whether nobody holds the lock of a file; a lock that this takes ends with the descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(directory: Path) -> int:
    """Return the descriptor that holds the lock; closing it, or the end of the process, gives the lock back."""
    path = directory / "owner.lock"
    descriptor = -1
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        owner = _read_owner(descriptor)
        os.close(descriptor)
        msg = (
            f"the embedded store {directory} is in use by process {owner}; "
            "stop that process, or send to it instead (LLMCOST_ENDPOINT, LLMCOST_QUERY_ENDPOINT)"
        )
        raise StoreError(msg) from None
    except OSError as exc:
        if descriptor >= 0:
            os.close(descriptor)
        msg = f"the embedded store {directory} cannot be written: {exc.strerror}; choose another directory"
        raise StoreError(msg) from exc
    return descriptor


def _read_owner(descriptor: int) -> str:
    with suppress(OSError, ValueError, IndexError):
        return str(int(os.pread(descriptor, 4096, 0).splitlines()[0]))
    return "(unknown)"
