"""What the rollups by the day and by the user action say, each number worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from otel_llmcost.money import PicoUSD
from otel_llmcost.store import Correction
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, PICO, a_call, many_calls
from tests.store.test_derivation import refreshed

if TYPE_CHECKING:
    from otel_llmcost.store import Store

DAY = dt.datetime.fromtimestamp(MIDNIGHT_NS / 1e9, dt.UTC).date()
DAYS_OF = "SELECT day, calls, list_cost FROM {table} ORDER BY day"


def test_a_day_holds_the_calls_of_its_24_hours_and_no_other(store: Store) -> None:
    store.write(
        [
            a_call(1, started_at_ns=MIDNIGHT_NS - 1, cost=1),
            a_call(2, started_at_ns=MIDNIGHT_NS, cost=20),
            a_call(3, started_at_ns=MIDNIGHT_NS + 24 * HOUR_NS - 1, cost=300),
        ]
    )
    store.derive()
    expected = ((DAY - dt.timedelta(days=1), 1, 1 * PICO), (DAY, 2, 320 * PICO))
    for table in ("spend_daily", "tenant_spend_daily", "prompt_shape_daily"):
        assert store.query(DAYS_OF.format(table=table)).rows == expected, table


def test_a_late_call_is_added_to_its_day(store: Store) -> None:
    store.write([a_call(1, cost=1), a_call(2, started_at_ns=MIDNIGHT_NS + 9 * HOUR_NS, cost=20)])
    store.derive()
    store.write([a_call(3, started_at_ns=MIDNIGHT_NS + 5 * HOUR_NS, cost=300)])
    store.derive()
    assert store.query(DAYS_OF.format(table="spend_daily")).rows == ((DAY, 3, 321 * PICO),)


def test_spend_by_the_day_has_every_count_and_both_costs_of_the_calls(store: Store) -> None:
    store.write(many_calls(60, seed=21))
    store.derive()
    names = [str(name) for (name,) in store.query("SELECT name FROM system.columns WHERE table = 'spend_daily'")]
    summed = [name for name in names if name.endswith(("_tokens", "_cost")) or name in ("image", "page", "request")]
    assert len(summed) >= 20
    parts = {name for name in summed if name.startswith(("retry_", "corrected_", "wasted_"))}
    assert len(parts) == 4
    for name in set(summed) - parts:
        raw = store.query(f"SELECT sum({name}) FROM llm_calls").rows
        assert store.query(f"SELECT sum({name}) FROM spend_daily").rows == raw, name


def test_what_went_to_retries_and_fallbacks_stands_apart(store: Store) -> None:
    store.write(
        [a_call(1, cost=1), a_call(2, attempt_kind="retry", cost=20), a_call(3, attempt_kind="fallback", cost=300)]
    )
    store.derive()
    assert store.query("SELECT retries, retry_list_cost, list_cost FROM spend_daily").rows == (
        (2, 320 * PICO, 321 * PICO),
    )


def test_waste_is_what_was_rejected_failed_or_cut_off_and_no_call_twice(store: Store) -> None:
    """And not the retry that made up for it, whose answer was used."""
    of = {"request_id": "r", "feature": "search"}
    wasted = a_call(2, **of, rejected="json_parse", finish_reason="length", cost=20)
    store.write(
        [
            a_call(1, **of, cost=1),
            wasted,
            a_call(3, **of, attempt_kind="retry", attempt_reason="json_parse", cost=300),
            a_call(4, **of, error_type="timeout", cost=4_000),
            a_call(5, **of, finish_reason="MAX_TOKENS", cost=50_000),
            a_call(6, **of, rejected="empty", cost=None),
        ]
    )
    store.derive()
    sql = "SELECT rejections, wasted_list_cost, wasted_effective_cost, list_cost FROM"
    rows = ((2, 54_020 * PICO, 54_020 * PICO, 54_321 * PICO),)
    assert store.query(f"{sql} spend_daily").rows == rows
    assert store.query(f"{sql} request_attempts").rows == rows
    if store.is_embedded:
        return
    for rollup in ("spend_daily", "request_attempts"):  # as a server derives them by itself
        for table in (f"{rollup}_log", "derivations"):
            store._engine.command(f"TRUNCATE TABLE {table}")
        refreshed(store._engine, f"{rollup}_log_mv")
        assert store.query(f"{sql} {rollup}").rows == rows


def test_tenants_stand_each_for_themselves(store: Store) -> None:
    store.write(
        [
            a_call(1, tenant="acme", feature="search", cost=1),
            a_call(2, tenant="acme", feature="chat", cost=20),
            a_call(3, tenant="globex", feature="chat", cost=300),
        ]
    )
    store.derive()
    rows = store.query("SELECT feature, list_cost FROM tenant_spend_daily WHERE tenant = 'acme' ORDER BY feature").rows
    assert rows == (("chat", 20 * PICO), ("search", 1 * PICO))
    assert store.query("SELECT count(), sum(list_cost) FROM spend_daily WHERE feature = 'chat'").rows == (
        (1, 320 * PICO),
    )


def test_of_each_day_and_feature_the_50_dearest_calls_are_kept(store: Store) -> None:
    cheap = [a_call(n, feature="chat", cost=n) for n in range(1, 61)]
    others = [
        a_call(70, feature="search", cost=1),
        a_call(71, feature="chat", cost=2, started_at_ns=MIDNIGHT_NS - 1),
        a_call(72, feature="chat", environment="staging", cost=3),
        a_call(73, feature="chat", cost=None),
    ]
    store.write([*cheap, *others])
    store.derive()
    sql = """
        SELECT day, feature, environment, count(), min(effective_cost), max(effective_cost)
        FROM dearest_calls
        GROUP BY day, feature, environment
        ORDER BY day, feature, environment
    """
    before = DAY - dt.timedelta(days=1)
    assert list(store.query(sql)) == [
        (before, "chat", "", 1, 2 * PICO, 2 * PICO),
        (DAY, "chat", "", 50, 11 * PICO, 60 * PICO),
        (DAY, "chat", "staging", 1, 3 * PICO, 3 * PICO),
        (DAY, "search", "", 1, 1 * PICO, 1 * PICO),
    ]


def test_a_dearest_call_says_what_the_call_said(store: Store) -> None:
    names = "trace_id, span_id, started_at, duration_ns, tenant, provider, response_model, input_tokens, list_cost"
    store.write([a_call(1, feature="chat", tenant="acme", duration_ns=7, cost=5, started_at_ns=MIDNIGHT_NS + 9)])
    store.derive()
    dearest, calls = (store.query(f"SELECT {names} FROM {table}").rows for table in ("dearest_calls", "llm_calls"))
    assert dearest == calls
    assert len(calls) == 1


def a_correction(number: int, cost: int) -> Correction:
    """Return what adds a cost to the call of this number."""
    return Correction(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        started_at_ns=MIDNIGHT_NS,
        correction_id="reprice#0",
        reason="",
        list_cost=PicoUSD(cost),
        effective_cost=PicoUSD(cost),
        newly_priced=0,
        pricing=a_call().pricing,
    )


def test_the_dearest_calls_are_those_that_cost_most_after_corrections(store: Store) -> None:
    """The cheapest of 52 calls became the dearest, one lost its place, and one has a price at last: 60, 50 and 90."""
    calls = [a_call(n, feature="chat", cost=n) for n in range(1, 52)]
    store.write([*calls, a_call(60, feature="chat", cost=None)])
    store.derive()
    store.correct([a_correction(1, 59), a_correction(2, -2), a_correction(60, 90)])
    store.derive()
    now = [(60, 90), (1, 60), *((n, n) for n in range(51, 3, -1))]
    assert store.query(
        "SELECT span_id, list_cost, effective_cost FROM dearest_calls ORDER BY effective_cost DESC"
    ).rows == tuple((f"{number:016x}", cost * PICO, cost * PICO) for number, cost in now)


class TestUserActions:
    def test_one_row_tells_what_an_action_took(self, store: Store) -> None:
        """Two requests, of which one was sent again, answered by two models, over the end of an hour."""
        same = {"request_id": "r1", "feature": "search", "tenant": "acme"}
        end = MIDNIGHT_NS + HOUR_NS
        store.write(
            [
                a_call(1, **same, cost=1, request_hash="a", started_at_ns=end - 9, response_model="small"),
                a_call(
                    2,
                    **same,
                    cost=20,
                    request_hash="a",
                    started_at_ns=end - 5,
                    response_model="small",
                    attempt_kind="retry",
                    attempt_reason="json_parse",
                    resend_count=2,
                ),
                a_call(
                    3,
                    **same,
                    cost=300,
                    request_hash="b",
                    started_at_ns=end + 4,
                    response_model="large",
                    attempt_kind="fallback",
                    attempt_reason="json_parse",
                ),
                a_call(4, request_id="r2", feature="search", cost=None),
            ]
        )
        store.derive()
        sql = """
            SELECT calls, retries, fallbacks, hedges, resends, distinct_requests, models, attempt_reasons,
                   list_cost, retry_list_cost, unpriced_calls, toUnixTimestamp64Nano(last_started_at)
            FROM request_attempts WHERE request_id = {id:String}
        """
        assert store.query(sql, {"id": "r1"}).rows == (
            (3, 2, 1, 0, 2, 2, ["large", "small"], ["json_parse"], 321 * PICO, 320 * PICO, 0, end + 4),
        )
        assert store.query("SELECT calls FROM request_attempts_hourly WHERE request_id = 'r1' ORDER BY hour").rows == (
            (2,),
            (1,),
        )
        assert store.query(
            "SELECT calls, list_cost, unpriced_calls FROM request_attempts WHERE request_id = 'r2'"
        ).rows == ((1, None, 1),)

    def test_calls_outside_of_any_action_are_in_no_row(self, store: Store) -> None:
        store.write([a_call(1), a_call(2, request_id="r")])
        store.derive()
        assert store.query("SELECT request_id FROM request_attempts").rows == (("r",),)


def test_the_shape_of_prompts_shows_a_prompt_that_changed_and_grew(store: Store) -> None:
    """The mean divides by the calls whose tokens are known: 3,000 over two, and 30,000 over one."""
    store.write(
        [
            a_call(1, feature="search", prompt_hash="old", prompt_bytes=50, input_tokens=1_000, output_tokens=5),
            a_call(2, feature="search", prompt_hash="old", prompt_bytes=50, input_tokens=2_000, output_tokens=9),
            a_call(3, feature="search", prompt_hash="old", usage=None, cost=None),
            a_call(4, feature="search", prompt_hash="new", started_at_ns=MIDNIGHT_NS + 7, input_tokens=30_000),
        ]
    )
    store.derive()
    rows = store.query(
        """
        SELECT prompt_hash, calls, measured_calls, input_tokens, input_tokens_max, output_tokens_max, prompt_bytes_max,
               toUnixTimestamp64Nano(first_started_at)
        FROM prompt_shape_daily ORDER BY first_started_at
        """
    ).rows
    assert rows == (
        ("old", 3, 2, 3_000, 2_000, 9, 50, MIDNIGHT_NS),
        ("new", 1, 1, 30_000, 30_000, 0, None, MIDNIGHT_NS + 7),
    )


def test_a_call_is_asked_again_where_the_same_tenant_asked_it_before_on_the_day(store: Store) -> None:
    """Of three that acme asked alike the first stays; globex asked it for the first time."""
    asked = {"request_hash": "0f" * 8}
    store.write(
        [
            a_call(1, **asked, tenant="acme", started_at_ns=MIDNIGHT_NS + 3, cost=1),
            a_call(2, **asked, tenant="acme", started_at_ns=MIDNIGHT_NS + 9 * HOUR_NS, cost=20),
            a_call(3, **asked, tenant="acme", started_at_ns=MIDNIGHT_NS + 2, cost=300),
            a_call(4, **asked, tenant="globex", started_at_ns=MIDNIGHT_NS + 4, cost=4_000),
            a_call(5, request_hash="", tenant="acme", cost=50_000),
            a_call(6, request_hash="", tenant="acme", cost=600_000),
            a_call(7, **asked, tenant="acme", started_at_ns=MIDNIGHT_NS + 24 * HOUR_NS, cost=7_000_000),
        ]
    )
    store.derive()
    rows = store.query("SELECT repeated_calls, repeated_effective_cost FROM prompt_shape_daily ORDER BY day").rows
    assert rows == ((2, 21 * PICO), (0, 0))


def test_an_answer_is_long_beyond_what_95_of_100_did_not_exceed(store: Store) -> None:
    """The fortieth says 300 tokens, the others 100. It cost $2 for 500 + 5 x 300 weighed tokens: 200 x 5 of them $1."""
    usual = [a_call(n, input_tokens=500, output_tokens=100) for n in range(1, 40)]
    store.write([*usual, a_call(40, input_tokens=500, output_tokens=300, cost=2 * 10**12)])
    store.derive()
    assert store.query("SELECT output_tokens_p95, long_output_usd FROM prompt_shape_daily").rows == ((100, 1.0),)


def test_a_call_might_have_waited_where_nobody_does_and_the_full_rate_was_paid(store: Store) -> None:
    store.write(
        [
            a_call(1, workload="eval", cost=1),
            a_call(2, workload="background", service_tier="default", cost=20),
            a_call(3, workload="batch", is_batch=True, cost=300),
            a_call(4, workload="ci", service_tier="flex", cost=4_000),
            a_call(5, workload="interactive", cost=50_000),
        ]
    )
    store.derive()
    sql = "SELECT sum(deferrable_calls), sum(deferrable_effective_cost) FROM prompt_shape_daily"
    assert store.query(sql).rows == ((2, 21 * PICO),)


class TestTags:
    def test_only_tags_that_are_named_get_rows(self, store: Store) -> None:
        store._engine.insert("reported_tags_log", {"tag_key": ["project", "tier"], "is_reported": [True, True]}, {})
        store.write(
            [
                a_call(1, tags=(("project", "apollo"), ("run", "17")), cost=1),
                a_call(2, tags=(("project", "apollo"), ("tier", "gold")), cost=20),
                a_call(3, tags=(("project", "zeus"),), cost=300),
                a_call(4, cost=4_000),
            ]
        )
        store.derive()
        sql = "SELECT tag_key, tag_value, calls, list_cost FROM spend_by_tag_daily ORDER BY tag_key, tag_value"
        assert store.query(sql).rows == (
            ("project", "apollo", 2, 21 * PICO),
            ("project", "zeus", 1, 300 * PICO),
            ("tier", "gold", 1, 20 * PICO),
        )

    def test_without_named_tags_there_are_no_rows_and_nothing_stays_due(self, store: Store) -> None:
        store.write([a_call(1, tags=(("project", "apollo"),))])
        store.derive()
        assert store.query("SELECT count() FROM spend_by_tag_daily").rows == ((0,),)
        assert store.query("SELECT count() FROM spend_by_tag_daily_log WHERE is_mark").rows[0][0] != 0


class TestCatalogue:
    def test_a_reorganisation_holds_from_its_day_and_leaves_the_past(self, store: Store) -> None:
        day = dt.date
        store._engine.insert(
            "features_log",
            {
                "feature": ["search", "search", "chat", "chat"],
                "effective_from": [day(2026, 1, 1), day(2026, 7, 1), day(2026, 1, 1), day(2026, 3, 1)],
                "team": ["growth", "platform", "growth", ""],
                "is_removed": [False, False, False, True],
            },
            {},
        )
        sql = "SELECT feature, team, effective_from, effective_to FROM features ORDER BY feature, effective_from"
        assert store.query(sql).rows == (
            ("chat", "growth", day(2026, 1, 1), day(2026, 3, 1)),
            ("search", "growth", day(2026, 1, 1), day(2026, 7, 1)),
            ("search", "platform", day(2026, 7, 1), None),
        )

    def test_a_limit_holds_until_the_next_one_of_its_scope(self, store: Store) -> None:
        day = dt.date
        store._engine.insert(
            "limits_log",
            {
                "scope": ["feature=search", "feature=search", ""],
                "window": ["day", "day", "month"],
                "effective_from": [day(2026, 1, 1), day(2026, 2, 1), day(2026, 1, 1)],
                "cap": [Decimal(25), Decimal(60), None],
            },
            {},
        )
        sql = "SELECT scope, cap, effective_to FROM limits ORDER BY scope, effective_from"
        assert store.query(sql).rows == (
            ("", None, None),
            ("feature=search", Decimal(25), day(2026, 2, 1)),
            ("feature=search", Decimal(60), None),
        )

    def test_an_event_told_twice_is_one_and_the_first_telling_counts(self, store: Store) -> None:
        at = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
        for was in ("first", "second"):
            event = {"occurred_at": [at], "kind": ["release"], "event_id": ["v2"], "was": [was]}
            store._engine.insert("cost_events_log", event, {"insert_deduplicate": 0})
        assert store.query("SELECT event_id, was FROM cost_events").rows == (("v2", "first"),)


class TestWhatIsMissing:
    def test_calls_without_a_feature_are_listed_with_their_place_in_the_code(self, store: Store) -> None:
        store.write([a_call(1, feature="search"), a_call(2, call_site="app.chat:answer:17")])
        assert store.query("SELECT call_site FROM unattributed").rows == (("app.chat:answer:17",),)

    def test_a_call_that_a_correction_has_priced_is_no_longer_unpriced(self, store: Store) -> None:
        store.write([a_call(1, cost=None), a_call(2, cost=None), a_call(3, cost=5)])
        store.derive()
        correct = """
            INSERT INTO llm_calls_log (started_at, trace_id, span_id, correction_id, newly_priced, list_cost)
            SELECT started_at, trace_id, span_id, {id:String}, {change:Int8}, {cost:Decimal(18, 12)}
            FROM llm_calls WHERE span_id = {span:String} AND correction_id = ''
        """
        span = f"{2:016x}"
        for name, change, cost in (("a", 1, 7), ("b", -1, -7), ("c", 1, 9)):
            for _ in range(2):  # told twice, counted once
                store._engine.query(correct, {"id": name, "change": change, "cost": cost * PICO, "span": span})
            unpriced = [row[0] for row in store.query("SELECT span_id FROM unpriced ORDER BY span_id")]
            assert unpriced == ([f"{1:016x}"] if change > 0 else [f"{1:016x}", span])
        store.derive()
        for table in ("spend_hourly", "spend_daily", "tenant_spend_daily"):
            sql = f"SELECT sum(calls), sum(unpriced_calls), sum(list_cost) FROM {table}"
            assert store.query(sql).rows == ((3, 1, 14 * PICO),), table
        assert store.query("SELECT sum(corrected_list_cost) FROM spend_daily").rows == ((9 * PICO,),)
