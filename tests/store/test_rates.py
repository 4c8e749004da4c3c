"""The rates that rows name are in the ledger, once, dated, and can be joined."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from otel_llmcost.ledger.rates import tell
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.pricing.overlay import Overlay
from tests.store.test_reprice import NEW, OLD, call
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from otel_llmcost.store import Store

MILLION = 1_000_000


def test_the_rate_of_a_call_is_found_by_what_its_row_names(store: Store) -> None:
    """The old table has two cards with one price each: 2 USD and 1 USD a million."""
    assert tell(store, OLD) == 2
    assert tell(store, OLD) == 0
    store.write([call(1, "m")])
    joined = store.query(
        "SELECT r.meter, r.price, r.per, r.effective_from, c.list_cost FROM llm_calls AS c INNER JOIN rates AS r "
        "ON r.rate_table_version = c.rate_table_version AND r.overlay_version = '' AND r.rate_id = c.rate_id"
    )
    assert joined.rows == (("input", Decimal(2), MILLION, None, Decimal("0.002")),)


def test_each_version_is_told_by_itself_and_so_are_rates_of_ones_own(store: Store) -> None:
    own = table_of(model("a", "own", card({"input": "7"}))).models
    tell(store, OLD)
    assert tell(store, NEW) == 2
    assert tell(store, Pricer(NEW.table, Overlay(version="0123456789ab", models=own))) == 1
    told = "SELECT rate_table_version, overlay_version, model, price FROM rates ORDER BY price"
    assert store.query(told).rows == (
        (OLD.table.version, "", "gone", Decimal(1)),
        (OLD.table.version, "", "m", Decimal(2)),
        (NEW.table.version, "", "m", Decimal(3)),
        (NEW.table.version, "", "new", Decimal(5)),
        (NEW.table.version, "0123456789ab", "own", Decimal(7)),
    )


def test_every_rate_of_the_shipped_table_has_a_row_of_its_own(store: Store) -> None:
    """None of them may be lost under the key of another, and dates are kept."""
    pricer = Pricer(load_rate_table())
    told = tell(store, pricer)
    assert told > 1_000
    assert store.query("SELECT count() FROM rates").rows == ((told,),)
    assert tell(store, pricer) == 0
    dated = store.query("SELECT count() FROM rates WHERE effective_from > '2020-01-01'").rows[0][0]
    assert int(str(dated)) > 100
