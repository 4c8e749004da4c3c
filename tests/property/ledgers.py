"""What a ledger is told, done to and asked, so that it can be compared with the model of one (`ledger_model`)."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing import Pricer
from otel_llmcost.pricing.overlay import Discount, Overlay
from otel_llmcost.usage import Usage, UsageQuality
from tests.property.ledger_model import HOUR_NS, Rates, Spent, Telling
from tests.store.ledger import NOW_NS
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from otel_llmcost.store import Store

TODAY = datetime.fromtimestamp(NOW_NS // 10**9, UTC).date()
THIS = TODAY.replace(day=1)
LAST = (THIS - timedelta(days=1)).replace(day=1)
BEFORE = (LAST - timedelta(days=1)).replace(day=1)
KEPT_DAYS = (TODAY - LAST).days - 10
"""So long that this month's beginning lies well within, and that of the month before well without."""


def at_ns(day: date) -> int:
    """Return the Unix nanosecond at which a day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9


STARTS = (
    *(at_ns(month) + offset for month in (LAST, THIS) for offset in (-1, 0, 90 * 60 * 10**9)),
    at_ns(THIS) - HOUR_NS // 2,
    at_ns(TODAY) - 12 * HOUR_NS,
    NOW_NS + 20 * HOUR_NS,  # by a clock that is ahead
)
EDGES = (*map(at_ns, (BEFORE, LAST, THIS, TODAY)), at_ns(LAST) + HOUR_NS, NOW_NS + 24 * HOUR_NS)

RATES = {
    "old": Rates({"m": 2, "gone": 1, "free": 0}),
    "new": Rates({"m": 3, "late": 5, "free": 0}),
    "agreed": Rates({"m": 3, "late": 5, "free": 0}, is_halved=True),
}
_HALF = Overlay(version="0123456789ab", discounts=(Discount(provider="a", paid=Fraction(1, 2)),))
PRICERS = {
    name: Pricer(
        table_of(*(model("a", each, card({"input": f"{usd}"})) for each, usd in rates.usd_per_mtok.items())),
        _HALF if rates.is_halved else None,
    )
    for name, rates in RATES.items()
}

PEOPLE = [("", ""), ("acme", ""), ("acme", "ann"), ("globex", "bob"), ("", "ann")]
"""Tenants and users of theirs."""

TELLERS = ["us", "us", "others", "others anonymously", "both"]


@st.composite
def new_calls(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Return what is said of a call, as `Telling` has it, and who tells of it at first."""
    tenant, user = draw(st.sampled_from(PEOPLE))
    said = {
        "started_ns": draw(st.sampled_from(STARTS)),
        "model": draw(st.sampled_from(["m", "m", "late", "gone", "free", "unknown"])),
        "tokens": draw(st.sampled_from([1_000, 7, 0, None])),
        "feature": draw(st.sampled_from(["search", "chat", ""])),
        "team": draw(st.sampled_from(["core", "growth"])),
        "environment": draw(st.sampled_from(["production", "ci"])),
        "tenant": tenant,
        "user": user,
        "session": draw(st.sampled_from(["", f"of {tenant}/{user}"])),
        "request": draw(st.sampled_from(["", f"by {tenant}/{user}"])),
        "tags": draw(st.sampled_from([(), (("project", "x"),), (("project", "y"), ("tier", "gold"))])),
    }
    reported = draw(st.sampled_from([None, None, 777])) if said["tokens"] else None
    return said | {"reported": reported}, draw(st.sampled_from(TELLERS))


def call_of(told: Telling) -> LLMCall:
    """Return a telling as the product has it. Both of a call have its trace and the id of its answer."""
    return LLMCall(
        trace_id=f"{told.number:032x}",
        span_id=f"{told.number:012x}{'0001' if told.is_ours else '0002'}",
        started_at_ns=told.started_ns,
        duration_ns=10,
        provider="a",
        request_model=told.model,
        response_id=f"answer {told.number}",
        usage=None if told.tokens is None else Usage(input_tokens=told.tokens),
        usage_quality=UsageQuality.MISSING if told.tokens is None else UsageQuality.REPORTED,
        reported_cost=None if told.reported is None else PicoUSD(told.reported),
        dialect="" if told.is_ours else "openinference",
        scope_name="ours" if told.is_ours else "theirs",
        attribution=Attribution(
            feature=told.feature,
            team=told.team,
            environment=told.environment,
            tenant=told.tenant,
            user=told.user,
            session_id=told.session,
            request_id=told.request,
            tags=told.tags,
        ),
    )


ROLLUPS = {
    "spend_hourly": ("hour", "feature", "team", "environment", "tenant", "model"),
    "spend_daily": ("day", "feature", "team", "environment", "model"),
    "tenant_spend_daily": ("day", "feature", "team", "environment", "tenant", "model"),
    "session_spend_hourly": ("hour", "feature", "environment", "tenant", "session"),
    "session_spend": ("feature", "environment", "tenant", "session"),
    "request_attempts_hourly": ("hour", "feature", "environment", "tenant", "request"),
    "request_attempts": ("feature", "environment", "tenant", "request"),
    "prompt_shape_daily": ("day", "feature", "team", "environment", "model"),
    "spend_by_tag_daily": ("day", "feature", "team", "environment", "tag_key", "tag_value"),
}
"""By what the rows of each are told apart."""

