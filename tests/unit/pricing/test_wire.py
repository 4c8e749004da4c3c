from __future__ import annotations

from dataclasses import dataclass

import pytest

from otel_llmcost.pricing import Pricer, load_rate_table, price_line
from otel_llmcost.usage import Usage


@dataclass(frozen=True)
class FakeReading:
    model: str = ""
    usage: Usage | None = None
    billed: Usage | None = None
    service_tier: str = ""
    speed: str = ""
    region: str = ""
    fault: str = ""


CASE = {"id": "one", "provider": "openai", "model": "gpt-5", "at": "2026-11-20T12:00:00Z", "usage": {}}
THOUSAND = Usage(input_tokens=1000, output_tokens=1)


def answered(told: FakeReading, **changes):
    return price_line(CASE | changes, Pricer(load_rate_table()), lambda _provider, _body: told)


def test_a_line_says_what_each_meter_cost():
    assert answered(FakeReading(model="gpt-5", usage=THOUSAND)) == {
        "id": "one",
        "status": "priced",
        "total_usd": "0.00126",
        "rate_id": "openai/gpt-5@first",
        "lines": [
            {"meter": "input", "quantity": 1000, "unit_price_usd": "1.25", "per": 1_000_000, "cost_usd": "0.00125"},
            {"meter": "output", "quantity": 1, "unit_price_usd": "10", "per": 1_000_000, "cost_usd": "0.00001"},
        ],
    }


def test_an_unknown_cost_is_null_and_says_why():
    line = answered(FakeReading(usage=THOUSAND), model="gpt-99")
    assert (line["status"], line["total_usd"], line["rate_id"], line["lines"]) == ("unpriced_model", None, None, [])
    assert line["detail"].startswith("no rate card for openai/gpt-99")


def test_counts_that_cannot_be_believed_are_not_priced():
    line = answered(FakeReading(fault="input_tokens is 'many', not a count"))
    assert (line["status"], line["detail"]) == ("invalid_usage", "input_tokens is 'many', not a count")


def test_an_answer_without_counts_has_no_usage():
    assert answered(FakeReading())["status"] == "no_usage"


@pytest.mark.parametrize(
    ("told", "context", "rate_id"),
    [
        (FakeReading(usage=THOUSAND), {"processing": "batch"}, "openai/gpt-5@2026-10-14#batch"),
        (FakeReading(usage=THOUSAND), {"service_tier": "flex"}, "openai/gpt-5@2026-10-12#flex"),
        (FakeReading(usage=THOUSAND, service_tier="default"), {"service_tier": "flex"}, "openai/gpt-5@first"),
        (FakeReading(usage=THOUSAND), {"requested_service_tier": "flex"}, "openai/gpt-5@first"),
        (FakeReading(usage=THOUSAND, speed="fast"), {}, "openai/gpt-5@2026-10-12#fast"),
    ],
)
def test_the_answer_wins_over_the_context(told, context, rate_id):
    assert answered(told, context=context)["rate_id"] == rate_id


@pytest.mark.parametrize("context", [{"inference_geo": "us"}, {"region": "eu"}, {"data_residency": "eu"}])
def test_a_region_that_may_cost_more_is_a_fallback(context):
    told = answered(FakeReading(usage=THOUSAND), context=context, provider="deepseek", model="deepseek-flash")
    assert told["status"] == "fallback"


@pytest.mark.parametrize(
    ("case", "input_usd"),
    [
        ({"model": "gpt-5.4", "context": {"data_residency": "eu"}}, "2.75"),
        ({"model": "gpt-5.4", "context": {"server.address": "us.api.openai.com"}}, "2.75"),
        ({"provider": "anthropic", "model": "claude-opus-4-8", "context": {"inference_geo": "us"}}, "5.5"),
        (
            {
                "provider": "azure",
                "model": "gpt-4o-2024-08-06",
                "context": {"azure.deployment_type": "DataZoneBatch", "azure.zone": "eu"},
            },
            "1.375",
        ),
    ],
)
def test_the_context_says_where_and_how_a_call_was_served(case, input_usd):
    line = answered(FakeReading(usage=THOUSAND), **case)
    assert (line["status"], line["lines"][0]["unit_price_usd"]) == ("priced", input_usd)


def test_a_provisioned_deployment_is_included():
    context = {"azure.deployment_type": "GlobalProvisionedManaged"}
    line = answered(FakeReading(usage=THOUSAND), provider="azure", model="gpt-5.4", context=context)
    assert (line["status"], line["total_usd"]) == ("included", "0")


def test_the_reader_is_asked_for_our_name_of_the_provider():
    asked = []

    def read(provider, body):
        asked.append((provider, body))
        return FakeReading(usage=THOUSAND)

    price_line(CASE | {"provider": "az.ai.openai", "usage": {"a": 1}}, Pricer(load_rate_table()), read)
    assert asked == [("azure.ai.openai", {"a": 1})]


def test_a_time_that_is_none_is_named():
    with pytest.raises(ValueError, match="Invalid isoformat string: 'noon'"):
        answered(FakeReading(usage=THOUSAND), at="noon")
