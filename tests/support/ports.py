"""Ports on loopback that are given to nobody else between being asked for and being listened on.

A port that was free a moment ago may be another test's by the time a server that takes a second to start wants it, or
comes back to it after a kill. So a port is held by a socket that is bound and does not listen: the kernel gives it to
nobody who asks for any, connections to it are refused, and a server that names it can listen on it, since that one sets
SO_REUSEADDR as well.
"""

from __future__ import annotations

import socket
import weakref
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def held(count: int) -> Iterator[tuple[int, ...]]:
    """Hold so many ports for the length of a `with` block."""
    with ExitStack() as stack:
        yield tuple(_port_of(stack.enter_context(_bound())) for _ in range(count))


def held_for(owner: object) -> int:
    """Return a port that is held for as long as its owner lives."""
    bound = _bound()
    weakref.finalize(owner, bound.close)
    return _port_of(bound)


def _bound() -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


def _port_of(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])
