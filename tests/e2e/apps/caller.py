"""A program that records calls without asking anybody, until it is killed. It prints the last call that it has flushed.

Feature, model and usage follow from the number of a call alone.
"""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import itertools
import sys
import time

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import Usage, UsageQuality

first, started_at_ns = int(sys.argv[1]), int(sys.argv[2])
pipeline = runtime.started().pipeline
for number in itertools.count(first):
    call = LLMCall(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        started_at_ns=started_at_ns + number * 1_000_000,
        provider="openai",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        usage=Usage(input_tokens=100 + number % 7, output_tokens=10),
        usage_quality=UsageQuality.REPORTED,
        attribution=Attribution(feature=f"feature_{number % 3}"),
        scope_name="otel_llmcost.openai",
    )
    pipeline.put(call, to_attributes(call))
    if number % 10 == 0:
        if pipeline.flush():
            print(number, flush=True)
        time.sleep(0.01)
