"""The ledger at size: bytes a row, insert rate, time to the rollups, and what each question of a dashboard takes.

Calls are made inside the engine, so that its own work is measured and not Python's; ids are random, three calls share
a trace, and nothing is left out or shortened. The same calls go into an `otel_traces` table with the stock schema of
the Collector's exporter, and the same questions are asked of both: the answers must be equal to the last digit.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost import semconv
from otel_llmcost.store import connect
from tests.support import clickhouse

if TYPE_CHECKING:
    from otel_llmcost.store import Store

DAYS: Final = 30
BATCH: Final = 500_000
RUNS: Final = 11

_MADE: Final = """
SELECT
    number AS n,
    fromUnixTimestamp64Nano({base:Int64} + toInt64(n * {step:UInt64} + sipHash64(n, 1) % {step:UInt64}), 'UTC') AS at,
    lower(concat(hex(sipHash64(intDiv(n, 3), 2)), hex(sipHash64(intDiv(n, 3), 3)))) AS trace,
    lower(hex(sipHash64(n, 4))) AS span,
    sipHash64(intDiv(n, 3), 5) % 200 AS f,
    (f * 7 + sipHash64(n, 6) % 2) % 40 AS m,
    intDiv(least(sipHash64(n, 7) % 2000, sipHash64(n, 8) % 2000), 1) AS t,
    sipHash64(intDiv(n, 10), 9) % {sessions:UInt64} AS s,
    toInt64(200 + sipHash64(n, 10) % 4000) AS input,
    toInt64(if(sipHash64(n, 11) % 3 = 0, intDiv(input, 2), 0)) AS cached,
    toInt64(20 + sipHash64(n, 12) % 600) AS output,
    CAST(toDecimal128((input - cached) * 3 + output * 15, 12) / 1000000 AS Decimal(18, 12)) AS cost
FROM numbers({first:UInt64}, {rows:UInt64})
"""
_CALLS: Final = """
INSERT INTO llm_calls_log (started_at, trace_id, span_id, parent_span_id, precedence, posted_at, duration_ns,
    time_to_first_token_ns, feature, team, environment, tenant, user_id, session_id, request_id, service_name, provider,
    provider_source, operation, request_model, response_model, response_id, provider_request_id, finish_reason,
    is_stream, attempt_kind, input_bytes, prompt_hash, request_hash, credential_id, usage_quality, input_tokens,
    cache_read_tokens, output_tokens, list_cost, effective_cost, price_status, rate_id, rate_table_version, match_kind)
SELECT at, trace, span, lower(hex(sipHash64(intDiv(n, 3), 13))),
    18446744073709551615 - toUInt64(toUnixTimestamp64Nano(at)),
    toDateTime(at), 300000000 + sipHash64(n, 14) % 9000000000, 100000000 + sipHash64(n, 15) % 900000000,
    concat('feature_', toString(f)), concat('team_', toString(f % 24)), 'production', {tenant:String},
    concat('user_', toString(s)), concat('session_', toString(s)), trace, concat('service_', toString(f % 12)),
    'openai', 'host', 'chat',
    concat('model_', toString(m)), concat('model_', toString(m)),
    concat('chatcmpl-', lower(hex(sipHash64(n, 16))), lower(hex(sipHash64(n, 17)))),
    concat('req_', lower(hex(sipHash64(n, 18))), lower(hex(sipHash64(n, 19)))), 'stop', true,
    if(n % 20 = 0, 'retry', 'first'), input * 4, lower(hex(sipHash64(f, 20))), lower(hex(sipHash64(n, 21))), 'key_1',
    'reported', input, cached, output, cost, cost, 'priced', concat('openai/model_', toString(m), '@2026-01-01'),
    '0123456789ab', 'exact'
