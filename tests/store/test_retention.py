"""Calls go after the days of their environment; what was derived stays, and the rest can still be corrected."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.config import parse_config
from otel_llmcost.errors import ConfigFileError
from otel_llmcost.ledger.verify import verify
from otel_llmcost.reports.window import Window
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS, PICO, a_call

if TYPE_CHECKING:
    from decimal import Decimal

    from otel_llmcost.store import PricedCall, Store

DAY_NS = 24 * HOUR_NS
LONG_AGO_NS = MIDNIGHT_NS - 40 * DAY_NS
WINDOW = Window(since_ns=LONG_AGO_NS - DAY_NS, until_ns=LONG_AGO_NS + DAY_NS)
MADE = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'llm_calls_log'"
DEAREST = "(SELECT *, 1 AS calls FROM dearest_calls)"
TABLES = ("spend_hourly", "spend_daily", "session_spend", "request_attempts", "tenant_spend_daily", DEAREST)


def old_calls() -> list[PricedCall]:
    where = {"tenant": "acme", "session_id": "s", "request_id": "r", "started_at_ns": LONG_AGO_NS}
    return [
        a_call(1, environment="production", cost=5, **where),
        a_call(2, environment="staging", cost=700, **where),
        a_call(3, environment="", cost=11_000, **where),
    ]


def let_go(store: Store) -> None:
    """Have the engine do at once what it does within hours."""
    store._engine.command("ALTER TABLE llm_calls_log MATERIALIZE TTL SETTINGS mutations_sync = 2")
    store._engine.command("OPTIMIZE TABLE llm_calls_log FINAL")


def kept(store: Store) -> list[str]:
    rows = store.query("SELECT environment FROM llm_calls_log ORDER BY environment")
    return [str(environment) for (environment,) in rows]


def sums(store: Store, table: str) -> dict[str, tuple[int, Decimal]]:
    rows = store.query(f"SELECT environment, sum(calls), sum(t.list_cost) FROM {table} AS t GROUP BY environment")
    return {str(environment): (calls, cost) for environment, calls, cost in rows}  # type: ignore[misc]


@pytest.mark.long
def test_rollups_outlive_their_calls_and_the_others_are_derived_on(store: Store) -> None:
    store.write([*old_calls(), a_call(4, environment="staging", cost=1)])
    store.derive()
    assert store.retain({"": 400, "staging": 30})
    assert not store.retain({"": 400, "staging": 30})
    let_go(store)
    assert kept(store) == ["", "production", "staging"]  # of staging only yesterday's
    where = {"tenant": "acme", "session_id": "s", "request_id": "r", "started_at_ns": LONG_AGO_NS + 9}
    late = a_call(5, environment="production", cost=20, **where)
    too_late = a_call(6, environment="staging", started_at_ns=LONG_AGO_NS + 9)
    assert store.write([late, too_late]) == 1
    assert store.refused == {"beyond_retention": 1}
    for _ in range(2):
        store.derive()
        store.touch([LONG_AGO_NS])
    for table in TABLES:
        of_staging = (1, 700 * PICO) if table in ("session_spend", "request_attempts") else (2, 701 * PICO)
        expected = {"production": (2, 25 * PICO), "": (1, 11_000 * PICO), "staging": of_staging}
        assert sums(store, table) == expected, table
    found = verify(store, WINDOW)
    assert (found.calls, found.faults) == (3, ())


@pytest.mark.long
def test_a_longer_time_does_not_bring_back_what_had_gone(store: Store) -> None:
    """The hour of 40 days ago has lost its calls of staging, and is not derived without them at 60 days either."""
    store.write(old_calls())
    store.derive()
    store.retain({"staging": 30})
    let_go(store)
    store.retain({"staging": 60})
    store.touch([LONG_AGO_NS])
    store.derive()
    assert sums(store, "spend_hourly")["staging"] == (1, 700 * PICO)
    assert store.write([a_call(7, environment="staging", started_at_ns=LONG_AGO_NS)]) == 0
    assert store.retain({})  # nothing is said of it any more: it is kept like all others, from now on
    store.touch([LONG_AGO_NS])
    store.derive()
    assert sums(store, "spend_hourly")["staging"] == (1, 700 * PICO)
    assert verify(store, WINDOW).faults == ()


def test_one_time_for_all_drops_whole_months(store: Store) -> None:
    store.write(old_calls())
    store.derive()
    assert store.retain({"": 30})
    let_go(store)
    assert kept(store) == []
    assert sums(store, "spend_daily")["production"] == (1, 5 * PICO)
    (made,) = store.query(MADE).rows
    assert "toIntervalDay(30)" in str(made)
    assert "ttl_only_drop_parts = 1" in str(made)


def test_a_day_of_which_hours_have_gone_takes_no_late_call(store: Store) -> None:
    """Its hours might be derived still, the day is not: they would never agree again."""
    since_ns = -(-(time.time_ns() - 30 * DAY_NS) // DAY_NS) * DAY_NS
    store.retain({"": 30})
    late = a_call(1, started_at_ns=since_ns + DAY_NS)  # the day after, in case it is midnight
    assert store.write([a_call(2, started_at_ns=since_ns - 1), late]) == 1
    assert store.refused == {"beyond_retention": 1}
    store.derive()
    assert sums(store, "spend_hourly") == sums(store, "spend_daily") == {"": (1, 18 * 10**9 * PICO)}


def test_the_days_are_read_from_the_file() -> None:
    text = "retention:\n  days: 300\n  environments: {staging: 30, ci: 7}\n"
    said = parse_config(text.encode(), Path("llmcost.yaml")).catalogue
    assert said is not None
    assert said.retention == (("", 300), ("staging", 30), ("ci", 7))
    with pytest.raises(ConfigFileError, match="number of days from 2 to 36500"):
        parse_config(b"retention: {days: 1}\n", Path("llmcost.yaml"))
