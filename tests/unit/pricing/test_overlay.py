"""What the user really pays stands beside the list price and never changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_llmcost.call import LLMCall
from otel_llmcost.config import parse_config
from otel_llmcost.pricing import Pricer, PriceStatus, Pricing, RateTable, price
from otel_llmcost.pricing.compiled import unix_ns
from otel_llmcost.usage import Usage
from tests.unit.pricing.tables import AT, card, model, table_of

TABLE = table_of(
    model("openai", "gpt-5.4", card({"input": "2", "cache_read": "0.2", "output": "10"}), names=("gpt-5-4",)),
    model(
        "openai",
        "gpt-5.4-mini",
        card({"input": "1", "output": "4"}),
        card({"input": "0.5", "output": "2"}, tier="batch"),
    ),
    model("openai", "odd", card({"input": "0.000001"})),
    model("openai", "half", card({"input": "1", "output": None})),
    model("anthropic", "claude-haiku-4-5", card({"input": "1", "output": "5"})),
)
THOUSAND = Usage(input_tokens=1000, output_tokens=100)


def pricer(text: str, table: RateTable = TABLE) -> Pricer:
    return Pricer(table, parse_config(f"rates:\n  {text}".encode(), Path("llmcost.yaml")).overlay)


def call(model: str = "gpt-5.4", usage: Usage | None = THOUSAND, **more) -> LLMCall:
    given = {"provider": "openai", "started_at_ns": AT, "request_model": model, "usage": usage} | more
    return LLMCall(trace_id="1" * 32, span_id="1" * 16, **given)


def paid(text: str, asked: LLMCall | None = None) -> Pricing:
    return pricer(text).price(asked or call())


LISTED = 1000 * 2_000_000 + 100 * 10_000_000
"""1,000 tokens at 2 USD a million and 100 at 10: 3,000,000,000 pico-USD."""


def test_without_an_overlay_the_list_price_is_what_is_paid():
    assert Pricer(TABLE).price(call()) == price(call(), TABLE)


def test_a_discount_is_taken_off_beside_the_list_price():
    answer = paid("discounts: [{provider: openai, percent: 15}]")
    assert (answer.list_cost, answer.effective_cost) == (LISTED, 2_550_000_000)
    assert answer.status is PriceStatus.PRICED
    assert answer.rate_id == "openai/gpt-5.4@first"


def test_every_call_under_an_overlay_carries_its_version_whether_anything_held_or_not():
    asked = pricer("discounts: [{provider: anthropic, percent: 15}]")
    assert asked.overlay is not None
    for each in (call(), call("nobody-knows"), call(usage=None)):
        answer = asked.price(each)
        assert answer.overlay_version == asked.overlay.version
        assert answer.effective_cost == answer.list_cost


@pytest.mark.parametrize(
    ("units", "expected"),
    # 1, 3, 5 and 7 pico-USD at half price: 0.5, 1.5, 2.5, 3.5, rounded half to even.
    [(1, 0), (3, 2), (5, 2), (7, 4), (2, 1)],
)
def test_half_a_pico_usd_goes_to_the_even_side_once_a_call(units, expected):
    answer = paid("discounts: [{provider: openai, percent: 50}]", call("odd", Usage(input_tokens=units)))
    assert (answer.list_cost, answer.effective_cost) == (units, expected)


def test_six_decimals_of_a_per_cent_count():
    answer = paid("discounts: [{provider: openai, percent: 12.345678}]")
    assert answer.effective_cost == 2_629_629_660  # 3,000,000,000 × 0.87654322


@pytest.mark.parametrize(("percent", "expected"), [("0", LISTED), ("100", 0)])
def test_nothing_and_all_are_discounts(percent, expected):
    answer = paid(f"discounts: [{{provider: openai, percent: {percent}}}]")
    assert (answer.effective_cost, answer.status) == (expected, PriceStatus.PRICED)


def test_a_discount_holds_from_its_first_moment_up_to_its_last():
    asked = pricer("discounts: [{provider: openai, percent: 50, from: 2026-11-01, to: 2026-12-01}]")
    at = {
        "2026-10-31T23:59:59.999999+00:00": LISTED,
        "2026-11-01T00:00:00+00:00": LISTED // 2,
        "2026-11-30T23:59:59.999999+00:00": LISTED // 2,
        "2026-12-01T00:00:00+00:00": LISTED,
        "2026-12-01T00:59:59+01:00": LISTED // 2,
    }
    assert {text: asked.price(call(started_at_ns=unix_ns(text))).effective_cost for text in at} == at


@pytest.mark.parametrize(
    "name", ["gpt-5.4", "gpt-5-4", "GPT-5.4", "gpt-5.4-2026-03-05", "gpt-5.4-latest", " gpt-5.4 ", "openai/gpt-5.4"]
)
def test_a_discount_on_a_model_holds_for_every_name_of_it(name):
    answer = paid("discounts: [{provider: openai, models: [gpt-5.4], percent: 50}]", call(name))
    assert answer.effective_cost == LISTED // 2


@pytest.mark.parametrize("name", ["gpt-5.4-mini", "half"])
def test_a_discount_on_a_model_holds_for_no_other(name):
    answer = paid("discounts: [{provider: openai, models: [gpt-5.4], percent: 50}]", call(name, Usage(input_tokens=1)))
    assert answer.effective_cost == answer.list_cost


def test_a_discount_on_a_dated_name_holds_for_that_name_only():
    asked = pricer("discounts: [{provider: openai, models: [gpt-5.4-2026-03-05], percent: 50}]")
    assert asked.price(call("gpt-5.4-2026-03-05")).effective_cost == LISTED // 2
    assert asked.price(call("gpt-5.4")).effective_cost == LISTED
    assert asked.price(call("gpt-5.4", response_model="gpt-5.4-2026-03-05")).effective_cost == LISTED // 2


def test_discounts_are_not_added_up_and_the_one_for_the_model_wins():
    asked = pricer("discounts: [{provider: openai, percent: 50}, {provider: openai, models: gpt-5.4, percent: 10}]")
    assert asked.price(call()).effective_cost == LISTED * 9 // 10
    assert asked.price(call("gpt-5.4-mini")).effective_cost == 700_000_000  # half of 1,000 at 1 and 100 at 4


def test_of_two_that_match_by_other_names_the_first_wins():
    text = (
        "discounts: [{provider: openai, models: mine, percent: 20}, {provider: openai, models: gpt-5.4, percent: 10}]"
    )
    answer = paid(text, call("mine", response_model="gpt-5.4"))
    assert answer.effective_cost == LISTED * 8 // 10


def test_a_provider_may_be_spelled_in_any_usual_way():
    table = table_of(model("azure.ai.openai", "gpt-5.4", card({"input": "1"})))
    asked = pricer("discounts: [{provider: azure, percent: 50}]", table)
    assert asked.price(call(provider="az.ai.openai", usage=Usage(input_tokens=2))).effective_cost == 1_000_000


def test_an_unknown_price_stays_unknown_at_any_discount():
    asked = pricer("discounts: [{provider: openai, percent: 50}]")
    for each in (call("nobody-knows"), call(usage=None), call(usage=Usage(input_tokens=-1))):
        answer = asked.price(each)
        assert (answer.list_cost, answer.effective_cost) == (None, None)


def test_a_fixed_rate_is_the_price_of_the_meters_it_names():
    answer = paid("fixed: [{provider: openai, models: gpt-5.4, usd_per_mtok: {input: 1.5}}]")
    assert (answer.list_cost, answer.effective_cost) == (LISTED, 1000 * 1_500_000 + 100 * 10_000_000)
    assert answer.lines == price(call(), TABLE).lines


def test_what_is_fixed_is_not_discounted_again():
    answer = paid(
        "fixed: [{provider: openai, models: gpt-5.4, usd_per_mtok: {input: 1.5}}]\n"
        "  discounts: [{provider: openai, percent: 10}]"
    )
    assert answer.effective_cost == 1000 * 1_500_000 + 100 * 9_000_000


def test_a_fixed_rate_that_equals_another_rate_of_the_card_still_is_the_fixed_one():
    """Equal rates are one object in a table, so who asks which one billed a meter must not ask by identity."""
    answer = paid(
        "fixed: [{provider: openai, models: gpt-5.4, usd_per_mtok: {input: 10}}]\n"
        "  discounts: [{provider: openai, percent: 50}]"
    )
    assert answer.effective_cost == 1000 * 10_000_000 + 100 * 5_000_000


def test_cached_input_without_a_price_of_its_own_follows_the_fixed_input():
    cached = Usage(input_tokens=1000, cache_read_tokens=400)
    asked = pricer("fixed: [{provider: openai, models: [gpt-5.4, gpt-5.4-mini], usd_per_mtok: {input: 0.5}}]")
    assert asked.price(call("gpt-5.4-mini", cached)).effective_cost == 1000 * 500_000
    assert asked.price(call("gpt-5.4", cached)).effective_cost == 600 * 500_000 + 400 * 200_000


def test_a_fixed_rate_is_for_its_tier():
    asked = pricer("fixed: [{provider: openai, models: gpt-5.4-mini, tier: batch, usd_per_mtok: {input: 0.1}}]")
    assert asked.price(call("gpt-5.4-mini", Usage(input_tokens=10), is_batch=True)).effective_cost == 10 * 100_000
    assert asked.price(call("gpt-5.4-mini", Usage(input_tokens=10))).effective_cost == 10 * 1_000_000


def test_a_fixed_rate_may_know_what_the_list_does_not():
    answer = paid("fixed: [{provider: openai, models: half, usd_per_mtok: {output: 3}}]", call("half"))
    assert answer.status is PriceStatus.PARTIAL
    assert (answer.list_cost, answer.effective_cost) == (1000 * 1_000_000, 1000 * 1_000_000 + 100 * 3_000_000)
    only = paid(
        "fixed: [{provider: openai, models: half, usd_per_mtok: {output: 3}}]", call("half", Usage(output_tokens=1))
    )
    assert (only.list_cost, only.effective_cost) == (None, 3_000_000)


OWN = "models: [{provider: vllm, model: llama, names: [meta/llama], usd_per_mtok: {input: 0.3, output: 0.4}}]"


@pytest.mark.parametrize("name", ["llama", "meta/llama", "LLAMA"])
def test_a_model_of_ones_own_has_its_own_price(name):
    answer = paid(OWN, call(name, provider="vllm"))
    assert (answer.list_cost, answer.effective_cost) == (340_000_000, 340_000_000)
    assert (answer.status, answer.rate_id) == (PriceStatus.PRICED, "vllm/llama@first")
    assert answer.rate_table_version == TABLE.version


def test_a_model_of_ones_own_may_be_free():
    answer = paid(
        "models: [{provider: vllm, model: llama, usd_per_mtok: {input: 0, output: 0}}]", call("llama", provider="vllm")
    )
    assert (answer.status, answer.list_cost) == (PriceStatus.FREE, 0)


def test_an_own_card_for_a_published_model_leaves_the_list_price():
    answer = paid(
        "models: [{provider: openai, model: gpt-5.4, usd_per_mtok: {input: 1, output: 1}}]\n"
        "  discounts: [{provider: openai, percent: 50}]"
    )
    assert (answer.list_cost, answer.effective_cost) == (LISTED, 1100 * 1_000_000)
    assert answer.rate_id == "openai/gpt-5.4@first"


def test_an_own_card_counts_only_while_it_is_in_force():
    text = "models: [{provider: openai, model: gpt-5.4, to: 2026-01-01, usd_per_mtok: {input: 1, output: 1}}]"
    assert paid(text).effective_cost == LISTED


def test_a_deployment_is_priced_as_the_model_behind_it():
    text = "aliases: [{provider: azure, name: Chat-Prod, model: gpt-5.4, rates_of: openai}]"
    answer = paid(text, call("chat-prod", provider="azure.ai.openai"))
    assert (answer.list_cost, answer.match_kind, answer.rate_id) == (LISTED, "alias", "openai/gpt-5.4@first")


def test_an_arn_and_a_gateways_id_can_be_aliases():
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"
    text = f"aliases: [{{provider: aws.bedrock, name: '{arn}', model: claude-haiku-4-5, rates_of: anthropic}}]"
    assert paid(text, call(arn, provider="bedrock")).list_cost == 1000 * 1_000_000 + 100 * 5_000_000


def test_a_deployment_that_moves_is_what_it_was_at_the_time():
    text = (
        "aliases: [{provider: azure, name: p, model: gpt-5.4, rates_of: openai, to: 2026-06-01}, "
        "{provider: azure, name: p, model: gpt-5.4-mini, rates_of: openai, from: 2026-06-01}]"
    )
    for at, rate_id in (("2026-05-31", "openai/gpt-5.4@first"), ("2026-06-01", "openai/gpt-5.4-mini@first")):
        assert paid(text, call("p", provider="azure", started_at_ns=unix_ns(at))).rate_id == rate_id


def test_an_alias_stands_back_where_the_answer_names_the_model_that_served():
    text = "aliases: [{provider: openai, name: p, model: gpt-5.4}]"
    assert paid(text, call("p", response_model="gpt-5.4-mini")).rate_id == "openai/gpt-5.4-mini@first"
    assert paid(text, call("p", response_model="nobody-knows")).rate_id == "openai/gpt-5.4@first"


def test_an_alias_may_lead_to_a_model_of_ones_own_and_its_discounts_are_those_of_that_provider():
    text = OWN + "\n  aliases: [{provider: gw, name: fast, model: llama, rates_of: vllm}, "
    text += (
        "{provider: gw, name: best, model: gpt-5.4, rates_of: openai}]\n  discounts: [{provider: openai, percent: 50}]"
    )
    assert paid(text, call("fast", provider="gw")).list_cost == 340_000_000
    assert paid(text, call("best", provider="gw")).effective_cost == LISTED // 2


SEATS = "subscriptions: [{name: seats, provider: openai, where: {service_name: [ide, cli]}, from: 2026-01-01}]"


def test_what_a_subscription_covers_costs_nothing_more_and_keeps_its_list_price():
    answer = paid(SEATS, call(service_name="ide"))
    assert (answer.status, answer.list_cost, answer.effective_cost) == (PriceStatus.INCLUDED, LISTED, 0)
    assert answer.detail == "included in seats"


@pytest.mark.parametrize(
    "asked",
    [
        call(service_name="shop"),
        call(service_name="ide", started_at_ns=unix_ns("2025-12-31T23:59:59")),
        call("claude-haiku-4-5", provider="anthropic", service_name="ide"),
    ],
)
def test_what_a_subscription_does_not_cover_is_paid(asked):
    answer = paid(SEATS, asked)
    assert (answer.status, answer.effective_cost) == (PriceStatus.PRICED, answer.list_cost)


def test_a_subscription_may_cover_one_deployment():
    text = "subscriptions: [{name: ptu, provider: openai, models: [Ptu-Chat]}]"
    assert paid(text, call("ptu-chat", response_model="gpt-5.4")).status is PriceStatus.INCLUDED
    assert paid(text, call("gpt-5.4")).status is PriceStatus.PRICED


def test_an_included_call_of_an_unknown_model_has_no_list_price():
    answer = paid(SEATS, call("nobody-knows", service_name="ide"))
    assert (answer.status, answer.list_cost, answer.effective_cost) == (PriceStatus.INCLUDED, None, 0)
    assert answer.detail.startswith("included in seats; no rate card for openai/nobody-knows")


@pytest.mark.parametrize(
    ("usage", "status"), [(None, PriceStatus.NO_USAGE), (Usage(input_tokens=-1), PriceStatus.INVALID_USAGE)]
)
def test_a_subscription_does_not_hide_missing_or_impossible_counts(usage, status):
    answer = paid(SEATS, call(usage=usage, service_name="ide"))
    assert (answer.status, answer.effective_cost) == (status, None)


def test_a_host_of_ones_own_says_whose_call_it_is():
    asked = pricer(OWN + "\n  hosts: {llm.corp.internal: vllm}")
    here = asked.located(call("llama", server_address="LLM.corp.internal", provider_source="sdk"))
    assert (here.provider, here.provider_source, asked.price(here).list_cost) == ("vllm", "config", 340_000_000)
    elsewhere = call(server_address="api.openai.com")
    assert asked.located(elsewhere) is elsewhere
    assert Pricer(TABLE).located(elsewhere) is elsewhere


UNKNOWN = """
  discounts:
    - {provider: openai, models: [gpt-5.4, gpt-9], percent: 1}
    - {provider: vllm, models: [LLAMA], percent: 1}
  aliases: [{provider: gw, name: p, model: nope, rates_of: openai}]
  fixed:
    - {provider: openai, models: gtp-5.4, usd_per_mtok: {input: 1}}
    - {provider: gw, models: p, usd_per_mtok: {input: 1}}
