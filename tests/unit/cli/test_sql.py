from __future__ import annotations

import pytest

from otel_llmcost.cli.sql import QUERIES, readable
from otel_llmcost.errors import ConfigError


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "  select 1 ;",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "WITH 1 AS a SELECT a",
        "-- why\nSELECT 1",
        "/* why */ SELECT 1",
        "SHOW TABLES",
        "DESCRIBE llm_calls",
        "DESC llm_calls",
        "EXISTS TABLE llm_calls",
        "EXPLAIN SELECT 1",
    ],
)
def test_a_query_is_taken(query: str) -> None:
    text, form = readable(query, "JSON")
    assert text == query.strip().rstrip(";").rstrip()
    assert form == "JSON"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("INSERT INTO llm_calls_log SELECT 1", "INSERT is not allowed"),
        ("drop table llm_calls_log", "DROP is not allowed"),
        ("-- SELECT\nTRUNCATE TABLE llm_calls_log", "TRUNCATE is not allowed"),
        ("SELECTED 1", "SELECTED is not allowed"),
        ("SET readonly = 0", "SET is not allowed"),
        ("", "there is no query"),
        ("-- only a comment", "there is no query"),
        ("1", "there is no query"),
    ],
)
def test_anything_else_is_refused_by_name(query: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        readable(query, "JSON")
    assert all(name in str(caught.value) for name in QUERIES)


@pytest.mark.parametrize(
    ("query", "given", "text", "form"),
    [
        ("SELECT 1 FORMAT CSV", "JSON", "SELECT 1", "CSV"),
        ("SELECT 1\nformat JSONEachRow;", "JSON", "SELECT 1", "JSONEachRow"),
        ("SELECT format", "JSON", "SELECT format", "JSON"),
        ("SELECT 1", "table", "SELECT 1", "PrettyCompact"),
        ("SELECT 1", "json", "SELECT 1", "JSON"),
        ("SELECT 1", "csv", "SELECT 1", "CSVWithNames"),
        ("SELECT 1", "Parquet", "SELECT 1", "Parquet"),
    ],
)
def test_the_format_is_the_querys_own_or_the_one_that_was_given(query: str, given: str, text: str, form: str) -> None:
    assert readable(query, given) == (text, form)
