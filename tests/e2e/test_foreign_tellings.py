"""What others tell, from the wire into the ledger: spans and log records in a spool, over several drains."""

from __future__ import annotations

import random
import time
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.drain import drain
from otel_llmcost.pricing import Pricer
from otel_llmcost.pricing.table import load_rate_table
from otel_llmcost.spool import Frame, SegmentWriter
from otel_llmcost.store import connect
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage, UsageQuality
from tests.unit.dialects.test_coding_agents import CLAUDE_CODE, logs

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.spool import Signal

START_NS = time.time_ns() - 3_600_000_000_000
COUNTED = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.response.model": "claude-sonnet-4-5", "gen_ai.response.id": "msg_1", "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}  # fmt: skip
BY_OPENINFERENCE = {
    "openinference.span.kind": "LLM", "llm.provider": "anthropic", "llm.model_name": "claude-sonnet-4-5",
    "llm.token_count.prompt": 1000, "llm.token_count.completion": 100,
}  # fmt: skip
COST = "0.004500000000"
"""Claude Sonnet 4.5: 1,000 tokens at 3 USD a million, 100 at 15."""


def span(scope: str, number: int, said: dict[str, Any], parent: int = 0) -> bytes:
    place = LLMCall(
        trace_id="a" * 32,
        span_id=f"{number:016x}",
        parent_span_id=f"{parent:016x}" if parent else "",
        started_at_ns=START_NS + number,
        duration_ns=1_000 - 2 * number,
        provider="",
        scope_name=scope,
    )
    return encoded([(place, said)], {})


OURS = to_attributes(LLMCall(
    trace_id="", span_id="", started_at_ns=0, provider="anthropic", request_model="claude-sonnet-4-5",
    response_model="claude-sonnet-4-5", response_id="msg_1", usage=Usage(input_tokens=1000, output_tokens=100),
    usage_quality=UsageQuality.REPORTED,
))  # fmt: skip
TELLINGS = {
    "ours": span("otel_llmcost.anthropic", 3, OURS, parent=2),
    "the SDK's": span("com.anthropic.sdk.python", 4, COUNTED, parent=3),
    "OpenTelemetry's": span("opentelemetry.instrumentation.genai.anthropic", 2, COUNTED, parent=1),
    "OpenInference's": span("openinference.instrumentation.anthropic", 1, BY_OPENINFERENCE),
}


def put(spool_dir: Path, payload: bytes, signal: Signal = "traces") -> None:
    writer = SegmentWriter(spool_dir)
    writer.append(Frame(time.time_ns(), payload, signal))
    writer.seal()


FIRST, *MORE = random.Random(3).sample(list(permutations(TELLINGS)), 4)


@pytest.mark.parametrize("order", [FIRST, *(pytest.param(each, marks=pytest.mark.long) for each in MORE)], ids=" ".join)
def test_each_telling_in_a_drain_of_its_own_and_one_call_in_the_ledger(tmp_path: Path, order: tuple[str, ...]) -> None:
    """Each drain is a process of its own that opens the store anew: nothing but the store remembers."""
    pricer = Pricer(load_rate_table())
    for name in order:
        put(tmp_path / "spool", TELLINGS[name])
        with connect(f"chdb://{tmp_path}/store") as store:
            store.migrate()
            drain(tmp_path / "spool", store, pricer)
            store.derive()
            (billed,) = store.query("SELECT toString(sum(list_cost)), sum(calls) FROM spend_hourly")
            assert billed == (COST.rstrip("0"), 1)
    with connect(f"chdb://{tmp_path}/store") as store:
        assert store.query("SELECT scope_name FROM llm_calls").rows == (("otel_llmcost.anthropic",),)
        assert store.query("SELECT count() FROM llm_tellings").rows == ((4,),)


def test_the_log_record_of_a_coding_agent_is_a_call_with_a_price(tmp_path: Path) -> None:
    said = CLAUDE_CODE | {"model": "claude-sonnet-4-5"}
    put(tmp_path / "spool", logs(said, said, service="claude-code", at_ns=START_NS), "logs")
    with connect(f"chdb://{tmp_path}/store") as store:
        store.migrate()
        drain(tmp_path / "spool", store, Pricer(load_rate_table()))
        ((*who, cost),) = store.query(
            "SELECT dialect, input_semantics, session_id, input_tokens, toString(list_cost) FROM llm_calls"
        )
    # 10 tokens at 3, 2,000 from cache at 0.30, 300 to cache at 3.75 and 90 generated at 15 USD a million.
    assert who == ["claude-code", "exclusive:scope", "s-1", 2310]
    assert cost == "0.003105"
