from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import PricedCall, Store
from otel_llmcost.store.rows import NAMES_WRITTEN, columns_of
from otel_llmcost.usage import Usage, UsageQuality
from tests.store.ledger import MIDNIGHT_NS, NOW_NS

SPECIAL = {"usage", "billed", "usage_quality", "attribution", "started_at_ns", "trace_id", "span_id", "parent_span_id"}
SET_BY_THE_STORE = {"correction_id": "", "correction_reason": "", "newly_priced": 0}


def full() -> PricedCall:
    """Every field says something, and each something else."""
    said: dict[str, object] = {}
    for number, field in enumerate(fields(LLMCall), 1):
        if field.name not in SPECIAL:
            kind = str(field.type)
            is_number = "int" in kind or "PicoUSD" in kind
            said[field.name] = True if kind == "bool" else 10**12 + number if is_number else f"{field.name} 'ü\\\n€'"
    who = {field.name: f"who {field.name}" for field in fields(Attribution) if field.name != "tags"}
    return PricedCall(
        call=LLMCall(
            **said,  # type: ignore[arg-type]  # made by type
            trace_id="0af7651916cd43dd8448eb211c80319c",
            span_id="b7ad6b7169203331",
            parent_span_id="00f067aa0ba902b7",
            started_at_ns=MIDNIGHT_NS + 123_456_789,
            usage=Usage(**{field.name: number for number, field in enumerate(fields(Usage), 1)}),
            billed=Usage(cache_write_5m_tokens=7),
            usage_quality=UsageQuality.PARTIAL,
            attribution=Attribution(**who, tags=(("plan", "pro"), ("ünï", "'x'"))),
        ),
        pricing=Pricing(
            status=PriceStatus.PARTIAL,
            list_cost=PicoUSD(123_456_789_012_345_678),
            effective_cost=PicoUSD(1),
            rate_id="openai/gpt-5.2/2026-01-01",
            rate_table_version="0123456789ab",
            overlay_version="ba9876543210",
            match_kind="alias",
            detail="no rate for meter audio",
        ),
        received_at_ns=NOW_NS - 1,
    )


def expected(row: PricedCall) -> dict[str, object]:
    """What the row of a call is, written down without the mapping that is under test."""
    call, price = row.call, row.pricing
    columns: dict[str, object] = {f.name: getattr(call, f.name) for f in fields(LLMCall)}
    for name in ("usage", "billed", "attribution", "started_at_ns"):
        del columns[name]
    billed = {"input_tokens": 0, "cache_write_5m_tokens": 7}  # one count in any case
    columns["billed_counts"] = {} if call.billed is None else billed
    columns |= {f.name: getattr(call.usage or Usage(), f.name) for f in fields(Usage)}
    columns |= {f.name: getattr(call.attribution, f.name) for f in fields(Attribution)}
    columns["user_id"] = columns.pop("user")
    columns["tags"] = dict(call.attribution.tags)
    columns["usage_quality"] = "missing" if call.usage is None else call.usage_quality.value
    amounts = (("list_cost", price), ("effective_cost", price), ("reported_cost", call))
    for name, source in amounts:
        pico = getattr(source, name)
        columns[name] = None if pico is None else Decimal(pico).scaleb(-12)
    columns["price_status"] = price.status.value
    columns["price_detail"] = price.detail
    for name in ("rate_id", "rate_table_version", "overlay_version", "match_kind"):
        columns[name] = getattr(price, name)
    columns["started_at"] = call.started_at_ns
    columns["received_at"] = row.received_at_ns
    columns["posted_at"] = row.received_at_ns // 10**9
    return columns | SET_BY_THE_STORE


def stored(store: Store) -> dict[str, object]:
    """The only row, its times as integers since a datetime has no nanoseconds."""
    (row,) = store.query(
        """
        SELECT * REPLACE (
            toUnixTimestamp64Nano(started_at) AS started_at,
            toUnixTimestamp64Nano(received_at) AS received_at,
            toUnixTimestamp(posted_at) AS posted_at
        )
        FROM llm_calls
        """
    ).dicts()
    return row


def test_every_column_comes_back_as_it_went_in(store: Store) -> None:
    row = full()
    store.write([row])
    assert stored(store) == expected(row)


def test_a_call_that_says_as_little_as_it_can_comes_back_saying_nothing(store: Store) -> None:
    call = LLMCall(trace_id="0" * 31 + "1", span_id="0" * 15 + "1", started_at_ns=MIDNIGHT_NS, provider="openai")
    row = PricedCall(call=call, pricing=Pricing(status=PriceStatus.NO_USAGE), received_at_ns=NOW_NS)
    store.write([row])
    assert stored(store) == expected(row)


def test_a_zero_is_no_null(store: Store) -> None:
    call = LLMCall(
        trace_id="0" * 31 + "1",
        span_id="0" * 15 + "1",
        started_at_ns=MIDNIGHT_NS,
        provider="openai",
        usage=Usage(),
        usage_quality=UsageQuality.REPORTED,
        time_to_first_token_ns=0,
        max_output_tokens=0,
        input_bytes=0,
        tool_call_count=0,
        prompt_bytes=0,
    )
    price = Pricing(status=PriceStatus.FREE, list_cost=PicoUSD(0), effective_cost=PicoUSD(0))
    row = PricedCall(call=call, pricing=price, received_at_ns=NOW_NS)
    store.write([row])
    assert stored(store) == expected(row)


def test_rows_that_say_different_things_keep_apart_in_one_batch(store: Store) -> None:
    """Columns in which no row says anything are not sent; one row that does is enough."""
    rich = full()
    poor = LLMCall(trace_id="0" * 31 + "1", span_id="0" * 15 + "1", started_at_ns=MIDNIGHT_NS, provider="openai")
    store.write([PricedCall(call=poor, pricing=Pricing(status=PriceStatus.NO_USAGE), received_at_ns=NOW_NS), rich])
    assert store.query(
        "SELECT provider, feature, input_tokens, prompt_bytes, tags FROM llm_calls ORDER BY feature"
    ).rows == (
        ("openai", "", 0, None, {}),
        (rich.call.provider, "who feature", 1, rich.call.prompt_bytes, {"plan": "pro", "ünï": "'x'"}),
    )


def test_the_table_has_the_columns_that_are_written_and_those_of_corrections(store: Store) -> None:
    sql = "SELECT name FROM system.columns WHERE database = {db:String} AND table = 'llm_calls_log'"
    table = {name for (name,) in store.query(sql, {"db": store._engine.database})}
    assert table == {*NAMES_WRITTEN, *SET_BY_THE_STORE, "received_at", "posted_at"}


def test_the_time_of_posting_that_earlier_releases_wrote_is_kept(store: Store) -> None:
    """Writers leave it out now, since the receipt tells it."""
    row = full()
    columns = columns_of([row]) | {"posted_at": [NOW_NS // 10**9 - 5]}
    store._engine.insert("llm_calls_log", columns, {})
    assert stored(store) == expected(row) | {"posted_at": NOW_NS // 10**9 - 5}
