"""What calls would have cost by other rates, call by call, with nothing changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.call import LLMCall
from otel_llmcost.pricing import Pricer
from otel_llmcost.reports.repriced import Effect, repriced
from otel_llmcost.reports.window import Window
from otel_llmcost.store import PricedCall
from otel_llmcost.usage import Usage, UsageQuality
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from otel_llmcost.store import Store

OLD = Pricer(table_of(model("a", "m", card({"input": "2"})), model("a", "gone", card({"input": "1"}))))
NEW = Pricer(
    table_of(
        model("a", "m", card({"input": "1"}), card({"input": "0.5"}, tier="batch"), names=("alias",)),
        model("a", "new", card({"input": "3"})),
    )
)


def call(number: int, name: str, tokens: int | None = 1000, **more) -> LLMCall:
    return LLMCall(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        started_at_ns=time.time_ns() - number * 60 * 10**9,
        provider="a",
        request_model=name,
        usage=None if tokens is None else Usage(input_tokens=tokens),
        usage_quality=UsageQuality.MISSING if tokens is None else UsageQuality.REPORTED,
        **more,
    )


@pytest.mark.long
def test_each_call_is_priced_by_both_tables(store: Store) -> None:
    calls = [
        call(1, "m"),
        call(90, "m", is_batch=True),
        call(200, "alias"),
        call(3, "new"),
        call(4, "gone"),
        call(5, "m", None),
        call(60 * 24 * 31, "m"),
    ]
    now_ns = time.time_ns()
    store.write([PricedCall(call=each, pricing=OLD.price(each), received_at_ns=now_ns) for each in calls])
    window = Window(since_ns=now_ns - 30 * 86_400 * 10**9, until_ns=now_ns, timezone="UTC")
    assert dict(repriced(store, window, OLD, NEW)) == {
        # 1,000 tokens at 2 USD a million twice, then at 1 and, as a batch, at 0.5; the alias at 1.
        ("a", "m"): Effect(4, 4_000_000_000, 2_500_000_000, newly_priced=1),
        ("a", "new"): Effect(1, 0, 3_000_000_000, newly_priced=1),
        ("a", "gone"): Effect(1, 1_000_000_000, 0, newly_unpriced=1),
    }
    assert list(store.query("SELECT DISTINCT rate_table_version FROM llm_calls")) == [(OLD.table.version,)]