"""


def test_names_that_nobody_knows_are_told():
    asked = pricer(OWN + UNKNOWN)
    assert asked.overlay is not None
    assert list(asked.overlay.unknown_names(TABLE)) == ["openai/gtp-5.4", "openai/gpt-9", "openai/nope"]


def test_what_the_provider_reports_is_the_price_where_no_rate_is_known():
    answer = Pricer(TABLE).price(call("nobody-knows-it", reported_cost=1_234_567))
    assert (answer.status, answer.list_cost, answer.effective_cost) == (
        PriceStatus.PROVIDER_REPORTED,
        1_234_567,
        1_234_567,
    )


def test_what_the_provider_reports_is_the_price_where_a_meter_has_no_rate():
    """`half` has no rate for output: what could be priced is less than what was charged."""
    answer = Pricer(TABLE).price(call("half", reported_cost=5_000_000_000))
    assert (answer.status, answer.list_cost, answer.lines) == (PriceStatus.PROVIDER_REPORTED, 5_000_000_000, ())


def test_a_published_price_is_not_overwritten_by_what_the_provider_reports():
    answer = Pricer(TABLE).price(call(reported_cost=1))
    assert (answer.status, answer.list_cost) == (PriceStatus.PRICED, LISTED)


def test_what_is_billed_is_priced_and_not_what_was_consumed():
    """One at a time and thousands at once: nothing, and 10 tokens at 1 USD a million."""
    calls = [call(billed=Usage()), call("gpt-5.4-mini", Usage(input_tokens=10**6), billed=Usage(input_tokens=10))]
    assert [Pricer(TABLE).price(each).list_cost for each in calls] == [0, 10 * 1_000_000]
    assert [answer.list_cost for answer in Pricer(TABLE).price_all(calls * 3000)][-2:] == [0, 10 * 1_000_000]


def test_a_batch_of_calls_takes_reported_costs_as_single_calls_do():
    calls = [call(), call("nobody-knows-it", reported_cost=7), call("nobody-knows-it")] * 2000
    answers = list(Pricer(TABLE).price_all(calls))
    assert [answer.list_cost for answer in answers[:3]] == [LISTED, 7, None]
    assert [answer.status for answer in answers[-3:]] == [
        PriceStatus.PRICED,
        PriceStatus.PROVIDER_REPORTED,
        PriceStatus.UNPRICED_MODEL,
    ]
