"""No alert fires on a calm or a growing month. The months come from seeds to which no threshold was fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from otel_llmcost.reports.alerts import RULES
from tests.dashboards.test_alerts import BY_NAME, WEEK_NS, filled, firings, midnight_ns, subjects
from tests.support import months
from tests.support.months import DAY_NS, HOUR_NS, Product, altered
from tests.support.stores import migrated, needs_room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.store import PricedCall, Store

ANNOUNCED: Final = Product(name="novelty", team="growth", a_day=60)
ENDS: Final = {"growing": 7, "calm": 37}
"""How many days before the last midnight each month ends: thirty days of history, thirty calm ones, thirty in which
calls grow, and a week at twice the usual.
"""
DAYS: Final = 97

pytestmark = pytest.mark.long


def quiet(product: Product, start_ns: int) -> Product:
    """Return what a feature does in an hour of these.

    The growing month grows by 30 %, has a launch day of search at three times, and a feature that was announced. In the
    week after it chat is asked three times as often.
    """
    days_before = (midnight_ns() - start_ns) / DAY_NS - ENDS["growing"]
    if days_before <= 0:
        return altered(product, a_day=product.a_day * 3) if product.name == "chat" else product
    growth = 1.3 ** -(min(days_before, 30) / 30)
    if product.name == "novelty" and days_before > 15:
        return altered(product, a_day=0)
    launch = 3 if product.name == "search" and 9 <= days_before < 10 else 1
    return altered(product, a_day=round(product.a_day * growth * launch))


def quiet_months(seed: int) -> list[PricedCall]:
    products = (*months.SHOP, ANNOUNCED)
    return list(months.month(until_ns=midnight_ns(), days=DAYS, seed=seed, products=products, change=quiet))


def said_in_vain(store: Store, month: str) -> list[tuple[str, int, str]]:
    """Return rule, hour and subject of all that is said in a month, looked at by all rules every 47 hours.

    So they look at other hours of the day every time.
    """
    until_ns = midnight_ns() - ENDS[month] * DAY_NS - 17 * 60 * 10**9
    return [
        (rule.name, hours, subject)
        for hours in range(0, 30 * 24, 47)
        for rule in RULES
        for subject in subjects(store, rule, until_ns - hours * HOUR_NS)
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with filled(migrated(tmp_path_factory), quiet_months(seed=90210)) as store:
        yield store


@needs_room
@pytest.mark.parametrize("month", ENDS)
def test_nothing_is_said_in_a_month_without_incidents(store: Store, month: str) -> None:
    assert said_in_vain(store, month) == []


def test_a_week_at_twice_the_usual_is_told(store: Store) -> None:
    rule = BY_NAME["product_week"]
    assert firings(store, rule, midnight_ns() - WEEK_NS + HOUR_NS) == []
    [row] = firings(store, rule, midnight_ns() + HOUR_NS)
    assert row["value"] >= 2
    assert row["offender"] == "chat"
    assert row["driver"] == "more calls"
