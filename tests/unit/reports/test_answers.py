"""The queries on the real engine, against sums made by hand."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from otel_llmcost import reports
from otel_llmcost.money import PicoUSD
from otel_llmcost.reports import DIMENSIONS, Window, dimension_of, incidents, newest_calls, spend
from otel_llmcost.reports.incidents import KINDS
from otel_llmcost.store import Correction, Store, connect
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, a_call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND = 10**9
USD = 10**12
DAY = Window(since_ns=MIDNIGHT_NS, until_ns=MIDNIGHT_NS + 24 * HOUR_NS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with connect(f"chdb://{tmp_path}/store") as store:
        store.migrate()
        yield store


def by(*names: str) -> list[reports.Dimension]:
    return [dimension_of(name) for name in names]


def test_spend_is_summed_exactly_by_each_dimension(store: Store) -> None:
    store.write(
        [
            a_call(1, feature="search", tenant="acme", cost=3 * USD, cache_read_tokens=40, input_tokens=100),
            a_call(2, feature="search", tenant="globex", cost=1, error_type="RateLimitError"),
            a_call(3, feature="search", tenant="globex", cost=None),
            a_call(4, feature="", cost=None),
            a_call(5, feature="late", cost=5, started_at_ns=DAY.until_ns),
            a_call(6, feature="early", cost=5, started_at_ns=DAY.since_ns - 1),
        ]
    )
    report = spend(store, by("feature"), DAY)
    assert [(row.keys, row.measures.calls, row.measures.list_cost) for row in report.rows] == [
        (("search",), 3, 3 * USD + 1),
        (("",), 1, None),
    ]
    search = report.rows[0].measures
    assert (search.errors, search.unpriced_calls, search.cache_read_tokens) == (1, 1, 40)
    assert (report.rows[0].share, report.rows[1].share) == (Decimal("1.000000"), None)
    total = report.coverage.total
    assert (total.calls, total.unpriced_calls, total.list_cost) == (4, 2, 3 * USD + 1)
    assert (report.coverage.named_calls, report.coverage.named_cost) == (3, 3 * USD + 1)
    assert report.coverage.rate_table_versions == ("0123456789ab",)


def test_a_limit_leaves_rows_out_and_not_money(store: Store) -> None:
    store.write([a_call(number, tenant=f"t{number}", cost=number) for number in range(1, 11)])
    report = spend(store, by("tenant"), DAY, limit=3)
    assert [row.keys for row in report.rows] == [("t10",), ("t9",), ("t8",)]
    assert (report.groups, report.coverage.total.list_cost) == (10, 55)


def test_every_dimension_can_be_asked_for(store: Store) -> None:
    store.write([a_call(1, feature="search", tags=(("plan", "o'brien"),))])
    report = spend(store, by(*DIMENSIONS, "tag.plan", "tag.x'y"), DAY)
    [row] = report.rows
    said = dict(zip(report.by, row.keys, strict=True))
    assert (said["feature"], said["model"], said["tag.plan"], said["tag.x'y"]) == ("search", "gpt-5.2", "o'brien", "")


def test_a_call_is_counted_under_how_it_is_priced_now(store: Store) -> None:
    """One of two got its price later: nobody counts less than no call without one."""
    store.write([a_call(1, cost=None), a_call(2, cost=None), a_call(3, cost=5)])
    said = {"reason": "", "list_cost": PicoUSD(7), "effective_cost": PicoUSD(7), "newly_priced": 1}
    key = {"trace_id": f"{1:032x}", "span_id": f"{1:016x}", "started_at_ns": MIDNIGHT_NS}
    store.correct([Correction(correction_id="reprice#0", pricing=a_call().pricing, **key, **said)])
    rows = spend(store, by("price_status"), DAY).rows
    assert [(row.keys, row.measures.calls, row.measures.unpriced_calls, row.measures.list_cost) for row in rows] == [
        (("priced",), 2, 0, 12),
        (("unpriced_model",), 1, 1, None),
    ]


def test_days_are_those_of_the_time_zone(store: Store) -> None:
    store.write([a_call(1, started_at_ns=MIDNIGHT_NS + 23 * HOUR_NS + 30 * 60 * SECOND)])
    utc = spend(store, by("day", "hour"), DAY).rows[0].keys
    berlin = spend(store, by("day", "hour"), Window(since_ns=0, until_ns=DAY.until_ns, timezone="Asia/Kolkata"))
    assert utc[0] < berlin.rows[0].keys[0]
    assert (utc[1][-5:], berlin.rows[0].keys[1][-5:]) == ("23:00", "05:00")


def test_what_has_no_name_and_no_price_is_said_with_its_place_and_reason(store: Store) -> None:
    store.write(
        [
            a_call(1, feature="", call_site="app:main:7", cost=5),
            a_call(2, feature="", call_site="app:main:9", cost=7),
            a_call(3, feature="search", call_site="app:main:11", cost=None, response_model="gpt-99"),
        ]
    )
    coverage = spend(store, by("feature"), DAY).coverage
    assert [(site.call_site, site.list_cost) for site in coverage.unnamed] == [("app:main:9", 7), ("app:main:7", 5)]
    assert [(each.model, each.price_status, each.calls) for each in coverage.unpriced] == [
        ("gpt-99", "unpriced_model", 1)
    ]
    assert coverage.named_share == Decimal(0)


def test_an_empty_window_costs_nothing_and_names_nothing(store: Store) -> None:
    report = spend(store, by("feature"), DAY)
    assert (report.rows, report.groups, report.coverage.total.list_cost) == ((), 0, 0)
    assert report.coverage.named_share is None


def test_the_newest_calls_come_last(store: Store) -> None:
    store.write([a_call(number, started_at_ns=MIDNIGHT_NS + number, cost=number) for number in range(1, 6)])
    calls = newest_calls(store, since_ns=MIDNIGHT_NS + 2, limit=3)
    assert [(call.started_at_ns, call.list_cost) for call in calls] == [
        (MIDNIGHT_NS + 3, 3),
        (MIDNIGHT_NS + 4, 4),
        (MIDNIGHT_NS + 5, 5),
    ]


def usual_day() -> list[object]:
    """Return a quiet day: 60 user actions of three tenants, one small prompt and one model each."""
    return [
        a_call(
            number,
            feature="search",
            tenant=("acme", "globex", "initech")[number % 3],
            request_id=f"r{number}",
            started_at_ns=MIDNIGHT_NS + number * SECOND,
            response_model="small",
            input_tokens=1_000 + number,
            cost=1_000_000,
        )
        for number in range(1, 61)
    ]


def test_a_quiet_day_has_no_incidents(store: Store) -> None:
    store.write(usual_day())  # type: ignore[arg-type] # calls
    assert incidents(store, DAY) == []


@pytest.mark.parametrize(
    ("kind", "said", "factor"),
    [
        ("retry_loops", {"request_id": "loop", "attempt_reason": "json_parse"}, 20),
        ("long_prompts", {"input_tokens": 10_000}, 10),
        ("dearer_models", {"response_model": "large", "cost": 50_000_000}, 50),
        ("tenant_surges", {"tenant": "globex"}, 6),
    ],
)
def test_each_kind_of_incident_is_found(store: Store, kind: str, said: dict[str, object], factor: float) -> None:
    count = 100 if kind == "tenant_surges" else 20
    odd = [
        a_call(
            100 + number,
            **{  # type: ignore[arg-type] # fields of a call
                "feature": "search",
                "tenant": ("acme", "globex", "initech")[number % 3] if kind != "retry_loops" else "acme",
                "request_id": f"o{number}",
                "started_at_ns": MIDNIGHT_NS + (100 + number) * SECOND,
                "response_model": "small",
                "input_tokens": 1_000,
                "cost": 1_000_000,
                **said,
            },
        )
        for number in range(count)
    ]
    store.write([*usual_day(), *odd])  # type: ignore[list-item] # calls
    [incident] = incidents(store, DAY)
    assert (incident.kind, incident.feature) == (kind, "search")
    assert incident.factor == pytest.approx(factor, rel=0.05)
    assert incident.since_ns >= MIDNIGHT_NS


def test_every_query_is_asked_by_somebody() -> None:
    files = {entry.name.removesuffix(".sql") for entry in (resources.files(reports) / "queries").iterdir()}
    asked = {"spend", "coverage", "unnamed_sites", "unpriced_reasons", "newest_calls", "calls_to_price"}
    asked |= {"busy_hours", "derived_differs", "calls_told_twice", "unnoted_hours", "features_seen", "to_book"}
    asked |= {"alerts_told", "feature_owners", "dearest_differ", "called_whole"}
    assert files == {*asked, *KINDS}
