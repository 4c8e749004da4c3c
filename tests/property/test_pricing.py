from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from operator import add

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_llmcost.money import PICO_PER_USD, ROW_LIMIT, PicoUSD, half_even, pico_usd, to_text
from otel_llmcost.pricing import PriceStatus, RateTable, Served, load_rate_table, price_usage
from otel_llmcost.usage import INPUT_METERS, OUTPUT_METERS, Usage, UsageMeter
from tests.property.usages import anything, parts, usage_of
from tests.unit.pricing.tables import AT, card, model, table_of

FULL = table_of(
    model("acme", "m", card({meter.value: f"0.{number + 1:03}" for number, meter in enumerate(UsageMeter)}))
)
"""A model with a different price for every meter: 0.001 USD a million, 0.002, …"""

DAY_NS = 86_400 * 10**9
GAPS = {"deepseek-v4-flash"}
"""Models whose peak price of some weeks nobody published."""

instants = st.integers(min_value=-(2**62), max_value=2**62)


def cost(usage: Usage, table: RateTable = FULL, *, provider: str = "acme", name: str = "m") -> int:
    answer = price_usage(usage, table, provider=provider, models=(name,), at_ns=AT, served=Served())
    assert answer.list_cost is not None
    return answer.list_cost


@given(parts)
def test_a_cost_is_the_sum_of_count_times_price_and_nothing_is_rounded(parts):
    by_fractions = sum(
        Fraction(count * (number + 1), 1000 * 10**6) for number, count in enumerate(map(parts.get, UsageMeter))
    )
    assert Fraction(cost(usage_of(parts)), PICO_PER_USD) == by_fractions


@given(parts, parts)
def test_two_calls_cost_what_they_cost_together(one, other):
    both = {meter: add(one[meter], other[meter]) for meter in UsageMeter}
    assert cost(usage_of(one)) + cost(usage_of(other)) == cost(usage_of(both))


@given(parts)
def test_the_cost_of_a_call_is_the_sum_of_its_meters(parts):
    alone = [cost(usage_of(dict.fromkeys(UsageMeter, 0) | {meter: count})) for meter, count in parts.items()]
    assert sum(alone) == cost(usage_of(parts))


@given(parts)
def test_the_lines_sum_to_the_reported_totals(parts):
    usage = usage_of(parts)
    answer = price_usage(usage, FULL, provider="acme", models=("m",), at_ns=AT, served=Served())
    assert sum(line.quantity for line in answer.lines if line.meter in INPUT_METERS) == usage.input_tokens
    assert sum(line.quantity for line in answer.lines if line.meter in OUTPUT_METERS) == usage.output_tokens
    assert sum(line.cost for line in answer.lines) == answer.list_cost


@given(st.integers(min_value=0, max_value=400_000), st.integers(min_value=0, max_value=400_000))
def test_a_longer_prompt_never_costs_less(tokens, more):
    for name in ("gpt-5", "gpt-5.4"):
        shorter, longer = Usage(input_tokens=tokens), Usage(input_tokens=tokens + more)
        table = load_rate_table()
        assert cost(shorter, table, provider="openai", name=name) <= cost(longer, table, provider="openai", name=name)


@given(
    anything,
    st.text(max_size=20),
    instants,
    st.builds(
        Served,
        service_tier=st.text(max_size=8),
        speed=st.text(max_size=8),
        region=st.text(max_size=8),
        is_batch=st.booleans(),
    ),
)
def test_nothing_that_a_call_may_hold_stops_the_engine(usage, text, at_ns, served):
    answer = price_usage(usage, FULL, provider="acme", models=(text, "m"), at_ns=at_ns, served=served)
    unknown = {PriceStatus.INVALID_USAGE, PriceStatus.NO_USAGE, PriceStatus.UNPRICED_MODEL}
    assert (answer.list_cost is None) == (answer.status in unknown)
    assert answer.list_cost is None or 0 <= answer.list_cost < ROW_LIMIT
    assert bool(answer.detail) == (answer.status not in {PriceStatus.PRICED, PriceStatus.FREE})


