"""Whatever finance does in whatever order, the ledger says what a model of dictionaries and integers says.

Random sequences run on the embedded engine and on the model (`ledger_model`), which are compared after each step. A
sequence that fails is shrunk to its shortest form; each that was found has a test of its own in tests/store.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from otel_llmcost.config.catalogue import Catalogue
from otel_llmcost.errors import ConfigError
from otel_llmcost.ledger import books, catalogue
from otel_llmcost.ledger.backfill import Part, Progress, backfill
from otel_llmcost.ledger.reprice import reprice
from otel_llmcost.ledger.verify import verify
from otel_llmcost.reports import dimension_of, spend
from otel_llmcost.reports.window import Window
from otel_llmcost.store import PricedCall, Store, connect
from tests.property.ledger_model import DAY_NS, HOUR_NS, Ledger, Price, Row, Spent, Telling
from tests.property.ledgers import (
    BEFORE,
    CALLS_BY,
    EDGES,
    KEPT_DAYS,
    LAST,
    PRICERS,
    RATES,
    ROLLUPS,
    THIS,
    TODAY,
    CutShortError,
    at_ns,
    at_statement,
    be_later,
    booked,
    call_of,
    dearest,
    die,
    empty,
    let_go,
    merge,
    new_calls,
    said_by,
)
from tests.store.ledger import NOW_NS
from tests.support.stores import migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

WHO: Any = {"actor": "finance", "reason": "it is time"}
WHOLE = Window(since_ns=min(EDGES), until_ns=max(EDGES))
MINUTE_NS = HOUR_NS // 60

tables = st.sampled_from(sorted(RATES))
minutes = st.integers(0, 9)
some = st.lists(st.integers(0, 99), min_size=1, max_size=4)
"""Which of what is there, counted round and round."""

news = st.lists(new_calls(), min_size=1, max_size=4)


def cuts(statements: int) -> st.SearchStrategy[int | None]:
    """Return before which statement of an operation, which has about so many, the process dies; mostly it does not."""
    return st.one_of(st.none(), st.none(), st.integers(1, statements))


windows = st.one_of(
    st.just(WHOLE),
    st.tuples(st.sampled_from(EDGES), st.sampled_from(EDGES)).map(
        lambda edges: Window(since_ns=min(edges), until_ns=max(edges))
    ),
)
zones = st.sampled_from(["UTC", "Asia/Tokyo", "America/Los_Angeles"])
conditions = st.one_of(
    st.none(),
    st.tuples(st.just("feature"), st.sampled_from(["", "search"])),
    st.tuples(st.just("team"), st.sampled_from(["core", "others"])),
    st.tuples(st.just("tenant"), st.sampled_from(["acme", ""])),
    st.tuples(st.just("model"), st.sampled_from(["m", "late"])),
)


class Finance(RuleBasedStateMachine):
    """What is done to a ledger, and to the model of one.

    Attributes:
        store: A migrated store, which is empty again after each run.
        place: A directory.
    """

    store: Store
    place: Path

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.known: list[Telling] = []
        self.sent: list[tuple[PricedCall, Telling, Price]] = []
        self.progress = Progress(self.place, "test")
        self.is_compared = True

    # What comes in.

    @rule(news=news, minute=minutes, table=tables, cut=cuts(8))
    def call(self, news: list[tuple[dict[str, Any], str]], minute: int, table: str, cut: int | None) -> None:
        """Calls are made and told."""
        self._send(self._sealed(self._tellings(news), minute, table), cut)

    @precondition(lambda self: self.known)
    @rule(which=some, minute=minutes, table=tables, is_other_team=st.booleans(), cut=cuts(8))
    def tell(self, *, which: list[int], minute: int, table: str, is_other_team: bool, cut: int | None) -> None:
        """Another collector, whose rules say another team, tells of calls; or we tell of what others told before."""
        told = self._some(which)
        if is_other_team:
            told = [replace(each, team="others") if each.is_ours else each for each in told]
        self._send(self._sealed(told, minute, table), cut)

    @rule(table=tables)
    def tell_at_last(self, table: str) -> None:
        """We tell of everything, also of what another library alone has told, and of what we told in another batch."""
        self._send(self._sealed([each for each in self.known if each.is_ours], 9, table), None)

    @precondition(lambda self: self.sent)
    @rule(which=some)
    def send_again(self, which: list[int]) -> None:
        """What was sent is sent again, in another batch."""
        self._send([self.sent[each % len(self.sent)] for each in which], None)

    @precondition(lambda self: self.known)
    @rule(which=some, table=tables, cut=cuts(12))
    def fill(self, which: list[int], table: str, cut: int | None) -> None:
        """Calls are filled in from elsewhere, some of which are there."""
        told = self._some(which)

        def parts(position: int) -> Iterator[Part]:
            return iter([] if position else [Part(list(map(call_of, told)), 1)])

        filled = self._run(lambda: backfill(self.store, parts, PRICERS[table], self.progress), cut)
        refused = list(
            filter(None, (self.ledger.write(each, RATES[table].price(each), time.time_ns()) for each in told))
        )
        assert cut or (filled.calls, filled.refused) == (len(told) - len(refused), len(refused))

    # What is done to it.

    @rule(cut=cuts(40))
    def derive(self, cut: int | None) -> None:
        """What was written is summed up, and time goes by."""
        self._run(self.store.derive, cut)
        self._compare_rollups()
        be_later(self.store)

    @rule(table=tables, window=windows, where=conditions, is_dry_run=st.booleans(), cut=cuts(10))
    def reprice(
        self, *, table: str, window: Window, where: tuple[str, str] | None, is_dry_run: bool, cut: int | None
    ) -> None:
        asked = [(dimension_of(where[0]), where[1])] if where else []
        done = self._run(lambda: reprice(self.store, window, PRICERS[table], where=asked, is_dry_run=is_dry_run), cut)
        expected = self.ledger.reprice(
            RATES[table],
            window.since_ns,
            window.until_ns,
            lambda told: not where or getattr(told, where[0]) == where[1],
            is_dry_run=is_dry_run,
        )
        assert (done.looked_at, done.kept, done.closed) == (expected.looked_at, expected.kept, expected.closed)
        found = {
            names: [each.calls, each.newly_priced, each.list_cost, each.effective_cost]
            for names, each in done.differences.items()
        }
        assert cut or (found, done.posted) == (expected.differences, expected.posted)

    @rule(table=tables, other=tables, statement=st.integers(1, 12), news=news)
    def reprice_while_others_do(
        self, table: str, other: str, statement: int, news: list[tuple[dict[str, Any], str]]
    ) -> None:
        """Calls come in and somebody prices them by other rates, in the middle of it; so it is run once more."""
        rows = self._sealed(self._tellings(news), 5, other)

        def meanwhile() -> None:
            self._send(rows, None)
            reprice(self.store, WHOLE, PRICERS[other])

        with at_statement(self.store, statement, meanwhile):
            reprice(self.store, WHOLE, PRICERS[table])
        self._send(rows, None)  # perhaps it took fewer statements
        reprice(self.store, WHOLE, PRICERS[other])
        reprice(self.store, WHOLE, PRICERS[table])
        for each in (other, table):
            self.ledger.reprice(RATES[each], WHOLE.since_ns, WHOLE.until_ns, lambda _: True)

    @rule(month=st.sampled_from([BEFORE, LAST, THIS]), cut=cuts(40))
    def close(self, month: date, cut: int | None) -> None:
        name = f"{month:%Y-%m}"
        if month == THIS or any(each >= name for each in self.ledger.closed):
            with pytest.raises(ConfigError):
                books.close(self.store, month, today=TODAY, **WHO)
            return
        found: Any = None
        with suppress(ConfigError if cut else ()):  # where it was through before it was cut short
            found = self._run(lambda: books.close(self.store, month, today=TODAY, **WHO), cut)
        expected = self.ledger.close(name)
        if found:
            sums = {f"{each.month:%Y-%m}": (each.calls, each.list_cost, each.effective_cost) for each in found}
            assert sums == expected
        told = "SELECT count() FROM cost_events WHERE kind = 'month_closed' AND subject = {month:String}"
        assert self.store.query(told, {"month": name}).rows != ((0,),)

    @rule()
    def reopen(self) -> None:
        if not self.ledger.closed:
            with pytest.raises(ConfigError):
                books.reopen(self.store, LAST, **WHO)
            return
        *_, last = self.ledger.closed
        books.reopen(self.store, date.fromisoformat(f"{last}-01"), **WHO)
        del self.ledger.closed[last]

    @rule(
        who=st.sampled_from([("tenant", "acme"), ("user", "ann"), ("tenant", "globex"), ("user", "nobody")]),
        news=st.lists(new_calls(), max_size=3),
        cut=cuts(60),
    )
    def erase(self, who: tuple[str, str], news: list[tuple[dict[str, Any], str]], cut: int | None) -> None:
        """Somebody is erased; where calls come in meanwhile, whatever of them is theirs is not there at the end."""
        kind, value = who
        told = [each for each in self._tellings(news) if each.is_ours and each.started_ns < NOW_NS]
        rows = self._sealed(told, 5, "old") if cut else []
        began_ns = time.time_ns()
        if rows:
            batch = [row for row, _, _ in rows]
            with at_statement(self.store, cut or 1, lambda: self.store.write(batch)):
                self.store.erase(kind, value, **WHO)
            self.store.write(batch)  # perhaps it took fewer statements
            for row, told, price in rows:
                self.ledger.write(told, price, row.received_at_ns)
            self.ledger.erase(kind, value, began_ns)
        else:
            erased = self._run(lambda: self.store.erase(kind, value, **WHO), cut)
            calls = self.ledger.erase(kind, value, began_ns)
            assert cut or erased.calls == calls

    @rule(tags=st.sets(st.sampled_from(["project", "tier", "none"])), cut=cuts(5))
    def report_tags(self, tags: set[str], cut: int | None) -> None:
        said = Catalogue(tags=tuple(sorted(tags)))
        self._run(lambda: catalogue.load(self.store, said, today=TODAY, actor="finance"), cut)
        self.ledger.reported_tags = frozenset(tags)

    @precondition(lambda self: not self.ledger.kept_since_ns)
    @rule(environment=st.sampled_from(["", "ci"]), cut=cuts(7))
    def retain(self, environment: str, cut: int | None) -> None:
        """Calls are kept for a shorter time from here on, all or those of one environment; sums stay."""
        self.derive(None)
        merge(self.store)
        self._run(lambda: self.store.retain({environment: KEPT_DAYS}), cut)
        let_go(self.store)
        self.ledger.let_go(environment, at_ns(TODAY) - (KEPT_DAYS - 1) * DAY_NS)

    @precondition(lambda self: self.ledger.kept_since_ns)
    @rule(days=st.sampled_from([None, KEPT_DAYS + 70]))
    def retain_longer(self, days: int | None) -> None:
        """That brings nothing back, and lets nothing in that is older."""
        for environment in self.ledger.kept_since_ns:
            self.store.retain({environment: days} if days else {})

    @rule()
    def merge(self) -> None:
        """The engine leaves out what does not count any more."""
        merge(self.store)

    # What is asked of it.

    @rule(by=st.sampled_from(["feature", "team", "tenant", "day", "month"]), zone=zones, window=windows)
    def report(self, by: str, zone: str, window: Window) -> None:
        window = replace(window, timezone=zone)
        expected: dict[str, Spent] = {}
        for row in self.ledger.counting():
            if window.since_ns <= row.said.started_ns < window.until_ns:
                at = datetime.fromtimestamp(row.said.started_ns // 10**9, ZoneInfo(zone))
                key = {"day": f"{at:%Y-%m-%d}", "month": f"{at:%Y-%m}"}.get(by) or getattr(row.said, by)
                expected.setdefault(key, Spent()).add(row.price)
        found = {row.keys[0]: row.measures for row in spend(self.store, [dimension_of(by)], window).rows}
        assert expected == {
            key: Spent(said.calls, said.unpriced_calls, said.list_cost, said.effective_cost)
            for key, said in found.items()
        }

    @rule(month=st.sampled_from([LAST, THIS]), statement=st.integers(1, 40), news=st.lists(new_calls(), max_size=2))
    def verify(self, month: date, statement: int, news: list[tuple[dict[str, Any], str]]) -> None:
        """Nothing is wrong with the days around the end of a month, though calls come in meanwhile."""
        rows = self._sealed(self._tellings(news), 5, "old")
        window = Window(since_ns=at_ns(month) - 1, until_ns=at_ns(month) + 1)
        with at_statement(self.store, statement, lambda: self.store.write([row for row, _, _ in rows])):
            assert verify(self.store, window).faults == ()
        self._send(rows, None)

    @precondition(lambda self: self.ledger.counting() and not self.ledger.kept_since_ns)
    @rule(
        rollup=st.sampled_from(["spend_hourly", "spend_daily", "tenant_spend_daily", "prompt_shape_daily"]), which=some
    )
    def damage(self, rollup: str, which: list[int]) -> None:
        """A sum that was changed is found and put right."""
        self.derive(None)
        rows = self.ledger.counting()
        said = rows[which[0] % len(rows)].said
        day_ns = said.started_ns // DAY_NS * DAY_NS
        begin = "hour" if rollup == "spend_hourly" else "toDateTime(day, 'UTC')"
        self.store._engine.command(
            f"ALTER TABLE {rollup}_log UPDATE list_cost = ifNull(list_cost, 0) + 1 "
            f"WHERE NOT is_mark AND {begin} >= {day_ns // 10**9} SETTINGS mutations_sync = 2"
        )
        window = Window(since_ns=day_ns, until_ns=day_ns + 1)
        assert {fault.subject.split()[0] for fault in verify(self.store, window).faults} == {rollup}
        assert verify(self.store, replace(window, until_ns=WHOLE.until_ns), repairs=True).faults == ()
        self._compare_rollups()
        be_later(self.store)

    @invariant()
    def calls_and_books_are_what_they_must_be(self) -> None:
        assert said_by(self.store, "llm_calls", CALLS_BY) == self.ledger.sums(CALLS_BY, self.ledger.counting())
        closed = self.ledger.closed.items()
        assert booked(self.store) == {(month, *key): said for month, rows in closed for key, said in rows.items()}

    def teardown(self) -> None:
        try:
            self.derive(None)
        finally:
            empty(self.store, was_retained=bool(self.ledger.kept_since_ns))
            self.progress.forget()

    # How it is done.

    def _tellings(self, news: list[tuple[dict[str, Any], str]]) -> list[Telling]:
        """Return who tells of new calls at first; who tells later is known from here on, too."""
        first: list[Telling] = []
        for said, by in news:
            ours = Telling(number=len(self.known) + 1, is_ours=True, **said)
            theirs = replace(ours, is_ours=False, started_ns=ours.started_ns - 1)
            if by == "others anonymously":
                theirs = replace(theirs, tenant="", user="")
            self.known += [ours] if by == "us" else [ours, theirs]
            first += {"us": [ours], "both": [theirs, ours]}.get(by, [theirs])
        return first

    def _some(self, which: list[int]) -> list[Telling]:
        return list(dict.fromkeys(self.known[each % len(self.known)] for each in which))

    def _sealed(self, told: Sequence[Telling], minute: int, table: str) -> list[tuple[PricedCall, Telling, Price]]:
        """Return tellings as a collector has received and priced them, no two at one moment."""
        rows: list[tuple[PricedCall, Telling, Price]] = []
        for each in told:
            received_ns = NOW_NS - HOUR_NS + minute * MINUTE_NS + len(self.sent) + len(rows)
            call = call_of(each)
            row = PricedCall(call=call, pricing=PRICERS[table].price(call), received_at_ns=received_ns)
            rows.append((row, each, RATES[table].price(each)))
        self.sent += rows
        return rows

    def _send(self, rows: Sequence[tuple[PricedCall, Telling, Price]], cut: int | None) -> None:
        before = self.store.refused.copy()
        self._run(lambda: self.store.write([row for row, _, _ in rows]), cut)
        said = [self.ledger.write(told, price, row.received_at_ns) for row, told, price in rows]
        assert cut or self.store.refused - before == {kind: said.count(kind) for kind in {*said} - {""}}

    def _run(self, operation: Callable[[], Any], cut: int | None) -> Any:
        """Run something; where it was cut short, run it again."""
        if cut is not None:
            with suppress(CutShortError), at_statement(self.store, cut, die):
                operation()
        return operation()

    def _compare_rollups(self) -> None:
        for rollup, names in ROLLUPS.items():
            assert said_by(self.store, rollup, names) == self._expected(rollup, names), rollup
        assert dearest(self.store) == {
            row.said.key: row.price
            for row in self.ledger.summed()
            if row.price is not None and not self._is_forgotten(row, "dearest_calls", ("tenant",))
        }

    def _expected(self, rollup: str, names: Sequence[str]) -> dict[Any, Spent]:
        if rollup == "spend_by_tag_daily":
            return self._expected_by_tag(names[:-2])
        rows = [row for row in self.ledger.summed() if not self._is_forgotten(row, rollup, names)]
        for name in {"session", "request"} & {*names}:
            rows = [row for row in rows if getattr(row.said, name)]
        sums = self.ledger.sums(names, rows)
        if rollup == "prompt_shape_daily":
            for spent in sums.values():
                spent.unpriced = 0
        return sums

    def _is_forgotten(self, row: Row, rollup: str, names: Sequence[str]) -> bool:
        """Tell whether the sums of a call that has gone are gone as well, since they named whom was erased later."""
        named = {"tenant"} & {*names} | ({"user"} if rollup.startswith("session") else set())
        return bool(row.forgotten & named)

    def _expected_by_tag(self, names: Sequence[str]) -> dict[Any, Spent]:
        sums: dict[Any, Spent] = {}
        for row in self.ledger.summed():
            reported = self.ledger.reported_tags if row.gone_with is None else row.gone_with
            for key, value in row.said.tags:
                if key in reported:
                    sums.setdefault((*map(row.said.called, names), key, value), Spent()).add(row.price)
        return sums


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all runs: an engine is opened once in a process."""
    with connect(migrated(tmp_path_factory)) as store:
        yield store


def run(store: Store, place: Path, **said: Any) -> None:
    Finance.store, Finance.place = store, place
    said |= {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
    run_state_machine_as_test(Finance, settings=settings(**said))


def test_a_ledger_says_what_its_model_says(store: Store, tmp_path: Path) -> None:
    run(store, tmp_path, max_examples=3, stateful_step_count=8)


@pytest.mark.long
def test_a_ledger_says_what_its_model_says_after_long_sequences(store: Store, tmp_path: Path) -> None:
    """The same sequences each time; `--hypothesis-profile=search` has others each time."""
    run(store, tmp_path, max_examples=4, stateful_step_count=16, print_blob=True)
