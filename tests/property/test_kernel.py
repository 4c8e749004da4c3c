"""The batch kernel gives what the scalar engine gives, on every input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_llmcost.call import LLMCall
from otel_llmcost.config import parse_config
from otel_llmcost.money import half_even
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.pricing.kernel import CallColumns, Kernel, _half_even, columns_of
from otel_llmcost.usage import FIELDS, Usage
from tests.property.usages import parts, usage_of
from tests.unit.pricing.tables import AT, card, model, table_of

REAL = load_rate_table()
MODELS = [(rates.provider, rates.model) for rates in REAL.models]
OVERLAY = b"""
rates:
  models:
    - provider: vllm
      model: llama
      usd_per_mtok: {input: 0.3, output: 0.4}
      above: [{ge: 100, usd_per_mtok: {input: 1}}]
    - {provider: openai, model: gpt-5, to: 2026-11-20, usd_per_mtok: {input: 1, output: 2}}
  fixed: [{provider: anthropic, models: claude-haiku-4-5, usd_per_mtok: {input: 0.9, cache_read: 0.01}}]
  discounts:
    - {provider: anthropic, percent: 3.333333}
    - {provider: openai, percent: 12.345678, from: 2026-11-20T12:00:00Z}
    - {provider: aws.bedrock, percent: 50}
  aliases: [{provider: azure, name: prod, model: gpt-5-mini, rates_of: openai}]
  subscriptions: [{name: seats, provider: gcp.gemini, where: {service_name: ide}}]
"""
PLAIN, OWN = Pricer(REAL), Pricer(REAL, parse_config(OVERLAY, Path("llmcost.yaml")).overlay)
KERNELS = {id(pricer): Kernel(pricer) for pricer in (PLAIN, OWN)}

providers = st.sampled_from(["openai", "anthropic", "azure", "vllm", "xai", "vertex_ai", "nobody", ""])
names = st.sampled_from(["gpt-5", "gpt-5.4", "claude-haiku-4-5", "llama", "prod", "gpt-5-mini-2025-08-07", "none", ""])
who = st.one_of(st.sampled_from(MODELS), st.tuples(providers, names))
moments = st.one_of(
    st.integers(min_value=AT - 10**17, max_value=AT + 10**16),
    st.sampled_from([AT, AT - 1, AT + 1, 0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30]),
)
counts = st.one_of(
    st.integers(min_value=-3, max_value=10**6),
    st.sampled_from([0, 199_999, 200_000, 200_001, 272_000, 2**40, 10**15, 10**19, 10**40]),
)
usages = st.one_of(
    st.none(),
    parts.map(usage_of),
    st.builds(Usage, input_tokens=counts, cache_read_tokens=counts, output_tokens=counts, reasoning_tokens=counts),
    st.builds(Usage, **dict.fromkeys(FIELDS, counts)),
    st.builds(Usage, **dict.fromkeys(("input_tokens", "web_search", "audio_second", "image", "request"), counts)),
)


@st.composite
def calls(draw: st.DrawFn) -> LLMCall:
    provider, name = draw(who)
    return LLMCall(
        trace_id="1" * 32,
        span_id="1" * 16,
        started_at_ns=draw(moments),
        provider=provider,
        request_model=name,
        response_model=draw(st.sampled_from(["", "", name, "gpt-5", "none"])),
        service_tier=draw(st.sampled_from(["", "default", "flex", "priority", "batch", "provisioned", "odd"])),
        speed=draw(st.sampled_from(["", "", "fast"])),
        region=draw(st.sampled_from(["", "", "eu", "us", "global", "us-east-1", "DataZoneStandard", "mars"])),
        server_address=draw(st.sampled_from(["", "eu.api.openai.com"])),
        service_name=draw(st.sampled_from(["", "ide"])),
        is_batch=draw(st.booleans()),
        usage=draw(usages),
    )


@pytest.mark.parametrize("pricer", [PLAIN, OWN], ids=["published", "with an overlay"])
@settings(max_examples=150)
@given(batch=st.lists(calls(), max_size=25))
def test_the_kernel_equals_the_scalar_engine(pricer, batch):
    expected = [pricer.price(call)._replace(lines=()) for call in batch]
    assert list(KERNELS[id(pricer)].price(batch).each()) == expected
    assert list(Kernel(pricer).price(batch).each()) == expected


MINUTE = 60 * 10**9
CHANGING = Pricer(
    table_of(
        model(
            "acme",
            "m",
            card({"input": "1"}, to="2026-11-20T12:00:00Z"),
            card({"input": "2"}, **{"from": "2026-11-20T12:00:00Z"}, schedule=[[0, 5 * 1440], [6 * 1440, 7 * 1440]]),
            card({"input": "3"}, **{"from": "2026-11-20T12:00:00Z"}, schedule=[[5 * 1440, 6 * 1440]]),
        )
    )
)


@given(st.lists(st.integers(min_value=-8 * 1440, max_value=30 * 1440), min_size=1, max_size=60), st.booleans())
def test_dates_and_hours_are_told_apart_within_a_batch(minutes, exact):
    batch = [
        LLMCall(
            trace_id="",
            span_id="",
            provider="acme",
            request_model="m",
            started_at_ns=AT + minute * MINUTE - (not exact),
            usage=Usage(input_tokens=1),
        )
        for minute in minutes
    ]
    assert list(Kernel(CHANGING).price(batch).each()) == [CHANGING.price(one)._replace(lines=()) for one in batch]


@given(
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=2**62), st.integers(min_value=1, max_value=10**8)), max_size=9
    )
)
def test_columns_are_rounded_as_single_amounts_are(pairs):
    amounts, divisors = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    assert _half_even(amounts, divisors).tolist() == [half_even(amount, parts) for amount, parts in pairs]


@given(st.lists(calls(), max_size=10))
def test_calls_by_column_are_the_same_calls(batch):
    columns = columns_of(batch, OWN)
    for place, one in enumerate(batch):
        back = columns.call(place, OWN.kind)
        assert back.usage == one.usage
        assert (back.started_at_ns, OWN.kind_of(back)) == (one.started_at_ns, OWN.kind_of(one))


def test_columns_that_are_not_told_are_zero():
    kinds = [
        PLAIN.kind_of(LLMCall(trace_id="", span_id="", provider="openai", request_model="gpt-5", started_at_ns=AT))
    ]
    told = CallColumns(kinds=kinds, started_at_ns=np.array([AT]), counts={"output_tokens": np.array([3])})
    assert Kernel(PLAIN).price_columns(told).list_cost == [3 * 10_000_000]