FROM ({made})
"""
_STOCK: Final = """
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
_IN, _CACHED, _OUT = (semconv.USAGE_ATTRIBUTES[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens"))
_MODEL, _COST = semconv.GEN_AI_RESPONSE_MODEL, semconv.REPORTED_COST
_SAID: Final = semconv.ATTRIBUTION_ATTRIBUTES
_SPANS: Final = f"""
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ScopeName, Duration,
    StatusCode, ResourceAttributes, SpanAttributes)
SELECT at, trace, span, lower(hex(sipHash64(intDiv(n, 3), 13))), concat('chat model_', toString(m)), 'Client',
    concat('service_', toString(f % 12)), 'otel_llmcost.openai', 300000000 + sipHash64(n, 14) % 9000000000, 'Unset',
    map('{semconv.SERVICE_NAME}', concat('service_', toString(f % 12))),
    map('{_SAID["feature"]}', concat('feature_', toString(f)), '{_SAID["team"]}', concat('team_', toString(f % 24)),
        '{_SAID["tenant"]}', {{tenant:String}}, '{_SAID["session_id"]}', concat('session_', toString(s)),
        '{_MODEL}', concat('model_', toString(m)), '{semconv.GEN_AI_RESPONSE_ID}',
        concat('chatcmpl-', lower(hex(sipHash64(n, 16))), lower(hex(sipHash64(n, 17)))),
        '{_IN}', toString(input), '{_CACHED}', toString(cached), '{_OUT}', toString(output), '{_COST}', toString(cost))
FROM ({{made}})
"""
_TODAY: Final = "toDateTime({today:UInt32}, 'UTC')"
_A: Final = "SpanAttributes['{}']"
_SPENT: Final = f"sum(toDecimal128(SpanAttributes['{_COST}'], 12))"
_FEATURE, _TEAM, _TENANT, _SESSION = (_A.format(_SAID[name]) for name in ("feature", "team", "tenant", "session_id"))
_WEEK: Final = f"{_TODAY} - INTERVAL 6 DAY"
QUESTIONS: Final = {
    "today by feature": (
        f"""SELECT feature, sum(list_cost) AS c FROM spend_hourly WHERE hour >= {_TODAY}
        GROUP BY feature ORDER BY c DESC, feature""",
        f"""SELECT {_FEATURE} AS feature, {_SPENT} AS c FROM otel_traces WHERE Timestamp >= {_TODAY}
        GROUP BY feature ORDER BY c DESC, feature""",
    ),
    "30 days by team": (
        """SELECT team, sum(list_cost) AS c FROM spend_daily GROUP BY team ORDER BY c DESC, team""",
        f"""SELECT {_TEAM} AS team, {_SPENT} AS c FROM otel_traces GROUP BY team ORDER BY c DESC, team""",
    ),
    "a tenant's top features": (
        """SELECT feature, sum(list_cost) AS c FROM tenant_spend_daily WHERE tenant = 'tenant_7'
        GROUP BY feature ORDER BY c DESC, feature LIMIT 10""",
        f"""SELECT {_FEATURE} AS feature, {_SPENT} AS c FROM otel_traces WHERE {_TENANT} = 'tenant_7'
        GROUP BY feature ORDER BY c DESC, feature LIMIT 10""",
    ),
    "a feature's dearest calls, 7 days": (
        f"""SELECT trace_id, span_id, list_cost AS c FROM llm_calls
        WHERE feature = 'feature_3' AND started_at >= {_WEEK} ORDER BY c DESC, span_id LIMIT 10""",
        f"""SELECT TraceId, SpanId, toDecimal64({_A.format(_COST)}, 12) AS c FROM otel_traces
        WHERE {_FEATURE} = 'feature_3' AND Timestamp >= {_WEEK} ORDER BY c DESC, SpanId LIMIT 10""",
    ),
    "cache hit rate by feature, 30 days": (
        """SELECT feature, sum(cache_read_tokens), sum(input_tokens) FROM spend_daily
        GROUP BY feature ORDER BY feature""",
        f"""SELECT {_FEATURE} AS feature, sum(toInt64({_A.format(_CACHED)})), sum(toInt64({_A.format(_IN)}))
        FROM otel_traces GROUP BY feature ORDER BY feature""",
    ),
    "prompt growth of a feature, 30 days": (
        """SELECT day, sum(input_tokens), sum(measured_calls) FROM prompt_shape_daily
        WHERE feature = 'feature_3' GROUP BY day ORDER BY day""",
        f"""SELECT toDate(Timestamp, 'UTC') AS day, sum(toInt64({_A.format(_IN)})), toInt64(count())
        FROM otel_traces WHERE {_FEATURE} = 'feature_3' GROUP BY day ORDER BY day""",
    ),
    "P50 and P95 cost a session, 7 days": (
        f"""SELECT quantilesExact(0.5, 0.95)(c) FROM (SELECT session_id, sum(list_cost) AS c
        FROM session_spend_hourly WHERE hour >= {_WEEK} GROUP BY session_id)""",
        f"""SELECT quantilesExact(0.5, 0.95)(c) FROM (SELECT {_SESSION} AS session_id, {_SPENT} AS c
        FROM otel_traces WHERE Timestamp >= {_WEEK} GROUP BY session_id)""",
    ),
}
"""Each question to the ledger, and the same question to the stock table."""


_ON_DISK: Final = """
SELECT sum(bytes_on_disk) FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'otel_traces'
"""


def measure(size: int) -> dict[str, Any]:
    """Return what the ledger takes at `size` calls, with 2,000 tenants and again without any."""
    with tempfile.TemporaryDirectory() as place, clickhouse.running(Path(place)) as server:
        return {
            "calls": size,
            "with tenants": _measured(server.dsn("with_tenants"), size, "concat('tenant_', toString(t))"),
            "without tenants": _measured(server.dsn("without_tenants"), size, "''"),
        }


def _measured(dsn: str, size: int, tenant: str) -> dict[str, Any]:
    with connect(dsn) as store:
        store.migrate()
        now_s = int(time.time())
        base_s = now_s // 86_400 * 86_400 - (DAYS - 1) * 86_400
        times = {"base": base_s * 10**9, "step": (now_s - base_s) * 10**9 // size, "sessions": max(size // 10, 1)}
        took_s = _fill(store, _CALLS, size, tenant, times)
        began = time.perf_counter()
        store.derive()
        derived_s = time.perf_counter() - began
        store._engine.command(_STOCK)
        _fill(store, _SPANS, size, tenant, times)
        for table in ("llm_calls_log", "otel_traces"):
            store._engine.command(f"OPTIMIZE TABLE {table} FINAL")
        return {
            "rows_a_second": round(size / took_s),
            "derived_s": round(derived_s, 2),
            "bytes_a_row": _bytes(store, "llm_calls_log", size),
            "rollup_bytes_a_call": {
                str(table): round(int(str(held)) / size, 1)
                for table, held in store.query(
                    """SELECT table, sum(bytes_on_disk) FROM system.parts
                    WHERE active AND database = currentDatabase() AND table LIKE '%_log' AND table != 'llm_calls_log'
                    GROUP BY table HAVING sum(bytes_on_disk) > 1000000"""
                )
            },
            "otel_traces_bytes_a_row": round(int(str(store.query(_ON_DISK).rows[0][0])) / size, 1),
            "questions": _asked(store, now_s // 86_400 * 86_400),
        }


def _fill(store: Store, sql: str, size: int, tenant: str, times: dict[str, int]) -> float:
    """Insert in batches and return the seconds that it took."""
    text = sql.replace("{made}", _MADE).replace("{tenant:String}", tenant)
    began = time.perf_counter()
    for first in range(0, size, BATCH):
        store._engine.change(text, {**times, "first": first, "rows": min(BATCH, size - first)})
    return time.perf_counter() - began


def _bytes(store: Store, table: str, size: int) -> dict[str, float]:
    """Return the compressed bytes a row of each column, the largest first, and of the indexes."""
    sql = """
        SELECT column, sum(column_data_compressed_bytes) FROM system.parts_columns
        WHERE active AND database = currentDatabase() AND table = {table:String} GROUP BY column
        UNION ALL
        SELECT 'indexes', sum(secondary_indices_compressed_bytes + primary_key_size) FROM system.parts
        WHERE active AND database = currentDatabase() AND table = {table:String}
    """
    found = {str(name): round(int(str(held)) / size, 2) for name, held in store.query(sql, {"table": table})}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _asked(store: Store, today: int) -> dict[str, Any]:
    found = {}
    for question, (ours, stock) in QUESTIONS.items():
        answers, times = [], []
        for sql in (ours, stock):
            took = []
            for _ in range(RUNS):
                began = time.perf_counter()
                answer = store.query(sql, {"today": today}).rows
                took.append((time.perf_counter() - began) * 1000)
            answers.append(answer)
            times.append(sorted(took[1:]))
        assert answers[0] == answers[1], question
        medians = [statistics.median(each) for each in times]
        found[question] = {
            "p50_ms": round(medians[0], 1),
            "p95_ms": round(times[0][-1], 1),
            "stock_p50_ms": round(medians[1], 1),
            "times": round(medians[1] / medians[0], 1),
        }
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Return what was found as tables."""
    out = []
    for name in ("with tenants", "without tenants"):
        told = found[name]
        total = sum(told["bytes_a_row"].values())
        largest = ", ".join(f"{column} {held}" for column, held in list(told["bytes_a_row"].items())[:8])
        out += [
            "",
            f"Store: {found['calls']:,} calls over {DAYS} days, {name}",
            f"{told['rows_a_second']:,} calls/s inserted; all rollups of {DAYS} days derived in {told['derived_s']} s",
            f"{total:.1f} bytes a call ({largest}); otel_traces {told['otel_traces_bytes_a_row']:.1f}",
            f"rollups, bytes a call: {told['rollup_bytes_a_call']}",
            "",
            "| question | p50 | p95 | otel_traces | times |",
            "|---|---|---|---|---|",
        ]
        out += [
            f"| {question} | {each['p50_ms']} ms | {each['p95_ms']} ms | {each['stock_p50_ms']} ms | {each['times']} |"
            for question, each in told["questions"].items()
        ]
    return out
