"""What other places have recorded comes in once, with the numbers that stand there."""

from __future__ import annotations

import csv
import datetime as dt
import json
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost import semconv
from otel_llmcost.errors import ConfigError
from otel_llmcost.ledger.backfill import Progress, backfill, exports, otlp, span_id_of, trace_id_of
from otel_llmcost.pricing import Pricer
from tests.store.ledger import MIDNIGHT_NS, a_call
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_llmcost.ledger.backfill import Filled, Part
    from otel_llmcost.store import Store

PRICER = Pricer(
    table_of(
        model("openai", "gpt-5.2", card({"input": "2", "cache_read": "1", "output": "10"})),
        model("anthropic", "claude-x", card({"input": "3", "cache_read": "0.3", "output": "15"})),
    )
)
AT = dt.datetime.fromtimestamp(MIDNIGHT_NS // 10**9, dt.UTC)
TRACE, SPAN = "a" * 32, "b" * 16
ATTRIBUTES = {
    semconv.GEN_AI_OPERATION_NAME: "chat",
    semconv.GEN_AI_PROVIDER_NAME: "openai",
    semconv.GEN_AI_REQUEST_MODEL: "gpt-5.2",
    semconv.GEN_AI_RESPONSE_MODEL: "gpt-5.2",
    semconv.GEN_AI_RESPONSE_ID: "12345",
    semconv.USAGE_ATTRIBUTES["input_tokens"]: "1000",
    semconv.USAGE_ATTRIBUTES["output_tokens"]: "100",
    semconv.GEN_AI_RESPONSE_FINISH_REASONS: '["stop"]',
}
SCOPE = "opentelemetry.instrumentation.openai_v2"
STOCK_TABLE = """
    CREATE TABLE otel_traces
    (
        Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
        SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
        ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
        SpanAttributes Map(LowCardinality(String), String), Duration UInt64, StatusCode LowCardinality(String),
        StatusMessage String
    )
    ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
SPENT = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "hash",
    "spend": "0.00123456789012345",
    "prompt_tokens": "1000",
    "completion_tokens": "100",
    "startTime": AT.strftime("%Y-%m-%d %H:%M:%S.%f"),
    "endTime": (AT + dt.timedelta(milliseconds=1_500)).strftime("%Y-%m-%d %H:%M:%S.%f"),
    "model": "openai/gpt-5.2",
    "custom_llm_provider": "openai",
    "team_id": "growth",
    "end_user": "acme",
    "cache_hit": "False",
    "metadata": json.dumps({"usage_object": {"prompt_tokens_details": {"cached_tokens": 400}}}),
    "status": "success",
}
TOLD = "SELECT provider, response_model, input_tokens, cache_read_tokens, output_tokens, list_cost FROM llm_calls"


def fill(store: Store, parts: Callable[[int], Iterator[Part]], tmp_path: Path) -> Filled:
    return backfill(store, parts, PRICER, Progress(tmp_path / "progress", "test"))


def span(number: int, attributes: dict[str, str], *, hour: int = 0, **said: Any) -> dict[str, Any]:
    return {
        "Timestamp": AT + dt.timedelta(hours=hour),
        "TraceId": f"{number:032x}",
        "SpanId": f"{number:016x}",
        "SpanName": "chat",
        "ScopeName": SCOPE,
        "ResourceAttributes": {"service.name": "shop"},
        "SpanAttributes": attributes,
        "Duration": 5_000,
        "StatusCode": "Unset",
        **said,
    }


def otel_traces(store: Store, spans: list[dict[str, Any]]) -> None:
    store._engine.command(STOCK_TABLE)
    store._engine.insert("otel_traces", {name: [row[name] for row in spans] for name in spans[0]}, {})


def test_a_table_of_the_stock_exporter_is_read_with_its_numbers_which_it_keeps_as_text(
    store: Store, tmp_path: Path
) -> None:
    """1,000 tokens at 2 USD a million and 100 at 10: 0.002 + 0.001."""
    otel_traces(
        store,
        [
            span(1, ATTRIBUTES),
            span(2, {"http.request.method": "GET"}, ScopeName="opentelemetry.instrumentation.httpx"),
            span(3, ATTRIBUTES, hour=1, StatusCode="Error"),
        ],
    )
    filled = fill(store, partial(otlp.parts_of_table, store, "otel_traces"), tmp_path)
    assert (filled.calls, filled.refused, filled.faults) == (2, 0, [])
    assert store.query(f"{TOLD} WHERE trace_id = '{1:032x}'").rows == (
        ("openai", "gpt-5.2", 1_000, 0, 100, Decimal("0.003")),
    )
    sql = "SELECT response_id, finish_reason, service_name, duration_ns, error_type FROM llm_calls ORDER BY started_at"
    assert store.query(sql).rows == (
        ("12345", "stop", "shop", 5_000, ""),
        ("12345", "stop", "shop", 5_000, "error"),
    )


def test_a_backfill_that_was_cut_short_goes_on_and_writes_each_call_once(store: Store, tmp_path: Path) -> None:
    half_past = AT + dt.timedelta(minutes=30)
    times = {number: half_past + dt.timedelta(hours=number % 4) for number in range(1, 21)}
    otel_traces(store, [span(number, ATTRIBUTES, Timestamp=at) for number, at in times.items()])
    parts, read = partial(otlp.parts_of_table, store, "otel_traces"), list[int]()

    def until_cut(position: int) -> Iterator[Part]:
        for part in parts(position):
            read.append(len(part.calls))
            if len(read) == 3:
                raise KeyboardInterrupt
            yield part

    with pytest.raises(KeyboardInterrupt):
        fill(store, until_cut, tmp_path)
    assert fill(store, parts, tmp_path).calls == 10
    assert fill(store, parts, tmp_path).calls == 20
    assert store.query("SELECT count(), sum(list_cost) FROM llm_calls").rows == ((20, 20 * Decimal("0.003")),)


def test_another_table_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"touched_hours lacks Duration, .* not a table of the Collector's"):
        fill(store, partial(otlp.parts_of_table, store, "touched_hours"), tmp_path)
    with pytest.raises(ConfigError, match=r"there is no table nowhere\.otel_traces in \w+:/.*--source-dsn"):
        fill(store, partial(otlp.parts_of_table, store, "nowhere.otel_traces"), tmp_path)
    with pytest.raises(ConfigError, match="is no table"):
        fill(store, partial(otlp.parts_of_table, store, "t; DROP TABLE t"), tmp_path)


def test_a_file_of_otlp_json_is_read_line_by_line_and_a_broken_line_is_named(store: Store, tmp_path: Path) -> None:
    def attribute(key: str, text: str) -> dict[str, Any]:
        return {"key": key, "value": {"intValue": text} if text.isdigit() and "usage" in key else {"stringValue": text}}

    request = {
        "resourceSpans": [
            {
                "resource": {"attributes": [attribute("service.name", "shop")]},
                "scopeSpans": [
                    {
                        "scope": {"name": SCOPE},
                        "spans": [
                            {
                                "traceId": TRACE,
                                "spanId": SPAN,
                                "name": "chat",
                                "startTimeUnixNano": str(MIDNIGHT_NS + 7),
                                "endTimeUnixNano": str(MIDNIGHT_NS + 9),
                                "attributes": [attribute(key, text) for key, text in ATTRIBUTES.items()],
                            }
                        ],
                    }
                ],
            }
        ]
    }
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps(request) + "\n{broken\n\n")
    for _ in range(2):
        filled = fill(store, partial(otlp.parts_of_file, path), tmp_path)
        assert (filled.calls, len(filled.faults)) == (1, 1)
    sql = "SELECT trace_id, span_id, toUnixTimestamp64Nano(started_at), duration_ns, list_cost FROM llm_calls"
    assert store.query(sql).rows == ((TRACE, SPAN, MIDNIGHT_NS + 7, 2, Decimal("0.003")),)


def test_observations_of_langfuse_have_disjoint_counts(store: Store, tmp_path: Path) -> None:
    """100 plain at 3, 900 cached at 0.3 and 20 output at 15 USD a million: 0.0003 + 0.00027 + 0.0003."""
    generation = {
        "id": "obs-1",
        "traceId": "trace-1",
        "type": "GENERATION",
        "startTime": AT.isoformat().replace("+00:00", "Z"),
        "endTime": (AT + dt.timedelta(seconds=2)).isoformat(),
        "model": "claude-x",
        "usageDetails": {"input": 100, "input_cached_tokens": 900, "output": 20, "total": 1020},
        "environment": "production",
        "sessionId": "conv",
        "userId": "ann",
        "traceName": "support_chat",
    }
    path = tmp_path / "observations.json"
    path.write_text(json.dumps([generation, generation | {"id": "obs-2", "type": "SPAN"}, {"type": "GENERATION"}]))
    filled = fill(store, partial(exports.parts_of_export, path, exports.of_langfuse), tmp_path)
    assert (filled.calls, len(filled.faults)) == (1, 1)
    assert store.query(TOLD).rows == (("anthropic", "claude-x", 1_000, 900, 20, Decimal("0.00087")),)
    sql = "SELECT trace_id, span_id, feature, environment, session_id, user_id, duration_ns FROM llm_calls"
    ids = (trace_id_of("trace-1"), span_id_of("obs-1"))
    assert store.query(sql).rows == ((*ids, "support_chat", "production", "conv", "ann", 2_000_000_000),)


def test_a_broken_line_of_an_export_is_named_and_an_array_that_was_cut_short_is_refused(
    store: Store, tmp_path: Path
) -> None:
    path, cut = tmp_path / "observations.jsonl", tmp_path / "cut.json"
    path.write_bytes(b'{broken\n{"type": "SPAN", "name": "\xff"}\n[1]\n')
    cut.write_text('[{"type": "SPAN"},')
    filled = fill(store, partial(exports.parts_of_export, path, exports.of_langfuse), tmp_path)
    assert [fault.partition(":")[0] for fault in filled.faults] == [f"{path}, row 1", f"{path}, row 3"]
    with pytest.raises(ConfigError, match=r"cut\.json begins like a JSON array and is none"):
        fill(store, partial(exports.parts_of_export, cut, exports.of_langfuse), tmp_path)


def test_spend_logs_of_litellm_keep_what_it_said_that_it_spent(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "spend.csv"
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, list(SPENT))
        out.writeheader()
        out.writerows([SPENT, SPENT | {"request_id": "chatcmpl-2", "cache_hit": "True"}])
    filled = fill(store, partial(exports.parts_of_export, path, exports.of_litellm), tmp_path)
    assert (filled.calls, filled.faults) == (1, [])
    # 600 at 2, 400 cached at 1 and 100 output at 10 USD a million.
    assert store.query(TOLD).rows == (("openai", "gpt-5.2", 1_000, 400, 100, Decimal("0.0026")),)
    sql = "SELECT team, tenant, response_id, duration_ns, reported_cost FROM llm_calls"
    assert store.query(sql).rows == (("growth", "acme", "chatcmpl-1", 1_500_000_000, Decimal("0.001234567890")),)


@pytest.mark.parametrize("is_first", [True, False])
def test_what_litellm_logged_of_a_call_that_we_recorded_is_billed_once(
    store: Store, tmp_path: Path, *, is_first: bool
) -> None:
    ours = a_call(
        1,
        started_at_ns=MIDNIGHT_NS + 10**6,
        duration_ns=10**9,
        provider="openai",
        request_model="gpt-5.2",
        response_model="gpt-5.2",
        response_id="chatcmpl-1",
        cost=2_500_000_000,
    )
    path = tmp_path / "spend.jsonl"
    alike = SPENT | {"request_id": "chatcmpl-2"}  # at the same time with the same counts, and another call
    path.write_text("".join(json.dumps(row) + "\n" for row in (SPENT, alike)))
    if is_first:
        store.write([ours])
    fill(store, partial(exports.parts_of_export, path, exports.of_litellm), tmp_path)
    if not is_first:
        store.write([ours])
    told = store.query("SELECT response_id, dialect, list_cost FROM llm_calls ORDER BY response_id").rows
    assert told == (("chatcmpl-1", "", Decimal("0.0025")), ("chatcmpl-2", "litellm-log", Decimal("0.0026")))
