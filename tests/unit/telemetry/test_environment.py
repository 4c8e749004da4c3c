"""What `opentelemetry-instrument` is given so that it starts where nobody told it where spans go."""

from __future__ import annotations

import pytest

from otel_llmcost.telemetry.environment import prepare

NOWHERE = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
HTTP = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


@pytest.mark.parametrize(
    ("said", "added"),
    [
        pytest.param({}, NOWHERE | HTTP, id="nothing: nothing is exported"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, HTTP, id="an endpoint: all goes there by HTTP"),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"},
            HTTP | {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
            id="an endpoint for spans: only those are exported",
        ),
        pytest.param(
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "console", "OTEL_LOGS_EXPORTER": "none"},
            HTTP,
            id="exporters: they stay",
        ),
        pytest.param({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {}, id="a protocol: nothing is added"),
    ],
)
def test_what_is_missing_is_added_and_what_is_said_stays(said: dict[str, str], added: dict[str, str]) -> None:
    environ = dict(said)
    prepare(environ, has_grpc=False)

    assert environ == said | added


def test_nothing_is_added_where_the_distros_own_default_works() -> None:
    environ: dict[str, str] = {}
    prepare(environ, has_grpc=True)

    assert environ == {}
