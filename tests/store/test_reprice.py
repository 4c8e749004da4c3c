"""Corrections post exactly what calls cost more or less, once, and change no call."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.ledger.reprice import Difference, reprice
from otel_llmcost.ledger.verify import verify
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing import Pricer
from otel_llmcost.pricing.overlay import Overlay
from otel_llmcost.reports import dimension_of
from otel_llmcost.reports.window import Window
from otel_llmcost.store import Correction, PricedCall, settle
from otel_llmcost.usage import Usage, UsageQuality
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, NOW_NS, PICO
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from otel_llmcost.store import Store

OLD = Pricer(table_of(model("a", "m", card({"input": "2"})), model("a", "gone", card({"input": "1"}))))
NEW = Pricer(table_of(model("a", "m", card({"input": "3"})), model("a", "new", card({"input": "5"}))))
WINDOW = Window(since_ns=MIDNIGHT_NS - 48 * HOUR_NS, until_ns=MIDNIGHT_NS + 24 * HOUR_NS)
LEDGER = """
    SELECT span_id, toUnixTimestamp64Nano(started_at), correction_id, correction_reason, input_tokens, list_cost,
           newly_priced, price_status, rate_table_version
    FROM llm_calls ORDER BY started_at, span_id, correction_id
"""


def call(number: int, name: str, *, team: str = "growth", at_ns: int = MIDNIGHT_NS, **said: Any) -> PricedCall:
    """A call of 1,000 input tokens, priced by the old table."""
    told = LLMCall(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        started_at_ns=at_ns + number,
        provider="a",
        request_model=name,
        usage=Usage(input_tokens=1_000),
        usage_quality=UsageQuality.REPORTED,
        attribution=Attribution(team=team, feature="search"),
        **said,
    )
    return PricedCall(call=told, pricing=OLD.price(told), received_at_ns=NOW_NS)


def test_what_is_billed_is_repriced_and_not_what_was_consumed(store: Store) -> None:
    """Of 1,000 tokens 400 are billed: 800,000,000 pico-USD at 2 USD a million, and 1,200,000,000 at 3."""
    store.write([call(1, "m", billed=Usage(input_tokens=400)), call(2, "m", billed=Usage())])
    assert total(store) == 800_000_000 * PICO
    done = reprice(store, WINDOW, NEW)
    assert (done.looked_at, done.posted) == (2, 1)
    assert total(store) == 1_200_000_000 * PICO


def total(store: Store, table: str = "llm_calls") -> Decimal:
    return store.query(f"SELECT sum(list_cost) FROM {table}").rows[0][0]  # type: ignore[return-value]


def test_the_difference_is_posted_beside_the_calls_which_stay_as_they_were(store: Store) -> None:
    """1,000 tokens cost 2,000,000,000 pico-USD at 2 USD a million, and 3,000,000,000 at 3."""
    store.write([call(1, "m", duration_ns=77, tool_call_count=3)])
    before = store.query(LEDGER).rows
    done = reprice(store, WINDOW, NEW, reason="the provider told us late")
    assert done.differences == {("growth", "a", "m"): Difference(1, 0, 1_000_000_000, 1_000_000_000)}
    assert (done.looked_at, done.posted, done.kept, done.closed) == (1, 1, 0, {})
    rows = store.query(LEDGER).rows
    assert rows[0] == before[0]
    span, version = f"{1:016x}", NEW.table.version
    assert rows[1:] == (
        (
            span,
            MIDNIGHT_NS + 1,
            "reprice#0",
            "the provider told us late",
            0,
            1_000_000_000 * PICO,
            0,
            "priced",
            version,
        ),
    )
    store.derive()
    assert total(store, "spend_hourly") == total(store) == Decimal("0.003")
    sums = "SELECT sum(calls), sum(input_tokens), sum(duration_ns), sum(corrected_list_cost) FROM spend_daily"
    assert store.query(sums).rows == ((1, 1_000, 77, Decimal("0.001")),)


def test_to_run_it_again_changes_nothing(store: Store) -> None:
    store.write([call(1, "m"), call(2, "new")])
    reprice(store, WINDOW, NEW)
    before = store.query(LEDGER).rows
    again = reprice(store, WINDOW, NEW)
    assert (again.posted, again.differences) == (0, {})
    assert store.query(LEDGER).rows == before


def test_a_dry_run_shows_the_same_difference_and_writes_nothing(store: Store) -> None:
    store.write([call(1, "m"), call(2, "new", team="core")])
    dry = reprice(store, WINDOW, NEW, is_dry_run=True)
    assert dry.posted == 0
    assert len(store.query(LEDGER)) == 2
    assert reprice(store, WINDOW, NEW).differences == dry.differences


def test_an_unpriced_call_is_priced_when_its_rate_arrives(store: Store) -> None:
    store.write([call(1, "new"), call(2, "never known")])
    assert store.query("SELECT count() FROM unpriced").rows == ((2,),)
    done = reprice(store, WINDOW, NEW)
    assert done.differences == {("growth", "a", "new"): Difference(1, 1, 5_000_000_000, 5_000_000_000)}
    assert store.query("SELECT request_model FROM unpriced").rows == (("never known",),)
    store.derive()
    assert store.query("SELECT sum(unpriced_calls), sum(list_cost) FROM spend_hourly").rows == ((1, Decimal("0.005")),)


def test_a_price_is_kept_where_the_new_rates_know_none(store: Store) -> None:
    store.write([call(1, "gone")])
    done = reprice(store, WINDOW, NEW)
    assert (done.kept, done.posted) == (1, 0)
    assert total(store) == Decimal("0.001")


def test_rates_may_go_back_and_forth(store: Store) -> None:
    """Each correction has a name of its own, though the table is one that corrected the call before."""
    store.write([call(1, "m")])
    for pricer, cost in ((NEW, "0.003"), (OLD, "0.002"), (NEW, "0.003"), (OLD, "0.002")):
        reprice(store, WINDOW, pricer)
        assert total(store) == Decimal(cost)
    assert len(store.query(LEDGER)) == 5


def test_only_the_window_and_what_is_asked_for_is_repriced(store: Store) -> None:
    store.write([call(1, "m"), call(2, "m", team="core"), call(3, "m", at_ns=MIDNIGHT_NS - 30 * HOUR_NS)])
    since_midnight = Window(since_ns=MIDNIGHT_NS, until_ns=MIDNIGHT_NS + HOUR_NS)
    done = reprice(store, since_midnight, NEW, where=[(dimension_of("team"), "core")])
    assert done.differences == {("core", "a", "m"): Difference(1, 0, 1_000_000_000, 1_000_000_000)}


def test_what_has_a_price_by_now_is_not_asked_for_as_unpriced(store: Store) -> None:
    store.write([call(1, "new"), call(2, "later"), call(3, "m")])
    unpriced = [(dimension_of("price_status"), "unpriced_model")]
    assert reprice(store, WINDOW, NEW, where=unpriced).posted == 1
    assert reprice(store, WINDOW, NEW, where=unpriced).looked_at == 1


def test_a_day_that_is_asked_for_is_one_of_the_zone(store: Store) -> None:
    store.write([call(1, "m", at_ns=MIDNIGHT_NS - 2 * HOUR_NS)])
    day = dt.datetime.fromtimestamp(MIDNIGHT_NS // 10**9, dt.UTC).date()
    in_tokyo = replace(WINDOW, timezone="Asia/Tokyo")  # where it is 7 o'clock of the next day
    where = [(dimension_of("day"), f"{day}")]
    assert reprice(store, WINDOW, NEW, where=where).looked_at == 0
    assert reprice(store, in_tokyo, NEW, where=where).looked_at == 1


def test_a_closed_month_stays_as_it_is_and_is_named(store: Store) -> None:
    day = dt.datetime.fromtimestamp(MIDNIGHT_NS // 10**9, dt.UTC).date()
    closing = {"month": [day.replace(day=1)], "is_closed": [True], "actor": ["finance"]}
    store._engine.insert("closed_months_log", closing, {})
    store.write([call(1, "m")])
    done = reprice(store, WINDOW, NEW)
    assert (done.posted, done.differences, done.closed) == (0, {}, {f"{day:%Y-%m}": 1})
    store._engine.insert("closed_months_log", closing | {"is_closed": [False]}, {})
    assert reprice(store, WINDOW, NEW).posted == 1


def test_two_that_reprice_at_once_post_it_once(store: Store) -> None:
    """Both saw the ledger as it was before either had written."""
    store.write([call(number, "m") for number in range(1, 20)])
    real = store.correct

    class Slow(type(store)):  # type: ignore[misc]
        def correct(self, corrections: Any) -> int:
            real(corrections)
            return real(corrections)

    store.__class__ = Slow
    reprice(store, WINDOW, NEW)
    store._engine.command("OPTIMIZE TABLE llm_calls_log FINAL")
    assert total(store) == 19 * Decimal("0.003")


def test_of_two_that_reprice_at_once_by_other_rates_one_counts(store: Store) -> None:
    """2 USD a million became 3 for the one and 4 for the other: it is one of them, and not 5."""
    store.write([call(1, "m")])
    real = store.correct
    dearer = Pricer(table_of(model("a", "m", card({"input": "4"}))))

    class Overtaken(type(store)):  # type: ignore[misc]
        def correct(self, corrections: Any) -> int:
            self.correct = real
            assert reprice(self, WINDOW, dearer).posted == 1
            return real(corrections)

    store.__class__ = Overtaken
    reprice(store, WINDOW, NEW)
    assert total(store) == Decimal("0.004")
    reprice(store, WINDOW, NEW)
    assert total(store) == Decimal("0.003")


def test_a_busy_hour_is_priced_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the calls of an hour."""
    monkeypatch.setattr("otel_llmcost.ledger.reprice.SLICE_CALLS", 2)
    minute_ns = HOUR_NS // 60
    at = [0, 9, 10, 20, 30, 39, 40, 50, 59, 75, 130]
    store.write([call(number, "m", at_ns=MIDNIGHT_NS + minute * minute_ns) for number, minute in enumerate(at, 1)])
    looked_at: list[int] = []
    done = reprice(store, WINDOW, NEW, on_progress=looked_at.append)
    # Nine calls in the first hour are five pieces of twelve minutes, of which the last goes with the next hour.
    assert (looked_at, done.posted) == ([3, 4, 5, 7, 10, 11], 11)
    assert total(store) == 11 * Decimal("0.003")


