"""`llmcost.yaml` changes what is paid in the store, and never the list price."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.config.pricer import load_pricer
from otel_llmcost.drain import drain
from otel_llmcost.spool import Frame, SegmentWriter
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.store import Store

OWN = """\
rates:
  discounts: [{provider: openai, percent: 12.5}]
  models: [{provider: vllm, model: llama, usd_per_mtok: {input: 0.3}}]
  hosts: {llm.corp.internal: vllm}
  subscriptions: [{name: seats, provider: anthropic}]
"""


def spool(directory: Path, *calls: LLMCall) -> None:
    writer = SegmentWriter(directory)
    writer.append(Frame(time.time_ns(), encoded([(call, to_attributes(call)) for call in calls], {})))
    writer.seal()


def call(number: int, model: str, provider: str = "openai", host: str = "") -> LLMCall:
    return LLMCall(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        started_at_ns=time.time_ns() - 10**9,
        provider=provider,
        provider_source="sdk",
        request_model=model,
        server_address=host,
        usage=Usage(input_tokens=1_000),
        scope_name="otel_llmcost.openai",
        scope_version="0",
    )


def test_what_the_file_says_is_what_the_store_holds(store: Store, tmp_path: Path) -> None:
    (tmp_path / "llmcost.yaml").write_text(OWN)
    pricer = load_pricer({"LLMCOST_CONFIG": str(tmp_path / "llmcost.yaml")}, tmp_path)
    assert pricer.overlay is not None
    spool(
        tmp_path / "spool",
        call(1, "gpt-5"),
        call(2, "llama", host="llm.corp.internal"),
        call(3, "claude-haiku-4-5", "anthropic"),
        call(4, "nobody-knows"),
    )
    assert drain(tmp_path / "spool", store, pricer).calls == 4
    rows = store.query(
        "SELECT provider, provider_source, toString(list_cost), toString(effective_cost), price_status "
        "FROM llm_calls ORDER BY trace_id"
    )
    assert list(rows) == [
        ("openai", "sdk", "0.00125", "0.00109375", "priced"),  # 1.25 USD a million, an eighth off
        ("vllm", "config", "0.0003", "0.0003", "priced"),
        ("anthropic", "sdk", "0.001", "0", "included"),
        ("openai", "sdk", None, None, "unpriced_model"),
    ]
    assert list(store.query("SELECT DISTINCT overlay_version FROM llm_calls")) == [(pricer.overlay.version,)]
