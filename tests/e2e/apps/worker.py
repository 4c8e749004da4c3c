"""A program that works until it is told to stop: one question after the other."""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import itertools
import signal
import sys

import shop

if "own" in sys.argv:

    def leave(number: int, frame: object) -> None:
        """End in this program's own way."""
        print("bye", flush=True)
        sys.exit(7)

    signal.signal(signal.SIGTERM, leave)

client = shop.client_of(sys.argv[1])
for each in itertools.count():
    shop.ask(client, each)
