"""A program that sets up its telemetry in its own code: calls us first, and its tracer provider after us, or never."""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import sys

import shop
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_llmcost

otel_llmcost.instrument()
finished = InMemorySpanExporter()
if "late" in sys.argv:
    provider = TracerProvider(resource=Resource({"service.name": "late"}))
    provider.add_span_processor(SimpleSpanProcessor(finished))
    trace.set_tracer_provider(provider)

client = shop.client_of(sys.argv[1])
for number in range(3):
    shop.ask(client, number)

with otel_llmcost.feature("checkout"), trace.get_tracer("own").start_as_current_span("work"):
    pass
for span in finished.get_finished_spans():
    print(span.name, dict(span.attributes or {}).get("llmcost.feature"))
