"""Sends spans of LLM calls by one of the official Python exporters: client.py grpc|http ENDPOINT COUNT."""

import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

kind, endpoint, count = sys.argv[1:]
exporter = Grpc(endpoint=endpoint, insecure=True) if kind == "grpc" else Http(endpoint=endpoint)
provider = TracerProvider(resource=Resource({"service.name": f"python-{kind}"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("otel_llmcost.python")
attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "llmcost.usage.quality": "reported",
}
for _ in range(int(count)):
    tracer.start_span("chat gpt-4o", attributes=attributes).end()
provider.shutdown()
