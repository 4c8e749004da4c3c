from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import PricedCall, Refused, Store, connect
from otel_llmcost.store.rows import DAY_NS
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, NOW_NS, PICO, SAID, a_call, many_calls, said_by, truth_of


def count(store: Store) -> object:
    return store.query("SELECT count() FROM llm_calls").rows[0][0]


def test_a_call_written_twice_is_one_row(store: Store) -> None:
    assert store.write([a_call()]) == 1
    assert store.write([a_call()]) == 1
    assert count(store) == 1


def test_resending_in_other_batches_and_orders_changes_nothing(store: Store) -> None:
    calls = many_calls(600, seed=1)
    store.write(calls)
    rng = random.Random(2)
    for size in (1, 7, 250):
        again = rng.sample(calls, 250)
        for start in range(0, len(again), size):
            store.write(again[start : start + size])
            if size == 1 and start > 20:
                break
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_the_first_received_wins_whatever_the_order_of_arrival(store: Store) -> None:
    first = a_call(1, received_at_ns=NOW_NS, feature="search", cost=5)
    later = a_call(1, received_at_ns=NOW_NS + 1, feature="renamed", cost=7)
    store.write([later])
    store.write([first])
    store.write([later])
    store.derive(*SAID)
    assert said_by(store) == truth_of([first])


def test_calls_that_share_a_trace_are_told_apart_by_their_span(store: Store) -> None:
    store.write([a_call(1), a_call(2, trace_id=f"{1:032x}")])
    assert count(store) == 2


def test_an_unknown_cost_is_null_and_a_free_call_is_zero(store: Store) -> None:
    store.write([a_call(1, cost=None), a_call(2, cost=0)])
    assert set(store.query("SELECT span_id, list_cost FROM llm_calls")) == {
        (f"{1:016x}", None),
        (f"{2:016x}", Decimal(0)),
    }


def test_a_group_without_any_price_has_no_spend_and_says_so(store: Store) -> None:
    store.write([a_call(1, cost=None, feature="dark"), a_call(2, cost=None, feature="half"), a_call(3, feature="half")])
    store.derive("spend_hourly")
    assert store.query(
        "SELECT feature, calls, unpriced_calls, list_cost, effective_cost FROM spend_hourly ORDER BY feature"
    ).rows == (("dark", 1, 1, None, None), ("half", 2, 1, Decimal("0.018"), Decimal("0.018")))


def test_list_and_effective_cost_are_kept_apart(store: Store) -> None:
    price = Pricing(status=PriceStatus.PRICED, list_cost=a_call(cost=9).pricing.list_cost, effective_cost=None)
    store.write([replace(a_call(), pricing=price)])
    store.derive("spend_hourly")
    assert store.query("SELECT list_cost, effective_cost FROM spend_hourly").rows == ((9 * PICO, None),)


