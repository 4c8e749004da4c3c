"""Fifty million calls as an engine makes them: the rows of the ledger, and the same calls as a stock Collector's spans.

They are made by SQL, so that inserting measures the engine and not Python. What is random in earnest is random here:
trace, span, request and response ids, fingerprints and times are hashes of the call's number, and none is shortened.
A session is nine calls of one user, in three user actions of three calls each, and many sessions run at once. That the
writer makes the same rows of the same calls is shown by `differing`, which has it write a part of them.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv, usage
from otel_llmcost.attribution import NAMES, Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.money import PICO_PER_USD, PicoUSD
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import PricedCall
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from decimal import Decimal

    from otel_llmcost.store import Store

HOUR_NS: Final = 3_600_000_000_000
FEATURES: Final = 200
MODELS: Final = 40
TENANTS: Final = 2_000
CALLS_A_SESSION: Final = 9

_BITS: Final = "lower(leftPad(hex(sipHash64({of}, {salt})), 16, '0'))"
"""64 random bits in hex: 64 are an id of a span, 128 those of a trace, an answer, a request."""

_ID: Final = f"concat({_BITS}, {_BITS.replace('{salt}', '{salt} + 1')})"

_MADE: Final = f"""
SELECT
    number AS n,
    intDiv(n, {{wave:UInt64}} * {CALLS_A_SESSION}) * {{wave:UInt64}} + n % {{wave:UInt64}} AS session,
    session * 3 + intDiv(n % ({{wave:UInt64}} * {CALLS_A_SESSION}), {{wave:UInt64}} * 3) AS action,
    toInt64({{base:Int64}} + n * {{step:UInt64}} + sipHash64(n, 1) % {{step:UInt64}}) AS started_ns,
    toInt64(300000000 + sipHash64(n, 2) % 9000000000) AS took_ns,
    {_ID.format(of="action", salt=10)} AS trace,
    {_BITS.format(of="n", salt=12)} AS span,
    {_BITS.format(of="action", salt=13)} AS parent,
    {_ID.format(of="action", salt=14)} AS user_action,
    concat('chatcmpl-', {_ID.format(of="n", salt=16)}) AS answer,
    concat('req_', {_ID.format(of="n", salt=18)}) AS answered_request,
    sipHash64(session, 3) % {FEATURES} AS f,
    concat('feature_', toString(f)) AS feature,
    concat('team_', toString(f % 24)) AS team,
    concat('service_', toString(f % 12)) AS service,
    if(sipHash64(session, 4) % 10 = 0, 'staging', 'production') AS environment,
    {{tenant}} AS tenant,
    (f * 7 + sipHash64(n, 5) % 2) % {MODELS} AS m,
    concat('model_', toString(m)) AS model,
    toInt64(200 + sipHash64(n, 6) % 4000) AS input,
    toInt64(if(sipHash64(n, 7) % 3 = 0, intDiv(input, 2), 0)) AS cached,
    toInt64(20 + sipHash64(n, 8) % 600) AS output,
    toInt64((10 * (input - cached) + cached + 50 * output) * (m % 10 + 1)) AS units,
    intDiv(started_ns + took_ns, 1000000000) + 1 AS sealed_s,
    toInt64(sealed_s * 1000000000 + sipHash64(f % 12, sealed_s) % 1000000000) AS received_ns,
    CAST(toDecimal128(units, 12) * 25 / 1000000000 AS Decimal(18, 12)) AS cost
