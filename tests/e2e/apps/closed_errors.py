"""A program that closes its error stream, as a daemon may, and asks on for a while."""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import sys

import shop
from opentelemetry import trace

sys.stderr.close()
client = shop.client_of(sys.argv[1])
for number in range(3):
    shop.ask(client, number)
print("flushed:", trace.get_tracer_provider().force_flush())  # type: ignore[attr-defined]
for number in range(3, 6):
    shop.ask(client, number)