class TestRowsThatCannotBeStored:
    """They are set aside by name and number, and the others go in."""

    @pytest.mark.parametrize(
        ("row", "kind", "said"),
        [
            (a_call(2, trace_id="0" * 32), "identity", "all zero"),
            (a_call(2, span_id="ABC"), "identity", "'/ABC'|ABC"),
            (a_call(2, started_at_ns=NOW_NS + 2 * DAY_NS), "clock_ahead", "in the future"),
            (a_call(2, started_at_ns=NOW_NS - 401 * DAY_NS), "beyond_retention", "no older call is kept"),
            (a_call(2, received_at_ns=0), "clock_ahead", "received_at_ns 0"),
            (a_call(2, cost=10**18), "amount", "1000000 USD is not below a million"),
            (a_call(2, cost=2 * 10**18), "amount", "2000000 USD"),
            (a_call(2, input_tokens=10**15 + 1), "count", "beyond"),
            (a_call(2, response_id="half of a pair: \ud83d"), "engine", "cannot be encoded"),
            (a_call(2, duration_ns=2**63), "count", "more than 64 bits hold"),
        ],
    )
    def test_one_bad_row_does_not_keep_the_others_out(
        self, migrated_dsn: str, row: PricedCall, kind: str, said: str
    ) -> None:
        aside: list[Refused] = []
        with connect(migrated_dsn, clock_ns=lambda: NOW_NS, on_refused=aside.extend) as store:
            assert store.write([a_call(1), row, a_call(3), a_call(4)]) == 3
            assert count(store) == 3
            assert store.refused == {kind: 1}
        (refused,) = aside
        assert refused.row is row
        assert refused.kind == kind
        assert any(part in refused.reason for part in said.split("|"))

    def test_an_amount_just_below_a_million_is_kept_to_the_last_digit(self, store: Store) -> None:
        store.write([a_call(1, cost=10**18 - 1), a_call(2, cost=-(10**18) + 1)])
        assert set(store.query("SELECT list_cost FROM llm_calls")) == {
            (Decimal("999999.999999999999"),),
            (Decimal("-999999.999999999999"),),
        }

    def test_a_rule_of_the_table_itself_sets_rows_aside_one_by_one(self, store: Store) -> None:
        store._engine.command("ALTER TABLE llm_calls_log ADD CONSTRAINT no_evil CHECK feature != 'evil'")
        calls = [a_call(n, feature="evil" if n % 100 == 0 else "good") for n in range(1, 301)]
        assert store.write(calls) == 297
        assert store.refused == {"engine": 3}

    def test_a_store_that_refuses_everything_refuses_the_batch(self, store: Store) -> None:
        store._engine.command("ALTER TABLE llm_calls_log ADD CONSTRAINT closed CHECK false")
        with pytest.raises(StoreRefusedError, match="refuses every row"):
            store.write(many_calls(200, seed=3))
        assert not store.refused

    def test_bad_rows_in_front_do_not_keep_out_the_good_ones_behind_them(self, store: Store) -> None:
        store._engine.command("ALTER TABLE llm_calls_log ADD CONSTRAINT no_evil CHECK feature != 'evil'")
        calls = [a_call(n, feature="evil" if n <= 100 else "good") for n in range(1, 301)]
        assert store.write(calls) == 200
        assert store.refused == {"engine": 100}

    def test_a_missing_schema_names_the_command_that_makes_it(self, dsn: str) -> None:
        with connect(dsn) as store, pytest.raises(StoreRefusedError, match="run `llmcost migrate`"):
            store.write([a_call()])


def test_rows_with_clocks_all_over_the_year_are_one_batch(store: Store) -> None:
    """150 months in one insert are refused by ClickHouse for ever; the retention bounds them."""
    calls = [a_call(n, started_at_ns=NOW_NS - n * 2 * DAY_NS) for n in range(1, 190)]
    assert store.write(calls) == 189
    store.derive(*SAID)
    assert said_by(store) == truth_of(calls)


def test_a_correction_inserted_twice_counts_once_and_is_no_call(store: Store) -> None:
    store.write([a_call(1, cost=100, feature="search", session_id="s"), a_call(2, cost=7, feature="search")])
    for _ in range(2):
        store._engine.command(
            """
            INSERT INTO llm_calls_log
            SELECT l.* REPLACE (
                'reprice-1' AS correction_id, 'new rate' AS correction_reason,
                toDecimal64('-0.000000000030', 12) AS list_cost, toDecimal64('-0.000000000040', 12) AS effective_cost,
                0 AS input_tokens, 0 AS output_tokens, l.precedence - 1000 AS precedence
            )
            FROM llm_calls_log AS l FINAL
            WHERE l.span_id = '0000000000000001' AND l.correction_id = ''
            """
        )
    store.derive()
    measures = "calls, unpriced_calls, input_tokens, list_cost, effective_cost"
    assert store.query(f"SELECT {measures} FROM spend_hourly").rows == ((2, 0, 200, 77 * PICO, 67 * PICO),)
    assert store.query(f"SELECT {measures} FROM session_spend").rows == ((1, 0, 100, 70 * PICO, 60 * PICO),)
    assert store.query("SELECT countIf(correction_id = ''), sum(list_cost) FROM llm_calls").rows == ((2, 77 * PICO),)


def test_hours_are_those_of_utc(store: Store) -> None:
    store.write([a_call(1, started_at_ns=MIDNIGHT_NS + HOUR_NS - 1), a_call(2, started_at_ns=MIDNIGHT_NS + HOUR_NS)])
    store.derive("spend_hourly")
    hours = store.query("SELECT toUnixTimestamp(hour) FROM spend_hourly ORDER BY hour")
    assert hours.rows == ((MIDNIGHT_NS // 10**9,), (MIDNIGHT_NS // 10**9 + 3600,))
