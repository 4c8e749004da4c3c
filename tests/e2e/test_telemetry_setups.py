"""However a program's OpenTelemetry is set up, every call is billed: from the record, not from the span."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Place, answers, assert_billed, calls_received

DEAD = "http://127.0.0.1:9"


def test_with_no_variable_set_at_all_every_call_waits_in_the_users_data_directory(place: Place) -> None:
    ran = place.shop(LLMCOST_DATA_DIR="")

    assert_billed(place.calls(place.home / ".local/share/llmcost/spool"), range(3))
    assert ran.stderr == ""


def test_the_variables_of_production_are_three(place: Place, collector) -> None:
    """README: the service's name, the environment, and where calls go."""
    place.shop(
        OTEL_SERVICE_NAME="shop",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=production,service.version=7",
        LLMCOST_ENDPOINT=collector.url,
    )

    calls = calls_received(collector)
    assert_billed(calls, range(3))
    assert {(call.service_name, call.service_version) for call in calls} == {("shop", "7")}
    assert {call.attribution.environment for call in calls} == {"production"}


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}, id="sampled at 1 %"),
        pytest.param({"OTEL_TRACES_SAMPLER": "always_off"}, id="never sampled"),
        pytest.param({"OTEL_SDK_DISABLED": "true"}, id="SDK disabled"),
        pytest.param(
            {
                "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "3",
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4",
                "OTEL_ATTRIBUTE_COUNT_LIMIT": "3",
            },
            id="tight span limits",
        ),
        pytest.param({"OTEL_TRACES_EXPORTER": "none"}, id="exporter none"),
        pytest.param({"OTEL_TRACES_EXPORTER": "llmcost"}, id="exporter llmcost"),
        pytest.param(
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_EXPORTER_OTLP_ENDPOINT": DEAD,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            },
            id="exporter otlp to nobody",
        ),
    ],
)
def test_every_call_is_billed(place: Place, variables: dict[str, str]) -> None:
    place.shop(10, **variables)

    assert_billed(place.calls(), range(10))


def test_without_a_distro_every_call_is_billed(place: Place) -> None:
    """Nothing sets up an SDK: the provider stays OpenTelemetry's proxy."""
    ran = place.run("own_setup.py", place.provider.url, instrumented=False)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, answers(range(3)), "")
    assert_billed(place.calls(), range(3))


def test_a_tracer_provider_that_is_set_after_us_gets_our_spans_and_stamps(place: Place) -> None:
    ran = place.run("own_setup.py", place.provider.url, "late", instrumented=False)

    spans = "chat gpt-4o feature_0\nchat gpt-4o feature_1\nchat gpt-4o feature_2\nwork checkout\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, answers(range(3)) + spans, "")
    calls = place.calls()
    assert_billed(calls, range(3))
    assert {call.service_name for call in calls} == {"late"}


def test_metrics_are_those_of_semconv_by_feature(place: Place) -> None:
    """Questions 0 and 3 are of one feature: 100 and 103 input tokens, 64 of each read from the cache."""
    ran = place.run("metrics.py", place.provider.url, instrumented=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    told = json.loads(ran.stdout.splitlines()[-1])
    prefix = "gen_ai.client.inference.usage."
    assert told["gen_ai.client.operation.duration [s] feature_0"] == 2
    assert told[prefix + "input_tokens [{token}] feature_0"] == 203
    assert told[prefix + "cache_read.input_tokens [{token}] feature_0"] == 128
    assert told[prefix + "output_tokens [{token}] feature_0"] == 20
    assert told[prefix + "input_tokens [{token}] feature_1"] == 101
