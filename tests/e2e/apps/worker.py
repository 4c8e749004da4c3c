"""A program that works until it is told to stop: one question after the other."""

from __future__ import annotations

import itertools
import os
import signal
import sys

import shop

if "own" in sys.argv:

    def leave(number: int, frame: object) -> None:
        """End in this program's own way."""
        os.write(1, b"bye\n")  # it may interrupt a print
        sys.exit(7)

    signal.signal(signal.SIGTERM, leave)

client = shop.client_of(sys.argv[1])
for each in itertools.count():
    shop.ask(client, each)
