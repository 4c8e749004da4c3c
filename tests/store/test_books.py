"""Closed books never change, whatever comes in later, and all books together are what all calls cost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import ConfigError
from otel_llmcost.ledger import books
from otel_llmcost.ledger.books import Booked
from otel_llmcost.money import PicoUSD
from tests.store.ledger import HOUR_NS, NOW_NS, PICO, a_call

if TYPE_CHECKING:
    from otel_llmcost.store import Store

WHO = {"actor": "finance", "reason": "invoiced"}
TODAY = dt.datetime.fromtimestamp(NOW_NS // 10**9, dt.UTC).date()
LAST = (TODAY.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
BEFORE = (LAST - dt.timedelta(days=1)).replace(day=1)


def at_ns(month: dt.date) -> int:
    return int(dt.datetime(month.year, month.month, 9, tzinfo=dt.UTC).timestamp()) * 10**9


def in_books(store: Store, month: dt.date) -> Decimal:
    (row,) = store.query("SELECT sum(list_cost) FROM books WHERE booked_in = {m:Date}", {"m": month}).rows
    return Decimal(str(row[0]))


@pytest.mark.long
def test_what_comes_after_closing_is_booked_in_the_next_month(store: Store) -> None:
    store.write([a_call(1, started_at_ns=at_ns(BEFORE), feature="search", cost=100)])
    store.write([a_call(3, started_at_ns=at_ns(LAST), feature="search", cost=2_000)])
    assert books.close(store, BEFORE, today=TODAY, **WHO) == (Booked(BEFORE, 1, PicoUSD(100), PicoUSD(100)),)
    late = [
        a_call(4, started_at_ns=at_ns(BEFORE), feature="search", cost=30),
        a_call(5, started_at_ns=at_ns(BEFORE), feature="chat", cost=7),
        a_call(6, started_at_ns=at_ns(BEFORE), tenant="leaving", cost=9_000),
    ]
    store.write(late)
    store.erase("tenant", "leaving", **WHO)
    store.derive()
    assert in_books(store, BEFORE) == 100 * PICO
    assert books.close(store, LAST, today=TODAY, **WHO) == (
        Booked(LAST, 1, PicoUSD(2_000), PicoUSD(2_000)),
        Booked(BEFORE, 2, PicoUSD(37), PicoUSD(37)),
    )
    assert (in_books(store, BEFORE), in_books(store, LAST)) == (100 * PICO, 2_037 * PICO)
    assert store.query("SELECT feature, calls FROM books WHERE booked_in != month ORDER BY feature").rows == (
        ("chat", 1),
        ("search", 1),
    )
    events = store.query("SELECT calls, list_cost, actor FROM cost_events WHERE kind = 'month_closed' ORDER BY calls")
    assert events.rows == ((1, 100 * PICO, "finance"), (3, 2_037 * PICO, "finance"))


def test_a_month_that_nobody_closed_is_booked_with_the_next_one(store: Store) -> None:
    """Or its cost would stand in no books for ever, since months are closed in their order."""
    store.write([a_call(1, started_at_ns=at_ns(BEFORE), cost=100), a_call(2, started_at_ns=at_ns(LAST), cost=5)])
    store.write([a_call(3, started_at_ns=at_ns(TODAY.replace(day=1)) - 8 * 24 * HOUR_NS, cost=70_000)])  # of this month
    assert books.close(store, LAST, today=TODAY, **WHO) == (
        Booked(LAST, 1, PicoUSD(5), PicoUSD(5)),
        Booked(BEFORE, 1, PicoUSD(100), PicoUSD(100)),
    )
    assert in_books(store, LAST) == 105 * PICO


@pytest.mark.long
def test_the_last_closing_can_be_taken_back_and_done_again(store: Store) -> None:
    store.write([a_call(1, started_at_ns=at_ns(LAST), cost=5)])
    books.close(store, LAST, today=TODAY, **WHO)
    store.write([a_call(2, started_at_ns=at_ns(LAST), cost=6)])
    books.reopen(store, LAST, **WHO)
    assert store.query("SELECT count() FROM books").rows == ((0,),)
    assert books.close(store, LAST, today=TODAY, **WHO)[0].list_cost == 11
    assert in_books(store, LAST) == 11 * PICO


def test_the_last_word_counts_though_its_clock_is_behind(store: Store) -> None:
    """Who closed the month had a clock that was an hour ahead of whoever opens it again."""
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    store.record("closed_months_log", [{"month": LAST, "is_closed": True, "changed_at": ahead}])
    books.reopen(store, LAST, **WHO)
    assert store.query("SELECT count() FROM closed_months").rows == ((0,),)
    books.close(store, LAST, today=TODAY, **WHO)
    assert store.query("SELECT count() FROM closed_months").rows == ((1,),)


@pytest.mark.long
def test_a_closing_that_was_cut_short_has_not_happened(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write([a_call(1, started_at_ns=at_ns(LAST), cost=5)])
    real = store.record

    def until_cut(table: str, rows: list[dict[str, object]]) -> None:
        if table == "closed_months_log":
            raise KeyboardInterrupt
        real(table, rows)

    monkeypatch.setattr(store, "record", until_cut)
    with pytest.raises(KeyboardInterrupt):
        books.close(store, LAST, today=TODAY, **WHO)
    monkeypatch.setattr(store, "record", real)
    assert in_books(store, LAST) == 0
    assert books.close(store, LAST, today=TODAY, **WHO)[0].list_cost == 5
    assert in_books(store, LAST) == 5 * PICO


def test_months_are_closed_once_in_their_order_and_when_they_are_over(store: Store) -> None:
    with pytest.raises(ConfigError, match="is not over"):
        books.close(store, TODAY.replace(day=1), today=TODAY, **WHO)
    with pytest.raises(ConfigError, match="is not closed"):
        books.reopen(store, LAST, **WHO)
    books.close(store, LAST, today=TODAY, **WHO)
    with pytest.raises(ConfigError, match="is closed already"):
        books.close(store, LAST, today=TODAY, **WHO)
    with pytest.raises(ConfigError, match="months are closed in their order"):
        books.close(store, BEFORE, today=TODAY, **WHO)