CALLS_BY = ("day", "feature", "team", "environment", "tenant")
_COLUMNS = {"session": "session_id", "request": "request_id", "model": "response_model"}
_OF_CALLS = {
    "day": "toUnixTimestamp(toStartOfDay(t.started_at))",
    "calls": "countIf(t.correction_id = '')",
    "unpriced_calls": "countIf(t.correction_id = '' AND t.list_cost IS NULL) - sum(t.newly_priced)",
}
_OF_DERIVED = {name: f"toUnixTimestamp(toDateTime(t.{name}, 'UTC'))" for name in ("hour", "day")}
_BOOKS = """
    SELECT formatDateTime(booked_in, '%Y-%m'), formatDateTime(month, '%Y-%m'), toString(feature), toString(team),
        toString(environment), toString(response_model), calls, unpriced_calls, b.list_cost, b.effective_cost
    FROM books AS b
"""


def said_by(store: Store, table: str, names: Sequence[str]) -> dict[Any, Spent]:
    """Return what a table adds up to; of `prompt_shape_daily`, which does not know, that nothing is unpriced."""
    own = _OF_CALLS if table == "llm_calls" else _OF_DERIVED
    if table == "prompt_shape_daily":
        own = own | {"unpriced_calls": "0"}
    keys = [own.get(name) or f"toString(t.{_COLUMNS.get(name, name)})" for name in names]
    sums = [own.get(name) or f"sum(t.{name})" for name in ("calls", "unpriced_calls", "list_cost", "effective_cost")]
    sql = f"SELECT {', '.join([*keys, *sums])} FROM {table} AS t GROUP BY {', '.join(keys)}"
    width = len(names)
    return {row[:width]: Spent(row[-4], row[-3], _pico(row[-2]), _pico(row[-1])) for row in store.query(sql)}  # type: ignore[arg-type]  # untyped rows


def dearest(store: Store) -> dict[Any, tuple[object, ...]]:
    """Return what the dearest calls cost, of which there are fewer here than are kept, by the key of their telling."""
    rows = store.query("SELECT trace_id, endsWith(span_id, '1'), list_cost, effective_cost FROM dearest_calls")
    return {(int(str(trace), 16), bool(ours)): tuple(map(_pico, costs)) for trace, ours, *costs in rows}


def booked(store: Store) -> dict[Any, tuple[object, ...]]:
    """Return what stands in the books, by the month in which it was booked, and by that and the names of the calls."""
    return {row[:6]: (row[6], row[7], _pico(row[8]), _pico(row[9])) for row in store.query(_BOOKS)}


def _pico(usd: object) -> int | None:
    return None if usd is None else int(usd * 10**12)  # type: ignore[operator]  # a Decimal


class CutShortError(Exception):
    """Stands for the end of the process."""


def die() -> None:
    """End the process."""
    raise CutShortError


@contextmanager
def at_statement(store: Store, number: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something once, right before the statement of this number is sent."""
    engine, left = store._engine, iter(range(number - 1))
    names = ("command", "change", "insert", "query")

    def then(real: Callable[..., object]) -> Callable[..., object]:
        def sent(*arguments: Any, **named: Any) -> object:
            if next(left, None) is None:
                restore()
                act()
            return real(*arguments, **named)

        return sent

    def restore() -> None:
        for name in names:
            vars(engine).pop(name, None)

    for name in names:
        setattr(engine, name, then(getattr(engine, name)))
    try:
        yield
    finally:
        restore()


def be_later(store: Store) -> None:
    """Have it be as if the last write lay over a minute back, so that nothing is due by itself."""
    for sql in (
        "CREATE TABLE earlier ENGINE = Memory AS SELECT hour, touched_at - INTERVAL 1 HOUR FROM touched_hours FINAL",
        "TRUNCATE TABLE touched_hours SYNC",
        "INSERT INTO touched_hours SELECT * FROM earlier",
        "DROP TABLE earlier SYNC",
    ):
        store._engine.command(sql)


def let_go(store: Store) -> None:
    """Have the engine do at once what it does within hours."""
    store._engine.command("ALTER TABLE llm_calls_log MATERIALIZE TTL SETTINGS mutations_sync = 2")
    merge(store)


def merge(store: Store) -> None:
    """Have the engine leave out what does not count any more."""
    store._engine.command("OPTIMIZE TABLE llm_calls_log FINAL")


def empty(store: Store, *, was_retained: bool) -> None:
    """Have a store be as it was before the first call."""
    if was_retained:
        store.retain({})
    filled = "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows"
    for (table,) in store.query(f"{filled} AND name != 'schema_migrations'"):
        store._engine.command(f"TRUNCATE TABLE {table} SYNC")
    store._kept.forget()
    store.refused.clear()