def test_calls_of_days_that_are_no_longer_summed_up_stay_as_they_are(store: Store) -> None:
    """The engine removes them soon; a correction would stand in no rollup and no books."""
    if not store.is_embedded:
        store._engine.command("SYSTEM STOP TTL MERGES llm_calls_log")
    long_ago_ns = MIDNIGHT_NS - 40 * 24 * HOUR_NS
    old = replace(call(2, "m", at_ns=long_ago_ns).call, attribution=Attribution(environment="ci"))
    store.write([call(1, "m", at_ns=long_ago_ns), PricedCall(call=old, pricing=OLD.price(old), received_at_ns=NOW_NS)])
    store.derive()
    days = {"environment": ["ci"], "days": [30], "is_set": [True]}
    store._engine.insert("retention_log", days, {})  # as `retain` does before the engine is told
    done = reprice(store, Window(since_ns=long_ago_ns - HOUR_NS, until_ns=NOW_NS), NEW)
    assert (done.posted, done.too_old) == (1, 1)
    store.derive()
    sums = {table: total(store, table) for table in ("llm_calls", "spend_hourly", "spend_daily")}
    assert set(sums.values()) == {Decimal("0.005")}


class _CutShortError(Exception):
    """Stands for the end of the process."""


@pytest.mark.long
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_run_cut_short_is_finished_by_the_next(store: Store, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write([call(n, "m", at_ns=MIDNIGHT_NS + n * HOUR_NS) for n in range(1, 6)])
    monkeypatch.setattr("otel_llmcost.ledger.reprice.SLICE_CALLS", 1)
    real, left = store._engine.insert, iter(range(after))

    def insert(table: str, *arguments: Any) -> None:
        if table == "llm_calls_log" and next(left, None) is None:
            raise _CutShortError
        real(table, *arguments)

    monkeypatch.setattr(store._engine, "insert", insert)
    with pytest.raises(_CutShortError):
        reprice(store, WINDOW, NEW)
    monkeypatch.setattr(store._engine, "insert", real)
    assert reprice(store, WINDOW, NEW).posted == 5 - after
    store.derive()
    assert total(store) == total(store, "spend_hourly") == 5 * Decimal("0.003")


def test_a_receipt_that_arrives_late_does_not_count_beside_the_correction(store: Store) -> None:
    """Another collector had the span earlier, was down, and prices it by the new rates when it is back."""
    later, earlier = call(1, "new"), call(1, "new")
    earlier = PricedCall(call=earlier.call, pricing=NEW.price(earlier.call), received_at_ns=NOW_NS - HOUR_NS)
    store.write([later])
    assert reprice(store, WINDOW, NEW).posted == 1
    store.write([earlier])
    store._engine.command("OPTIMIZE TABLE llm_calls_log FINAL")
    store.write([earlier])
    store.derive()
    assert total(store) == total(store, "spend_hourly") == Decimal("0.005")
    assert store.query("SELECT sum(unpriced_calls) FROM spend_hourly").rows == ((0,),)
    assert reprice(store, WINDOW, NEW).posted == 0


def test_what_was_priced_twice_is_put_right(store: Store) -> None:
    """As a ledger may have it in which corrected calls were not frozen yet."""
    was = call(1, "new")
    store.write([was])
    reprice(store, WINDOW, NEW)
    store._engine.command("ALTER TABLE llm_calls_log DELETE WHERE correction_id = '' SETTINGS mutations_sync = 2")
    store.write([PricedCall(call=was.call, pricing=NEW.price(was.call), received_at_ns=NOW_NS)])
    assert total(store) == Decimal("0.010")
    assert reprice(store, WINDOW, NEW).posted == 1
    store.derive()
    sums = "SELECT sum(unpriced_calls), sum(list_cost) FROM spend_hourly"
    assert store.query(sums).rows == ((0, Decimal("0.005")),)
    assert reprice(store, WINDOW, NEW).posted == 0


def test_a_call_behind_a_host_that_was_named_since_is_priced(store: Store) -> None:
    store.write([call(1, "m", server_address="llm.corp")])
    behind = replace(call(2, "m", server_address="llm.corp").call, provider="nobody")
    store.write([PricedCall(call=behind, pricing=OLD.price(behind), received_at_ns=NOW_NS)])
    named = Pricer(OLD.table, Overlay(version="1", hosts={"llm.corp": "a"}))
    assert reprice(store, WINDOW, named).posted == 1
    assert total(store) == Decimal("0.004")


def test_two_corrections_of_one_call_are_both_posted(store: Store) -> None:
    """2,000,000,000 pico-USD, and 3 and 4 on top."""
    store.write([call(1, "m")])
    first = Correction(
        trace_id=f"{1:032x}",
        span_id=f"{1:016x}",
        started_at_ns=MIDNIGHT_NS + 1,
        correction_id="credit",
        reason="by hand",
        list_cost=PicoUSD(3),
        effective_cost=PicoUSD(3),
        newly_priced=0,
        pricing=OLD.price(call(1, "m").call),
    )
    second = replace(first, correction_id="debit", list_cost=PicoUSD(4), effective_cost=PicoUSD(4))
    assert store.correct([first, second]) == 2
    assert total(store) == 2_000_000_007 * PICO


def a_hidden_call(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer tells that somebody else's telling is ours, right before the correction of it is in."""
    theirs = call(1, "m", dialect="openinference", scope_name="other", response_id="r1")
    ours = replace(theirs, call=replace(theirs.call, span_id="f" * 16, dialect="", scope_name="ours"))
    store.write([theirs])
    real, is_first = store._engine.insert, iter([True])

    def insert(table: str, *arguments: Any) -> None:
        if table == "llm_calls_log" and next(is_first, False):
            store.write([ours])
        real(table, *arguments)

    monkeypatch.setattr(store._engine, "insert", insert)


def test_a_correction_goes_with_a_call_that_is_found_to_be_told_elsewhere_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_hidden_call(store, monkeypatch)
    reprice(store, WINDOW, NEW)
    assert store.query("SELECT span_id, correction_id FROM llm_calls").rows == (("f" * 16, ""),)
    assert reprice(store, WINDOW, NEW).posted == 1
    assert total(store) == Decimal("0.003")
    assert verify(store, WINDOW).faults == ()


@pytest.mark.long
def test_a_correction_that_has_outlived_its_call_is_put_right_by_a_repair(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_hidden_call(store, monkeypatch)
    monkeypatch.setattr(settle, "settle_corrected", lambda *_: None)
    reprice(store, WINDOW, NEW)
    monkeypatch.undo()
    store._engine.change(
        "INSERT INTO llm_calls_log SELECT * REPLACE "
        "(1 AS is_retelling, 3 AS verdicts, precedence + 1125899906842624 AS precedence) "
        "FROM llm_calls_log AS was WHERE was.verdicts = 2 AND was.correction_id = ''",
        {},
    )
    assert [fault.kind for fault in verify(store, WINDOW).faults] == ["correction_alone"]
    done = verify(store, WINDOW, repairs=True)
    assert ([fault.kind for fault in done.repaired], done.faults) == (["correction_alone"], ())
    store.derive()
    assert total(store) == total(store, "spend_hourly") == Decimal("0.002")