@given(st.lists(st.dates().filter(lambda day: day.year >= 1970), unique=True, min_size=1, max_size=6), st.data())
def test_exactly_one_price_of_a_history_is_in_force(days, data):
    bounds = [None, *(f"{day.isoformat()}T00:00:00Z" for day in sorted(days)), None]
    cards = [
        card({"input": str(number)}, **{"from": begin, "to": end})
        for number, (begin, end) in enumerate(pairwise(bounds))
    ]
    history = table_of(model("acme", "m", *cards)).models[0].cards["standard"]
    for number, later in enumerate(history[1:], start=1):
        begins = later.effective_from_ns
        assert begins is not None
        assert [one.in_effect(begins) for one in history].index(True) == number
        assert [one.in_effect(begins - 1) for one in history].index(True) == number - 1
    at_ns = data.draw(instants)
    assert sum(one.in_effect(at_ns) for one in history) == 1


@settings(max_examples=30)
@given(st.integers(min_value=AT - 1500 * DAY_NS, max_value=AT + 400 * DAY_NS))
def test_the_shipped_table_has_one_standard_price_at_any_instant(at_ns):
    for rates in load_rate_table().models:
        for tier, cards in rates.cards.items():
            in_force = sum(one.in_effect(at_ns) for one in cards)
            assert in_force <= 1, (rates.model, tier)
            assert in_force == 1 or tier != "standard" or rates.model in GAPS, rates.model


@given(st.decimals(min_value=0, max_value=10**9, places=12))
def test_money_survives_text(usd: Decimal):
    amount = pico_usd(usd)
    assert pico_usd(to_text(amount)) == amount
    assert Decimal(to_text(amount)) == usd


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_every_whole_pico_usd_has_one_text(amount):
    assert pico_usd(to_text(amount)) == amount


@settings(max_examples=30)
@given(st.integers(min_value=AT - 1500 * DAY_NS, max_value=AT + 400 * DAY_NS))
def test_the_shipped_table_has_at_most_one_price_of_a_place_at_any_instant(at_ns):
    for rates in load_rate_table().models:
        for place, by_tier in rates.regional.items():
            for tier, cards in by_tier.items():
                assert sum(one.in_effect(at_ns) for one in cards) <= 1, (rates.model, place, tier)


@given(parts, st.sampled_from(["1.1", "1.2", "0.5", "1.05"]))
def test_a_surcharge_is_on_every_token_and_rounded_once_a_line(parts, factor):
    line = model("acme", "m", card({meter.value: f"0.{number + 1:03}" for number, meter in enumerate(UsageMeter)}))
    table = table_of(line | {"places": [{"in": ["eu"], "times": factor}]})
    served = Served(region="eu")
    answer = price_usage(usage_of(parts), table, provider="acme", models=("m",), at_ns=AT, served=served)
    by_fractions = sum(
        Fraction(one.quantity * (list(UsageMeter).index(one.meter) + 1), 1000 * 10**6)
        * (Fraction(factor) if one.meter in INPUT_METERS | OUTPUT_METERS else 1)
        for one in answer.lines
    )
    assert answer.list_cost is not None
    off = abs(Fraction(answer.list_cost) - by_fractions * PICO_PER_USD)
    assert off <= Fraction(len(answer.lines), 2)


@given(st.integers(min_value=0, max_value=10**7), st.integers(min_value=1, max_value=10**12))
def test_time_sold_by_the_hour_is_off_by_half_a_pico_usd_at_most(seconds, pico_an_hour):
    line = model("acme", "m", {"rates": {"audio_second": [to_text(PicoUSD(pico_an_hour)), 3600]}})
    answer = cost(Usage(audio_second=seconds), table_of(line))
    assert abs(Fraction(answer) - Fraction(seconds * pico_an_hour, 3600)) <= Fraction(1, 2)


@given(st.integers(min_value=-(10**20), max_value=10**20), st.integers(min_value=1, max_value=10**9))
def test_half_even_is_what_fractions_round_to(amount, parts):
    assert half_even(amount, parts) == round(Fraction(amount, parts))
