"""The plugin's macros, letter by letter as grafana-clickhouse-datasource 4.20.0 writes them."""

from __future__ import annotations

import pytest

from otel_llmcost.reports.grafana import ALL, Range, UnknownMacroError, expand

AT = Range(
    since_ms=1_763_424_000_250,  # 2025-11-18T00:00:00.250Z
    until_ms=1_763_510_400_500,  # 2025-11-19T00:00:00.500Z
    step_s=60,
    variables={"feature": ("search", "o'neill"), "team": ALL, "site": ("a:b",)},
)


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("$__timeFilter(c.at)", "c.at >= toDateTime(1763424000) AND c.at <= toDateTime(1763510400)"),
        (
            "$__timeFilter_ms(at)",
            "at >= fromUnixTimestamp64Milli(1763424000250) AND at <= fromUnixTimestamp64Milli(1763510400500)",
        ),
        ("$__dateFilter(day)", "day >= toDate('2025-11-18') AND day <= toDate('2025-11-19')"),
        ("$__fromTime", "toDateTime(1763424000)"),
        ("toDate($__toTime, 'UTC') - 1", "toDate(toDateTime(1763510400), 'UTC') - 1"),
        ("$__fromTime_ms", "fromUnixTimestamp64Milli(1763424000250)"),
        ("$__timeInterval(c.at)", "toStartOfInterval(toDateTime(c.at), INTERVAL 60 second)"),
        ("$__timeInterval_ms(at)", "toStartOfInterval(toDateTime64(at, 3), INTERVAL 60000 millisecond)"),
        ("$__interval_s", "60"),
        ("$__timeInterval(f(a, (b)))", "toStartOfInterval(toDateTime(f(a, (b))), INTERVAL 60 second)"),
        ("x IN (${feature:singlequote})", "x IN ('search','o\\'neill')"),
        ("'__all__' IN (${team:singlequote})", "'__all__' IN ('__all__')"),
        ("${site:raw}", "a:b"),
        ("cost > 1", "cost > 1"),
    ],
)
def test_sql_is_sent_as_the_plugin_sends_it(sql: str, sent: str) -> None:
    assert expand(sql, AT) == sent


@pytest.mark.parametrize("sql", ["$__conditionalAll(a, $b)", "$__timeFilter(a", "${nobody:singlequote}", "${team2}"])
def test_what_nobody_knows_is_refused(sql: str) -> None:
    with pytest.raises(UnknownMacroError):
        expand(sql, AT)
