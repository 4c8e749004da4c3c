"""No alert fires on a calm or a growing month. The months come from seeds to which no threshold was fitted."""

from __future__ import annotations

from typing import Final

import pytest

from otel_llmcost.reports.alerts import RULES
from tests.dashboards.test_alerts import BY_NAME, WEEK_NS, filled, firings, midnight_ns
from tests.support import months
from tests.support.months import DAY_NS, HOUR_NS, Product, altered

ANNOUNCED: Final = Product(name="novelty", team="growth", a_day=60)


def growing(product: Product, start_ns: int) -> Product:
    """A month that grows by 30 %, with a launch day of search at three times, and a feature that was announced."""
    days_before = (midnight_ns() - start_ns) / DAY_NS
    growth = 1.3 ** -(days_before / 30)
    if product.name == "novelty" and days_before > 15:
        return altered(product, a_day=0)
    launch = 3 if product.name == "search" and 9 <= days_before < 10 else 1
    return altered(product, a_day=round(product.a_day * growth * launch))


@pytest.mark.parametrize("month", ["calm", "growing"])
def test_nothing_is_said_in_a_month_without_incidents(month: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Thirty days after as many of history, looked at by all rules every 47 hours: at other hours every time."""
    change = growing if month == "growing" else (lambda product, _: product)
    products = (*months.SHOP, ANNOUNCED) if month == "growing" else months.SHOP
    said = []
    with filled(tmp_path_factory.mktemp(month), seed=90210, days=60, products=products, change=change) as store:
        for hours in range(0, 30 * 24, 47):
            at_ns = midnight_ns() - hours * HOUR_NS - 17 * 60 * 10**9
            for rule in RULES:
                said += [(rule.name, hours, row["subject"], row["what"]) for row in firings(store, rule, at_ns)]
    assert said == []


def test_a_week_at_twice_the_usual_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    def change(product: Product, start_ns: int) -> Product:
        is_last_week = start_ns >= midnight_ns() - WEEK_NS
        return altered(product, a_day=product.a_day * 3) if is_last_week and product.name == "chat" else product

    with filled(tmp_path_factory.mktemp("week"), seed=11, days=30, products=months.SHOP, change=change) as store:
        rule = BY_NAME["product_week"]
        assert firings(store, rule, midnight_ns() - WEEK_NS + HOUR_NS) == []
        [row] = firings(store, rule, midnight_ns() + HOUR_NS)
        assert row["value"] >= 2
        assert row["offender"] == "chat"
        assert row["driver"] == "more calls"
