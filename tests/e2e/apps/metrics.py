"""A program that reads its own metrics after a few questions."""

# ruff: noqa: T201 - it prints what the test reads

from __future__ import annotations

import json
import sys

import shop
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import otel_llmcost

reader = InMemoryMetricReader()
otel_llmcost.instrument()
metrics.set_meter_provider(MeterProvider([reader]))
client = shop.client_of(sys.argv[1])
for number in range(4):
    shop.ask(client, number)
otel_llmcost.uninstrument()

told = {}
for of_resource in reader.get_metrics_data().resource_metrics:  # type: ignore[union-attr]
    for of_scope in of_resource.scope_metrics:
        for metric in of_scope.metrics:
            for point in metric.data.data_points:
                value = getattr(point, "count", None) or getattr(point, "value", None)
                feature = dict(point.attributes or {}).get("llmcost.feature")
                told[f"{metric.name} [{metric.unit}] {feature}"] = value
print(json.dumps(told))
