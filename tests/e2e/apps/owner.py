"""The owner of the store: drains the spool once and says how far it is. With `spend` it tells what is there then."""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import json
import sys
from pathlib import Path

from otel_llmcost.drain import drain
from otel_llmcost.exporter import default_dsn
from otel_llmcost.pricing import load_rate_table
from otel_llmcost.pricing.pricer import Pricer
from otel_llmcost.store import connect

CALLS = """
    SELECT reinterpretAsUInt64(reverse(unhex(span_id))) AS number, count() AS rows
    FROM llm_calls GROUP BY number ORDER BY number
"""
SPEND = """
    SELECT feature, sum(calls), sum(input_tokens), sum(output_tokens), toString(sum(list_cost))
    FROM spend_hourly GROUP BY feature ORDER BY feature
"""

data_dir = Path(sys.argv[1])
with connect(default_dsn(data_dir)) as store:
    store.migrate()
    print("ready", flush=True)
    pricer = Pricer(load_rate_table())
    done = drain(data_dir / "spool", store, pricer, on_progress=lambda _: print("segment", flush=True))
    store.derive()
    if "spend" in sys.argv:
        print(json.dumps({"faults": done.faults, "calls": store.query(CALLS).rows, "spend": store.query(SPEND).rows}))