FROM numbers({{first:UInt64}}, {{rows:UInt64}})
"""
"""A segment holds what one of twelve services sent in a second: its calls are received together."""

_TENANT: Final = (
    f"concat('tenant_', toString(least(sipHash64(session, 20) % {TENANTS}, sipHash64(session, 21) % {TENANTS})))"
)

_COLUMNS: Final = {
    "started_at": "fromUnixTimestamp64Nano(started_ns, 'UTC')",
    "trace_id": "trace",
    "span_id": "span",
    "parent_span_id": "parent",
    "precedence": "18446744073709551615 - toUInt64(received_ns)",
    "duration_ns": "took_ns",
    "time_to_first_token_ns": "if(n % 5 < 3, toInt64(100000000 + sipHash64(n, 22) % 900000000), NULL)",
    "is_stream": "n % 5 < 3",
    "feature": "feature",
    "feature_source": "'span'",
    "team": "team",
    "environment": "environment",
    "tenant": "tenant",
    "user_id": "concat('user_', toString(sipHash64(session, 23) % greatest(intDiv({size:UInt64}, 50), 1)))",
    "session_id": "concat('session_', toString(session))",
    "request_id": "user_action",
    "workload": "'interactive'",
    "call_site": "concat('app.', feature, ':answer:40')",
    "service_name": "service",
    "service_version": "'2026.11.1'",
    "provider": "'openai'",
    "provider_source": "'host'",
    "operation": "'chat'",
    "request_model": "model",
    "response_model": "model",
    "response_id": "answer",
    "provider_request_id": "answered_request",
    "server_address": "'api.openai.com'",
    "credential_id": "'0123456789abcdef'",
    "service_tier": "'default'",
    "finish_reason": "if(sipHash64(n, 24) % 50 = 0, 'length', 'stop')",
    "attempt_kind": "if(n % 20 = 0, 'retry', 'first')",
    "attempt_reason": "if(n % 20 = 0, 'json_parse', '')",
    "input_bytes": "toInt64(input * 4 + sipHash64(n, 25) % 400)",
    "prompt_hash": _BITS.format(of="f", salt=26),
    "prompt_bytes": "toInt64(600 + f * 10)",
    "request_hash": _BITS.format(of="n", salt=27),
    "scope_name": "'otel_llmcost.openai'",
    "scope_version": "'0.1.0'",
    "usage_quality": "'reported'",
    "input_tokens": "input",
    "cache_read_tokens": "cached",
    "output_tokens": "output",
    "list_cost": "cost",
    "effective_cost": "cost",
    "price_status": "'priced'",
    "rate_id": "concat('openai/', model, '@2026-01-01')",
    "rate_table_version": "'0123456789ab'",
    "match_kind": "'exact'",
}
"""What an own record of a streamed or whole answer fills in; the other columns hold what they hold by themselves."""

_CALLS: Final = f"""
INSERT INTO llm_calls_log ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS.values())}
FROM ({{made}})
"""

STOCK: Final = """
CREATE TABLE otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)), TraceId String CODEC(ZSTD(1)), SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)), TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)), SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)), ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)), SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)), StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
"""
SAID: Final = semconv.ATTRIBUTION_ATTRIBUTES
INPUT, CACHED, OUTPUT = (
    semconv.USAGE_ATTRIBUTES[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens")
)
COST: Final = semconv.REPORTED_COST

_ATTRIBUTES: Final = {
    SAID["feature"]: "feature",
    SAID["team"]: "team",
    SAID["environment"]: "environment",
    SAID["tenant"]: "tenant",
    SAID["session_id"]: _COLUMNS["session_id"],
    SAID["request_id"]: "user_action",
    semconv.GEN_AI_PROVIDER_NAME: "'openai'",
    semconv.GEN_AI_OPERATION_NAME: "'chat'",
    semconv.GEN_AI_REQUEST_MODEL: "model",
    semconv.GEN_AI_RESPONSE_MODEL: "model",
    semconv.GEN_AI_RESPONSE_ID: "answer",
    INPUT: "toString(input)",
    CACHED: "toString(cached)",
    OUTPUT: "toString(output)",
    COST: "toString(cost)",
}
_SPANS: Final = f"""
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ScopeName,
    ScopeVersion, Duration, StatusCode, ResourceAttributes, SpanAttributes)
SELECT fromUnixTimestamp64Nano(started_ns, 'UTC'), trace, span, parent, concat('chat ', model), 'Client', service,
    'otel_llmcost.openai', '0.1.0', took_ns, 'Unset', map('{semconv.SERVICE_NAME}', service),
    map({", ".join(f"'{name}', {value}" for name, value in _ATTRIBUTES.items())})
FROM ({{made}})
"""


def calls(*, has_tenants: bool) -> str:
    """Return the statement that inserts calls, with `{name:Type}` parameters as `Made.parameters` gives them."""
    return _CALLS.replace("{made}", _made(has_tenants=has_tenants))


def spans(*, has_tenants: bool) -> str:
    """Return the same of the stock table."""
    return _SPANS.replace("{made}", _made(has_tenants=has_tenants))


def _made(*, has_tenants: bool) -> str:
    return _MADE.replace("{tenant}", _TENANT if has_tenants else "''")


def differing(store: Store, other: Store) -> int:
    """Return how many rows of `store`, written again by the writer into the empty `other`, are there any different.

    Both are databases of one server.
    """
    rows = store.query("SELECT * REPLACE (toUnixTimestamp64Nano(started_at) AS started_at) FROM llm_calls_log")
    other.write([_call_of(row) for row in rows.dicts()])
    one, two = (f"SELECT * FROM {each._engine.database}.llm_calls_log" for each in (store, other))
    sql = f"SELECT count() FROM (({one} EXCEPT {two}) UNION ALL ({two} EXCEPT {one}))"
    return int(str(store.query(sql).rows[0][0]))


def _call_of(row: dict[str, Any]) -> PricedCall:
    """Return the call that a row tells of, with nothing that the row does not hold."""
    said = {name: row["user_id" if name == "user" else name] for name in NAMES}
    held: dict[str, Any] = {field.name: row[field.name] for field in fields(LLMCall) if row.get(field.name)}
    held |= {
        "started_at_ns": row["started_at"],
        "usage": Usage(**{name: row[name] for name in usage.FIELDS}),
        "usage_quality": UsageQuality(row["usage_quality"]),
        "reported_cost": _pico(row["reported_cost"]),
        "attribution": Attribution(**said),
    }
    pricing = Pricing(
        status=PriceStatus(row["price_status"]),
        list_cost=_pico(row["list_cost"]),
        effective_cost=_pico(row["effective_cost"]),
        detail=row["price_detail"],
        **{name: row[name] for name in ("rate_id", "rate_table_version", "overlay_version", "match_kind")},
    )
    return PricedCall(call=LLMCall(**held), pricing=pricing, received_at_ns=2**64 - 1 - row["precedence"])


def _pico(usd: Decimal | None) -> PicoUSD | None:
    return None if usd is None else PicoUSD(int(usd * PICO_PER_USD))
