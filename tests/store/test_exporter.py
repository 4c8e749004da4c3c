"""The exporter writes what a process holds as spans, and nothing in an application that spools its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_llmcost
from otel_llmcost.exporter import LLMCostExporter
from tests.instrument import wire
from tests.support.replay import ReplayServer, json_answer

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.store import Store


@pytest.fixture
def spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Return the spans of one real call, and one that is none."""
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path / "data"))
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    otel_llmcost.instrument(provider)
    with ReplayServer() as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="test") as client:
        server.answer_with(json_answer(wire.chat()))
        with otel_llmcost.feature("search"):
            client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "Hello"}])
    provider.get_tracer("somebody").start_span("else").end()
    otel_llmcost.uninstrument()
    return memory


def test_exported_spans_become_priced_rows_once(spans: InMemorySpanExporter, store: Store) -> None:
    exporter = LLMCostExporter(store)
    for _ in range(2):
        assert exporter.export(spans.get_finished_spans()) is SpanExportResult.SUCCESS
    (row,) = store.query("SELECT feature, input_tokens, toString(list_cost) FROM llm_calls")
    # gpt-5: 176 uncached at 1.25, 1,024 cached at 0.125, 340 generated at 10 USD a million.
    assert row == ("search", 1200, "0.003748")


def test_in_an_application_that_spools_its_calls_the_exporter_is_inert(
    spans: InMemorySpanExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LLMCOST_DSN", "clickhouse://nobody:there@127.0.0.1:9/none")
    otel_llmcost.instrument(TracerProvider())
    assert LLMCostExporter().export(spans.get_finished_spans()) is SpanExportResult.SUCCESS
    otel_llmcost.uninstrument()
    assert LLMCostExporter().export(spans.get_finished_spans()) is SpanExportResult.FAILURE
