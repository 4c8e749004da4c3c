"""The questions of dashboards, each to the ledger and to the stock table: the same filter, the same answer."""

from __future__ import annotations

from typing import Final

from tests.bench.store_calls import CACHED, COST, INPUT, SAID

_TODAY: Final = "toDateTime({today:UInt32}, 'UTC')"
_WEEK: Final = f"{_TODAY} - INTERVAL 6 DAY"
_A: Final = "SpanAttributes['{}']"
_SPENT: Final = f"sum(toDecimal128({_A.format(COST)}, 12))"
_FEATURE, _TEAM, _TENANT, _SESSION = (_A.format(SAID[name]) for name in ("feature", "team", "tenant", "session_id"))

QUESTIONS: Final = {
    "today by feature": (
        f"""SELECT feature, sum(list_cost) AS c FROM spend_daily WHERE day >= toDate({_TODAY})
        GROUP BY feature ORDER BY c DESC, feature""",
        f"""SELECT {_FEATURE} AS feature, {_SPENT} AS c FROM otel_traces WHERE Timestamp >= {_TODAY}
        GROUP BY feature ORDER BY c DESC, feature""",
    ),
    "30 days by team": (
        """SELECT team, sum(list_cost) AS c FROM spend_daily GROUP BY team ORDER BY c DESC, team""",
        f"""SELECT {_TEAM} AS team, {_SPENT} AS c FROM otel_traces GROUP BY team ORDER BY c DESC, team""",
    ),
    "a tenant's top features, 30 days": (
        """SELECT feature, sum(list_cost) AS c FROM tenant_spend_daily WHERE tenant = {tenant:String}
        GROUP BY feature ORDER BY c DESC, feature LIMIT 10""",
        f"""SELECT {_FEATURE} AS feature, {_SPENT} AS c FROM otel_traces WHERE {_TENANT} = {{tenant:String}}
        GROUP BY feature ORDER BY c DESC, feature LIMIT 10""",
    ),
    "a feature's dearest calls, 7 days": (
        f"""SELECT trace_id, span_id, list_cost AS c FROM dearest_calls
        WHERE feature = 'feature_3' AND day >= toDate({_WEEK}) ORDER BY c DESC, started_at, span_id LIMIT 10""",
        f"""SELECT TraceId, SpanId, toDecimal64({_A.format(COST)}, 12) AS c FROM otel_traces
        WHERE {_FEATURE} = 'feature_3' AND Timestamp >= {_WEEK} ORDER BY c DESC, Timestamp, SpanId LIMIT 10""",
    ),
    "cache hit rate by feature, 30 days": (
        """SELECT feature, sum(cache_read_tokens), sum(input_tokens) FROM spend_daily
        GROUP BY feature ORDER BY feature""",
        f"""SELECT {_FEATURE} AS feature, sum(toInt64({_A.format(CACHED)})), sum(toInt64({_A.format(INPUT)}))
        FROM otel_traces GROUP BY feature ORDER BY feature""",
    ),
    "prompt growth of a feature, 30 days": (
        """SELECT day, sum(input_tokens), sum(measured_calls) FROM prompt_shape_daily
        WHERE feature = 'feature_3' GROUP BY day ORDER BY day""",
        f"""SELECT toDate(Timestamp, 'UTC') AS day, sum(toInt64({_A.format(INPUT)})), toInt64(count())
        FROM otel_traces WHERE {_FEATURE} = 'feature_3' GROUP BY day ORDER BY day""",
    ),
    "P50 and P95 cost a session, 7 days": (
        f"""SELECT quantilesExact(0.5, 0.95)(c) FROM (
        SELECT list_cost AS c FROM session_spend_hourly WHERE hour >= {_WEEK} AND is_whole
        UNION ALL
        SELECT sum(list_cost) AS c FROM session_spend_hourly WHERE hour >= {_WEEK} AND NOT is_whole
        GROUP BY session_hash)""",
        f"""SELECT quantilesExact(0.5, 0.95)(c) FROM (SELECT {_SESSION} AS session_id, {_SPENT} AS c
        FROM otel_traces WHERE Timestamp >= {_WEEK} GROUP BY session_id)""",
    ),
}
"""Each question to the ledger, and the same question to the stock table."""
