"""A program whose disk is full for a while: `limit` has the kernel say so, `ballast` fills the data directory itself.

With a third argument `never`, the space does not come back.
"""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import shop
from opentelemetry import trace

BALLAST = Path(os.environ["LLMCOST_DATA_DIR"]) / "ballast"


def fill() -> None:
    """Leave no space."""
    if sys.argv[2] == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return
    with BALLAST.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 512)
        except OSError:
            pass


def free() -> None:
    """Give the space back."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    BALLAST.unlink(missing_ok=True)


client = shop.client_of(sys.argv[1])
fill()
for number in range(3):
    shop.ask(client, number)
print("flushed:", trace.get_tracer_provider().force_flush())  # type: ignore[attr-defined]
if "never" not in sys.argv:
    free()
    shop.ask(client, 3)
    print("flushed:", trace.get_tracer_provider().force_flush())  # type: ignore[attr-defined]
