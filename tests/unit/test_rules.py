"""Rules fill in who pays where a call does not say it, and contradict nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.attribution import NOBODY, Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.config import parse_config
from otel_llmcost.errors import ConfigFileError

if TYPE_CHECKING:
    from otel_llmcost.rules import Rules

DAY_NS = 86_400_000_000_000
NOVEMBER_1 = 1_793_491_200 * 1_000_000_000
"""2026-11-01T00:00:00Z."""


def rules_of(text: str) -> Rules:
    return parse_config(text.encode(), Path("llmcost.yaml")).rules


def attributed(text: str, who: Attribution = NOBODY, **said: Any) -> LLMCall:
    call = LLMCall(**{"trace_id": "1", "span_id": "1", "started_at_ns": NOVEMBER_1, "provider": "openai"} | said)
    call.attribution = who
    rules_of(text).attribute(call)
    return call


CHECKOUT = "attribution:\n- {match: {service_name: 'checkout*'}, feature: basket, team: shop}\n"


def test_a_rule_that_matches_says_who_pays() -> None:
    call = attributed(CHECKOUT, service_name="checkout-eu")
    assert (call.attribution, call.feature_source) == (Attribution(feature="basket", team="shop"), "rule")
    assert attributed(CHECKOUT, service_name="search").attribution is NOBODY


def test_what_the_span_says_stays() -> None:
    call = attributed(CHECKOUT, Attribution(feature="upsell"), service_name="checkout", feature_source="span")
    assert (call.attribution, call.feature_source) == (Attribution(feature="upsell", team="shop"), "span")


def test_earlier_rules_win_and_later_ones_fill_in() -> None:
    text = """
attribution:
- {match: {provider: openai, request_model: ['gpt-*', 'o?']}, feature: first}
- {match: {provider: openai}, feature: second, team: platform}
"""
    assert attributed(text, request_model="gpt-4o").attribution == Attribution(feature="first", team="platform")
    assert attributed(text, request_model="o3").attribution == Attribution(feature="first", team="platform")
    assert attributed(text, request_model="o10").attribution == Attribution(feature="second", team="platform")


def test_a_rule_may_ask_who_pays_in_part() -> None:
    text = "attribution:\n- {match: {tenant: acme, environment: prod*}, team: key-accounts}\n"
    who = Attribution(tenant="acme", environment="production")
    assert attributed(text, who).attribution.team == "key-accounts"
    assert attributed(text, Attribution(tenant="acme", environment="staging")).attribution.team == ""


@pytest.mark.parametrize(("at_ns", "feature"), [(NOVEMBER_1 - 1, ""), (NOVEMBER_1, "new"), (NOVEMBER_1 + DAY_NS, "")])
def test_a_rule_holds_from_its_first_moment_until_before_its_last(at_ns: int, feature: str) -> None:
    text = "attribution:\n- {match: {provider: openai}, feature: new, from: 2026-11-01, to: 2026-11-02}\n"
    assert attributed(text, started_at_ns=at_ns).attribution.feature == feature


def test_every_fault_is_named_with_its_line() -> None:
    text = """attribution:
- {match: {service: x}, feature: a}
- {match: {service_name: x}}
- {match: {}, feature: a}
- {feature: a}
- {match: {service_name: x}, feature: a, from: soon}
"""
    with pytest.raises(ConfigFileError) as caught:
        rules_of(text)
    assert [fault.split(": ", 1)[0] for fault in caught.value.faults] == [
        "llmcost.yaml:2", "llmcost.yaml:2", "llmcost.yaml:3", "llmcost.yaml:4", "llmcost.yaml:5", "llmcost.yaml:6",
    ]  # fmt: skip
    assert "did you mean service_name?" in caught.value.faults[0] + caught.value.faults[1]
