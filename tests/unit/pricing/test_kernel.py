"""The batch kernel: what it computes itself, what it leaves to the engine, and what it remembers."""

from __future__ import annotations

import builtins

import pytest

from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing import Pricer, PriceStatus
from otel_llmcost.pricing import pricer as pricer_module
from otel_llmcost.pricing import sheets as sheets_module
from otel_llmcost.pricing.kernel import Kernel
from otel_llmcost.pricing.overlay import FixedRates, Overlay
from otel_llmcost.pricing.rates import Rate
from otel_llmcost.usage import Usage, UsageMeter
from tests.unit.pricing.tables import AT, MTOK, card, model, table_of

PRICER = Pricer(
    table_of(
        model("a", "m", card({"input": "2", "cache_read": "0.2", "output": "10"})),
        model("a", "long", card({"input": "1"}, above=[{"gt": 100, "rates": {"input": ["2", MTOK]}}])),
        model("a", "dear", card({"input": "600000000"})),
        model("a", "half", card({"input": "1", "output": None})),
    )
)


def call(name: str = "m", usage: Usage | None = None, **more) -> LLMCall:
    given = {"started_at_ns": AT, "usage": usage} | more
    return LLMCall(trace_id="", span_id="", provider="a", request_model=name, **given)


def test_a_batch_is_priced_without_the_engine():
    usage = Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=10)
    answer = Kernel(PRICER).price([call(usage=usage)] * 3 + [call("nobody", usage)])
    # 600 at 2, 400 at 0.2 and 10 at 10 USD a million.
    assert answer.list_cost == [600 * 2_000_000 + 400 * 200_000 + 10 * 10_000_000] * 3 + [None]
    assert answer.effective_cost == answer.list_cost
    assert answer.status == [PriceStatus.PRICED] * 3 + [PriceStatus.UNPRICED_MODEL]
    assert answer.by_engine == 0


@pytest.mark.parametrize(("tokens", "expected"), [(100, 100 * 1_000_000), (101, 101 * 2_000_000)])
def test_a_long_prompt_has_its_own_row_of_prices(tokens, expected):
    answer = Kernel(PRICER).price([call("long", Usage(input_tokens=tokens)), call("long", Usage(input_tokens=1))])
    assert (answer.list_cost, answer.by_engine) == ([expected, 1_000_000], 0)


@pytest.mark.parametrize(
    "odd",
    [
        call(),
        call(usage=Usage(input_tokens=-1)),
        call(usage=Usage(input_tokens=1, cache_read_tokens=2)),
        call(usage=Usage(input_tokens=2**40)),
        call(usage=Usage(input_tokens=10**40)),
        call("half", Usage(output_tokens=1)),
        call("dear", Usage(input_tokens=10**9)),
        call(usage=Usage(input_tokens=1), started_at_ns=10**30),
    ],
    ids=["none", "negative", "subset above whole", "2**40", "10**40", "no rate", "a million USD", "no such year"],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_engine_and_the_rest_is_not(odd):
    answer = Kernel(PRICER).price([call(usage=Usage(input_tokens=1)), odd, call(usage=Usage(input_tokens=3))])
    assert answer.by_engine == 1
    assert list(answer.each())[1] == PRICER.price(odd)._replace(lines=())
    assert (answer.list_cost[0], answer.list_cost[2]) == (2_000_000, 6_000_000)


def test_an_empty_batch_has_no_prices():
    assert list(Kernel(PRICER).price([]).each()) == []


def test_what_bills_a_kind_of_call_is_found_once(monkeypatch):
    asked = []
    monkeypatch.setattr(Pricer, "terms", lambda *told, found=Pricer.terms: asked.append(told) or found(*told))
    kernel = Kernel(Pricer(PRICER.table))
    for _ in range(3):
        kernel.price([call(usage=Usage(input_tokens=1)), call("long", Usage(input_tokens=1))] * 50)
    assert len(asked) == 2


def test_kinds_that_a_later_batch_brings_stand_beside_the_earlier_ones():
    kernel = Kernel(Pricer(PRICER.table))
    first = [call("long", Usage(input_tokens=101)), call(usage=Usage(input_tokens=1))]
    later = [call("half", Usage(input_tokens=3)), *first, call("dear", Usage(input_tokens=1))]
    assert kernel.price(first).list_cost == [101 * 2_000_000, 2_000_000]
    assert kernel.price(later).list_cost == [3 * 1_000_000, 101 * 2_000_000, 2_000_000, 600_000_000_000_000]


def test_a_batch_that_broke_off_leaves_no_price_of_one_kind_for_another(monkeypatch):
    kernel = Kernel(Pricer(PRICER.table))
    found = Pricer.terms

    def out_of_memory(pricer, told, at_ns):
        if "half" in told:
            raise MemoryError
        return found(pricer, told, at_ns)

    known, new = call("long", Usage(input_tokens=1)), call(usage=Usage(input_tokens=1))
    kernel.price([known])
    monkeypatch.setattr(Pricer, "terms", out_of_memory)
    with pytest.raises(MemoryError):
        kernel.price([new, call("half", Usage(input_tokens=1)), call("dear", Usage(input_tokens=1))])
    monkeypatch.undo()
    assert kernel.price([call("half", Usage(input_tokens=1)), new, known]).list_cost == [
        1_000_000,
        2_000_000,
        1_000_000,
    ]


def test_a_negotiated_price_by_the_hour_is_left_to_the_engine():
    table = table_of(model("a", "m", card({"input": "2", "audio_second": "10000"})))
    # 0.04 USD for 3600 seconds: 11,111,111 pico-USD a second and 400 for the hour that do not divide.
    agreed = FixedRates(
        provider="a", models=("m",), rates={UsageMeter.AUDIO_SECOND: Rate(PicoUSD(11_111_111), 3600, 400)}
    )
    pricer = Pricer(table, Overlay(version="o", fixed=(agreed,)))
    answer = Kernel(pricer).price([call(usage=Usage(audio_second=900)), call(usage=Usage(input_tokens=1))])
    # 900 seconds are listed at 0.01 USD each, and a quarter of that hour costs 0.01 in all.
    assert (answer.list_cost[0], answer.effective_cost[0]) == (9 * 10**12, 10**10)
    assert (answer.list_cost[1], answer.effective_cost[1], answer.by_engine) == (2_000_000, 2_000_000, 1)


def test_more_kinds_than_it_has_room_for_are_all_priced(monkeypatch):
    monkeypatch.setattr(sheets_module, "_MAX_KINDS", 600)
    kernel = Kernel(PRICER)
    for start in (0, 1000, 2000):
        answer = kernel.price([call(f"m-{start + n}", Usage(input_tokens=1), response_model="m") for n in range(1000)])
        assert answer.list_cost == [2_000_000] * 1000


def test_without_numpy_many_calls_are_priced_by_the_engine(monkeypatch):
    def no_numpy(name, *rest, real=builtins.__import__):
        if name.endswith("pricing.kernel"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_numpy)
    monkeypatch.setattr(pricer_module, "MANY", 2)
    assert [each.list_cost for each in Pricer(PRICER.table).price_all([call(usage=Usage(input_tokens=1))] * 2)] == [
        2_000_000
    ] * 2


def test_many_calls_are_priced_by_the_kernel_and_few_with_their_lines(monkeypatch):
    monkeypatch.setattr(pricer_module, "MANY", 2)
    one = call(usage=Usage(input_tokens=1))
    [with_lines] = Pricer(PRICER.table).price_all([one])
    assert with_lines == PRICER.price(one)
    assert list(Pricer(PRICER.table).price_all([one, one])) == [with_lines._replace(lines=())] * 2
