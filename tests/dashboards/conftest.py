"""A month in a store of each kind, filled once: the dashboards only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_llmcost.store import PricedCall, Store, connect
from tests.support import clickhouse, months
from tests.support.catalogue import fill_catalogue
from tests.support.moment import NOW_NS
from tests.support.stores import ENGINES, copied

if TYPE_CHECKING:
    from collections.abc import Iterator

_WEEK_NS = 7 * months.DAY_NS
_FIRST_WEDNESDAY_NS = 6 * months.DAY_NS
"""1970-01-07."""


@pytest.fixture(scope="session")
def until_ns() -> int:
    """16:00 (UTC) of the last Wednesday that is over."""
    return _FIRST_WEDNESDAY_NS + (NOW_NS - 7 * months.DAY_NS) // _WEEK_NS * _WEEK_NS + 16 * months.HOUR_NS


@pytest.fixture(scope="session")
def calls(until_ns: int) -> list[PricedCall]:
    """36 days in which things happen.

    Yesterday search went over to a dearer model and a feature without a price began. Chat grows by a seventh every
    week, and asked in a loop once; the prompts of summarize were cut before last week began.
    """
    began = until_ns - 16 * months.HOUR_NS - months.DAY_NS
    last_monday = until_ns - 16 * months.HOUR_NS - 9 * months.DAY_NS

    def change(product: months.Product, start_ns: int) -> months.Product:
        if product.name == "search" and start_ns >= began:
            return months.altered(product, model="large-1", cached=0.2, prompt_hash="prompt-9")
        if product.name == "fresh" and start_ns < began:
            return months.altered(product, a_day=0)
        if product.name == "chat" and start_ns == until_ns - 30 * months.HOUR_NS:
            return months.altered(product, calls=40, is_loop=True)
        if product.name == "chat":
            return months.altered(
                product, a_day=round(40 * 8**7 / 7**7 * (7 / 8) ** ((until_ns - start_ns) / _WEEK_NS))
            )
        if product.name == "summarize" and start_ns < last_monday:
            return months.altered(product, input_tokens=40_000)
        return product

    fresh = months.Product(name="fresh", team="growth", a_day=48, is_priced=False)
    return list(months.month(until_ns=until_ns, days=36, seed=7, products=(*months.SHOP, fresh), change=change))


@pytest.fixture(scope="session")
def seeded_files(calls: list[PricedCall], until_ns: int, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The calls in an embedded store."""
    return copied(tmp_path_factory, "boards", lambda dsn: fill(dsn, calls, until_ns))


@pytest.fixture(scope="session")
def seeded_database(calls: list[PricedCall], until_ns: int, server: clickhouse.Server) -> str:
    """The calls in a server."""
    fill(server.dsn("boards"), calls, until_ns)
    return server.dsn("boards")


def fill(dsn: str, calls: list[PricedCall], until_ns: int) -> None:
    with connect(dsn, clock_ns=lambda: until_ns) as store:
        store.migrate()
        fill_catalogue(store, until_ns)
        store.write(calls)
        store.derive()


@pytest.fixture(scope="module", params=ENGINES)
def seeded(request: pytest.FixtureRequest, until_ns: int) -> Iterator[Store]:
    """The calls in a store of each kind, for modules that only read; a process opens one embedded store at a time."""
    dsn: str = request.getfixturevalue("seeded_files" if request.param == "chdb" else "seeded_database")
    with connect(dsn, clock_ns=lambda: until_ns) as store:
        yield store


@pytest.fixture(scope="session")
def library() -> object:
    """The real server's library."""
    try:
        return clickhouse.fetch()
    except clickhouse.UnavailableError as exc:
        pytest.skip(f"no real ClickHouse server: {exc}")


@pytest.fixture(scope="session")
def server(library: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.Server]:
    with clickhouse.running(tmp_path_factory.mktemp("server")) as running:
        yield running
