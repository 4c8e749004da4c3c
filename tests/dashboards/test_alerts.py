"""Each alert fires on its incident within its time. The month comes from a seed to which no threshold was fitted."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from otel_llmcost.reports.alerts import RULES, Rule, bare_sql_of, sql_of
from otel_llmcost.reports.grafana import Range, expand
from otel_llmcost.store import Store, connect
from tests.support import months
from tests.support.catalogue import fill_catalogue
from tests.support.clickhouse import running
from tests.support.moment import NOW_NS
from tests.support.months import DAY_NS, HOUR_NS, Product, altered
from tests.support.stores import migrated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from otel_llmcost.store import PricedCall
    from tests.support.clickhouse import Server

MINUTE_MS: Final = 60_000
BY_NAME: Final = {rule.name: rule for rule in RULES}
WEEK_NS: Final = 7 * DAY_NS

# What goes wrong, on which day before the last midnight, and within how many minutes somebody has to be told.
# All begin at 10:00 (UTC) of that day.
INCIDENTS: Final[dict[str, tuple[int, int, int, dict[str, Any]]]] = {
    "velocity": (1, 10, 1, {"name": "search", "times": 40}),
    "retry_loop": (2, 10, 1, {"name": "chat", "times": 10, "calls": 40, "is_loop": True}),
    "prompt_growth": (3, 60, 6, {"name": "search", "input_tokens": 36_000, "prompt_hash": "prompt-8"}),
    "tenant_surge": (4, 30, 2, {"name": "search", "times": 30, "tenants": ("hooli",)}),
    "demo_account": (5, 60, 2, {"name": "search", "times": 40, "tenants": ("demo-corp",)}),
    "session_cost": (6, 60, 3, {"name": "chat", "calls": 40}),
    "model_drift": (8, 60, 3, {"name": "search", "model": "huge-1"}),
    "unknown_credential": (9, 60, 2, {"name": "chat", "credential": "key-9"}),
    "development_runaway": (10, 60, 2, {"name": "evals", "times": 300}),
    "unusable_answers": (11, 120, 4, {"name": "search", "truncated": 0.7}),
    "cache_fall": (14, 120, 4, {"name": "summarize", "cached": 0.0}),
    "unattributed_spend": (13, 60, 2, {"name": "", "times": 400, "input_tokens": 6_000}),
    "unpriced_model": (15, 10, 3, {"name": "summarize", "is_priced": False}),
    "collector_lag": (16, 60, 2, {"name": "chat", "delay_ns": 30 * 60 * 10**9}),
    "feature_day": (17, 240, 8, {"name": "summarize", "times": 3, "input_tokens": 80_000}),
    "limit_warned": (21, 120, 2, {"name": "search", "times": 14}),
    "limit_passed": (1, 60, 1, {}),
    "new_feature": (19, 120, 4, {"name": "skunkworks", "times": 3}),
    "silence": (20, 30, 2, {"name": None, "times": 0}),
}

SKUNKWORKS: Final = Product(name="skunkworks", team="growth", a_day=400)


def midnight_ns() -> int:
    """The midnight (UTC) between the last Wednesday that is over and its Thursday."""
    first_thursday = 0
    return first_thursday + (NOW_NS - DAY_NS) // WEEK_NS * WEEK_NS


def began_ns(name: str) -> int:
    return midnight_ns() - INCIDENTS[name][0] * DAY_NS + 10 * HOUR_NS


def changed(product: Product, start_ns: int) -> Product:
    """Return what a feature does in an hour of the month in which everything goes wrong."""
    is_hidden = product.name == "skunkworks"
    for name, (_, _, hours, what) in INCIDENTS.items():
        is_now = began_ns(name) <= start_ns < began_ns(name) + hours * HOUR_NS
        if is_now and what and what["name"] in (product.name, None):
            fields = {key: value for key, value in what.items() if key not in ("name", "times")}
            return altered(product, a_day=round(product.a_day * what.get("times", 1)), **fields)
    return altered(product, a_day=0) if is_hidden else product


def incidents(seed: int) -> list[PricedCall]:
    """Return the calls of the month in which everything goes wrong, and of the one before it."""
    products = (*months.SHOP, SKUNKWORKS)
    return list(months.month(until_ns=midnight_ns(), days=56, seed=seed, products=products, change=changed))


def filled(dsn: str, calls: Sequence[PricedCall]) -> Store:
    """Return a store with calls, a catalogue, a plan that nothing reaches, and a feature that was announced."""
    store = connect(dsn)
    store.migrate()
    fill_catalogue(store, 0)
    store._engine.command(
        "INSERT INTO features_log (feature, effective_from, owner) VALUES ('novelty', '2020-01-01', 'Grace')"
    )
    store._engine.command(
        "INSERT INTO limits_log (scope, window, effective_from, cap) VALUES ('', 'month', '2020-01-02', 100000)"
    )
    store.write(calls)
    store.derive()
    return store


def firings(store: Store, rule: Rule, at_ns: int) -> list[dict[str, Any]]:
    return store.query(expand(sql_of(rule), hour_until(at_ns))).dicts()


def subjects(store: Store, rule: Rule, at_ns: int) -> list[str]:
    """Return what a rule speaks of, without who answers for it and what it comes to, which takes most of the time."""
    return [str(row["subject"]) for row in store.query(expand(bare_sql_of(rule), hour_until(at_ns))).dicts()]


def hour_until(at_ns: int) -> Range:
    return Range(since_ms=at_ns // 10**6 - 60 * MINUTE_MS, until_ms=at_ns // 10**6)


def told_after(store: Store, rule: Rule, began: int, within: int) -> tuple[int, list[dict[str, Any]]]:
    """Return the minute after which a rule first fires, looked at every minute or, of slow ones, every five, and what
    it says; no rows where it does not fire within so many minutes.
    """
    step = 1 if within <= 30 else 5
    for minutes in range(step, within + 1, step):
        if subjects(store, rule, at_ns := began + minutes * 60 * 10**9):
            return minutes, firings(store, rule, at_ns)
    return within, []


@pytest.fixture(scope="module")
def calls() -> list[PricedCall]:
    return incidents(seed=4711)


@pytest.fixture(scope="module")
def store(calls: list[PricedCall], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with filled(migrated(tmp_path_factory), calls) as store:
        yield store


@pytest.mark.server
@pytest.mark.long
def test_a_real_server_tells_the_same(store: Store, calls: list[PricedCall], server: Server) -> None:
    """Embedded engine and server are of different releases."""
    with filled(server.dsn("incidents"), calls) as other:
        told = 0
        for name, (_, within, _, _) in INCIDENTS.items():
            at_ns = began_ns(name) + within * 60 * 10**9
            found = [firings(each, BY_NAME[name], at_ns) for each in (store, other)]
            told += bool(found[0])
            for here, there in zip(*found, strict=True):
                numbers = {key for key, value in here.items() if isinstance(value, float)}
                assert [here[key] for key in numbers] == pytest.approx([there[key] for key in numbers], rel=1e-9)
                assert {key: here[key] for key in here.keys() - numbers} == {
                    key: there[key] for key in there.keys() - numbers
                }
        assert told >= 15  # of nineteen; some are over by the end of their time


@pytest.mark.parametrize("name", INCIDENTS)
def test_is_told_in_time(store: Store, name: str) -> None:
    rule, began, (_, within, _, what) = BY_NAME[name], began_ns(name), INCIDENTS[name]
    assert subjects(store, rule, began - 60 * 10**9) == []
    minutes, rows = told_after(store, rule, began, within)
    assert rows, f"{name} was not told within {minutes} minutes"
    row = rows[0]
    if what.get("name") and row["feature"]:
        assert row["feature"] == what["name"]
    assert row["what"]
    assert row["value"] > 0
    assert row["since_s"] > 0
    assert row["so_far_usd"] >= 0
    assert row["driver"]
    assert row["offenders"]
    assert len(row["offenders"]) <= 3
    assert row["by_midnight_usd"] >= 0
    if BY_NAME[name].scope not in ("none", "window"):
        assert row["by_midnight_usd"] > 0
    if row["feature"] in ("search", "chat", "summarize"):
        assert row["owner"] in ("Grace", "Barbara", "Linus")
        assert row["runbook"].startswith("runbooks/")


def test_an_hour_is_the_same_wherever_the_engine_is(store: Store) -> None:
    """An engine takes its zone from its machine, and in some the hours begin between two of UTC."""
    sql = expand(bare_sql_of(BY_NAME["silence"]), hour_until(began_ns("silence") + 30 * 60 * 10**9))
    told = store.query(sql).rows
    assert len(told) == 1
    assert store.query(f"{sql} SETTINGS session_timezone = 'Asia/Kolkata'").rows == told


def test_the_plan_is_lowered_and_the_month_is_ahead_of_it(store: Store) -> None:
    """Of a plan of 100,000 USD nothing is said; of one of 30 it is, with the day on which it is used up.

    Late in a month: nothing is said before a fifth of the plan is spent.
    """
    at_ns = midnight_ns() - HOUR_NS
    while datetime.fromtimestamp(at_ns // 10**9, UTC).day < 15:
        at_ns -= DAY_NS
    assert firings(store, BY_NAME["month_pace"], at_ns) == []
    store._engine.command(
        "INSERT INTO limits_log (scope, window, effective_from, cap) VALUES ('', 'month', '2020-01-03', 30)"
    )
    [row] = firings(store, BY_NAME["month_pace"], at_ns)
    assert "the plan is used up on 20" in row["what"]


def test_old_rates_are_told(store: Store) -> None:
    assert firings(store, BY_NAME["stale_rates"], midnight_ns()) == []
    store._engine.command(
        "INSERT INTO rates_log (rate_table_version, loaded_at) VALUES ('0123456789ab', '2020-01-01 00:00:00')"
    )
    [row] = firings(store, BY_NAME["stale_rates"], midnight_ns())
    assert row["subject"] == "old rates"


@pytest.mark.server
def test_a_disk_that_is_nearly_full_is_told(library: Path, tmp_path: Path) -> None:
    """A disk that keeps all but a hundredth of its space to itself is one that is full."""
    disk = shutil.disk_usage(tmp_path)
    keep = disk.free - disk.used // 100
    small = f"<small><path>{tmp_path}/small/</path><keep_free_space_bytes>{keep}</keep_free_space_bytes></small>"
    (tmp_path / "small").mkdir()
    config = f"<storage_configuration><disks>{small}</disks></storage_configuration>"
    with running(tmp_path / "server", config=config) as server, connect(server.dsn("llmcost")) as store:
        store.migrate()
        found = firings(store, BY_NAME["disk_full"], time.time_ns())
    assert [(row["subject"], row["offenders"]) for row in found if row["subject"] == "disk small"] == [
        ("disk small", [f"{tmp_path}/small/"])
    ]
    assert "are free" in found[0]["what"]


def test_every_rule_is_put_to_the_test() -> None:
    """Those that are no incident of the month have a test of their own, here or beside the calm months."""
    assert set(INCIDENTS) | {"month_pace", "stale_rates", "product_week", "disk_full"} == set(BY_NAME)
