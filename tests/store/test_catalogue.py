"""First limits follow the seed rules, and what is loaded holds from its day on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.config import parse_config
from otel_llmcost.errors import ConfigError, ConfigFileError
from otel_llmcost.ledger.catalogue import Seen, first_budget, first_limit, load, seen
from otel_llmcost.money import PicoUSD, pico_usd
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, a_call
from tests.store.test_verify import be_long_ago

if TYPE_CHECKING:
    from otel_llmcost.config.catalogue import Catalogue
    from otel_llmcost.store import Store

TODAY = dt.date(2026, 11, 22)


def catalogue(text: str) -> Catalogue:
    found = parse_config(text.encode(), Path("llmcost.yaml")).catalogue
    assert found is not None
    return found


def feature(*, age: int, week: str, peak: str, calls: int = 5_000, month: str = "0") -> Seen:
    return Seen("search", "growth", age, calls, pico_usd(week), pico_usd(peak), pico_usd(month))


@pytest.mark.parametrize(
    ("told", "warn", "cap"),
    [
        (feature(age=0, week="0", peak="0"), "5", "25"),
        (feature(age=6, week="70", peak="20"), "5", "25"),
        # A week of 70 USD is an average day of 10: 1.5 and 3 times.
        (feature(age=7, week="70", peak="20"), "15", "30"),
        # After a month the dearest day counts, 20: 1.5 and 4 times.
        (feature(age=30, week="70", peak="20"), "30", "80"),
        (feature(age=30, week="70", peak="20", calls=100_001), "24", "40"),
        (feature(age=30, week="70", peak="20", calls=999), "40", "100"),
        # 1 USD a week is 0.142857… a day; times 1.5 and 3 that is 0.2142… and 0.4285…, rounded up to the cent.
        (feature(age=7, week="1", peak="1"), "0.22", "0.43"),
        (feature(age=40, week="0", peak="0"), "5", "25"),
    ],
)
def test_a_first_limit_follows_age_and_size(told: Seen, warn: str, cap: str) -> None:
    limit = first_limit(told)
    assert (limit.warn, limit.cap) == (pico_usd(warn), pico_usd(cap))
    assert (limit.scope, limit.window) == ((("feature", "search"),), "day")


def test_a_first_budget_is_the_last_month_and_a_fifth_more() -> None:
    assert first_budget([feature(age=29, week="1", peak="1", month="100")]) is None
    budget = first_budget([feature(age=30, week="1", peak="1", month=each) for each in ("100", "50")])
    assert budget is not None
    assert (budget.cap, budget.window, budget.scope) == (pico_usd("180"), "month", ())


def test_what_was_seen_is_of_whole_days(store: Store) -> None:
    day_ns = 24 * HOUR_NS
    today = dt.datetime.fromtimestamp((MIDNIGHT_NS + day_ns) // 10**9, dt.UTC).date()
    store.write(
        [
            a_call(1, feature="search", team="growth", cost=5, started_at_ns=MIDNIGHT_NS),
            a_call(2, feature="search", team="growth", cost=7, started_at_ns=MIDNIGHT_NS + 1),
            a_call(3, feature="search", team="core", cost=100, started_at_ns=MIDNIGHT_NS - 20 * day_ns),
            a_call(4, feature="search", team="core", cost=9_000, started_at_ns=MIDNIGHT_NS + day_ns),
            a_call(5, cost=1),
        ]
    )
    store.derive()
    assert seen(store, today) == [Seen("search", "growth", 21, 0, PicoUSD(12), PicoUSD(100), PicoUSD(112))]


def test_a_reorganisation_holds_from_its_day_and_not_before(store: Store) -> None:
    load(store, catalogue("features:\n  search: {team: growth, owner: Ann}\n"), today=dt.date(2026, 6, 1), actor="a")
    said = catalogue("features:\n  search: {team: core, owner: Ann}\n")
    assert load(store, said, today=TODAY, actor="a") == {"features": 1}
    sql = "SELECT team, effective_from, effective_to FROM features ORDER BY effective_from"
    expected = (("growth", dt.date(2026, 6, 1), TODAY), ("core", TODAY, None))
    assert store.query(sql).rows == expected
    assert load(store, said, today=TODAY + dt.timedelta(days=9), actor="a") == {"features": 0}
    assert store.query(sql).rows == expected


def test_what_is_no_longer_in_the_file_ends_that_day(store: Store) -> None:
    both = catalogue("limits:\n  - {scope: {feature: a}, window: day, cap: 25}\n  - {per: session, cap: 0.50}\n")
    load(store, both, today=dt.date(2026, 6, 1), actor="a")
    one = catalogue("limits:\n  - {scope: {feature: a}, window: day, cap: 25}\n")
    assert load(store, one, today=TODAY, actor="a") == {"limits": 1}
    assert store.query("SELECT scope, per, cap, effective_to FROM limits ORDER BY scope").rows == (
        ("", "session", Decimal("0.5"), TODAY),
        ("feature=a", "", Decimal(25), None),
    )


def test_what_was_said_of_days_to_come_does_not_come_back(store: Store) -> None:
    """A limit for next year, and one more from then on, are taken out of the file before."""
    limit = "  - {{scope: {{feature: a}}, window: day, cap: {cap}{since}}}\n"
    new_year = dt.date(2027, 1, 1)
    load(store, catalogue("limits:\n" + limit.format(cap=25, since="")), today=dt.date(2026, 6, 1), actor="a")
    load(store, catalogue("limits:\n" + limit.format(cap=50, since=", from: 2027-01-01")), today=TODAY, actor="a")
    sql = "SELECT cap, effective_from, effective_to FROM limits ORDER BY effective_from"
    assert store.query(sql).rows == (
        (Decimal(25), dt.date(2026, 6, 1), new_year),
        (Decimal(50), new_year, None),
    )
    assert load(store, catalogue("limits: []\n"), today=TODAY, actor="a") == {"limits": 2}
    assert store.query(sql).rows == ((Decimal(25), dt.date(2026, 6, 1), TODAY),)
    assert load(store, catalogue("limits: []\n"), today=TODAY, actor="a") == {"limits": 0}
    # The other way: it is back in the file, without a day.
    again = catalogue("limits:\n" + limit.format(cap=25, since=""))
    assert load(store, again, today=TODAY, actor="a") == {"limits": 2}
    assert {row[0] for row in store.query(sql)} == {Decimal(25)}
    assert load(store, again, today=new_year, actor="a") == {"limits": 0}


def test_an_entry_that_changes_and_keeps_its_day_does_not_rewrite_the_past(store: Store) -> None:
    """Whoever edits the team seldom thinks of the day beside it: last quarter would move to the new team."""
    entry = "features:\n  search: {{team: {team}{since}}}\n"
    first = entry.format(team="growth", since=", from: 2026-03-01")
    load(store, catalogue(first), today=dt.date(2026, 3, 1), actor="a")
    with pytest.raises(ConfigError, match="features search says something else than when it was loaded"):
        load(store, catalogue(first.replace("growth", "core")), today=TODAY, actor="a")
    sql = "SELECT team, effective_from FROM features ORDER BY effective_from"
    assert store.query(sql).rows == (("growth", dt.date(2026, 3, 1)),)
    load(store, catalogue(entry.format(team="core", since=", from: 2026-11-01")), today=TODAY, actor="a")
    assert store.query(sql).rows == (("growth", dt.date(2026, 3, 1)), ("core", dt.date(2026, 11, 1)))
    # To correct the past is asked for by its day, and then holds of all days since.
    corrected = catalogue(entry.format(team="search", since=""))
    assert load(store, corrected, today=dt.date(2026, 3, 1), actor="a") == {"features": 2}
    assert {team for team, _ in store.query(sql)} == {"search"}


def test_a_section_that_the_file_does_not_have_stays_as_it_is(store: Store) -> None:
    load(store, catalogue("features:\n  a: {team: t}\n"), today=TODAY, actor="a")
    assert load(store, catalogue("tags: [project]\n"), today=TODAY, actor="a") == {"tags": 1}
    assert len(store.query("SELECT * FROM features")) == 1


def test_a_tag_that_is_reported_from_now_on_has_its_past_too(store: Store) -> None:
    store.write([a_call(1, tags=(("project", "apollo"),), cost=7)])
    store.derive()
    load(store, catalogue("tags: [project]\n"), today=TODAY, actor="a")
    store.derive()
    assert store.query("SELECT tag_value, calls FROM spend_by_tag_daily").rows == (("apollo", 1),)
    load(store, catalogue("tags: []\n"), today=TODAY, actor="a")
    store.derive()
    assert store.query("SELECT count() FROM spend_by_tag_daily").rows == ((0,),)


def test_tags_are_loaded_by_the_next_run_where_one_was_cut_short(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours were touched after the tags were there: the next run had nothing to change, and nothing was derived."""
    store.write([a_call(1, tags=(("project", "apollo"),), cost=7)])
    store.derive()
    be_long_ago(store)
    with monkeypatch.context() as cut:
        cut.setattr(store, "touch", _cut_short)
        with pytest.raises(KeyboardInterrupt):
            load(store, catalogue("tags: [project]\n"), today=TODAY, actor="a")
    load(store, catalogue("tags: [project]\n"), today=TODAY, actor="a")
    store.derive()
    assert store.query("SELECT tag_value, calls FROM spend_by_tag_daily").rows == (("apollo", 1),)


def _cut_short(_: object) -> None:
    raise KeyboardInterrupt


def test_faults_of_a_catalogue_are_named_with_their_lines() -> None:
    text = "features:\n  a: {tem: x}\nlimits:\n  - {cap: 5}\n  - {window: day, warn: 9, cap: 5, from: soon}\n"
    with pytest.raises(ConfigFileError) as raised:
        catalogue(text)
    assert [fault.partition(":")[2].partition(":")[0] for fault in raised.value.faults] == ["2", "4", "5", "5"]
