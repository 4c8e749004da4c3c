"""A program that forks in its own ways. Questions 0 and 1 are the parent's; 10 to 12 and 20 to 22 its children's."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time

import shop


def ask_some(first: int) -> None:
    """Ask three questions with a client of this process's own."""
    client = shop.client_of(sys.argv[1])
    for number in range(first, first + 3):
        shop.ask(client, number)


if __name__ == "__main__":
    shop.ask(shop.client_of(sys.argv[1]), 0)
    if sys.argv[2] == "fork-at-work":
        sys.setswitchinterval(1e-5)
        while "otel_llmcost.telemetry.otlp" not in sys.modules:
            time.sleep(0)
    if sys.argv[2] in ("fork", "fork-at-work"):
        children = []
        for first in (10, 20):
            child = os.fork()
            if not child:
                ask_some(first)
                sys.exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
    else:
        processes = [
            multiprocessing.get_context(sys.argv[2].removesuffix("-process")).Process(target=ask_some, args=(first,))
            for first in (10, 20)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    shop.ask(shop.client_of(sys.argv[1]), 1)
