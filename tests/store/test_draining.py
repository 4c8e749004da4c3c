"""A spool is drained: what is wrong with one call, or with the store, costs no other call."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.drain import drain, keep_refused
from otel_llmcost.errors import SpoolError, StoreRefusedError
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.spool import Frame, SegmentWriter
from otel_llmcost.store import PricedCall, Refused, Store, connect
from otel_llmcost.telemetry.otlp import encoded
from otel_llmcost.usage import Usage
from tests.store.ledger import a_call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PRICER = Pricer(load_rate_table())


def spooled(directory: Path, numbers: Iterable[int], model: str) -> Path:
    calls = [
        LLMCall(
            trace_id=f"{number:032x}",
            span_id=f"{number:016x}",
            started_at_ns=time.time_ns() - 10**9,
            provider="openai",
            request_model=model,
            usage=Usage(input_tokens=1_000),
            scope_name="otel_llmcost.openai",
        )
        for number in numbers
    ]
    writer = SegmentWriter(directory)
    writer.append(Frame(time.time_ns(), encoded([(call, to_attributes(call)) for call in calls], {})))
    path = writer.seal()
    assert path is not None
    return path


def test_a_store_that_takes_nothing_gets_no_segment_rejected(dsn: str, tmp_path: Path) -> None:
    paths = [spooled(tmp_path, [number], "gpt-5") for number in (1, 2)]
    with connect(dsn) as store:
        with pytest.raises(StoreRefusedError, match="run `llmcost migrate`"):
            drain(tmp_path, store, PRICER)
        assert all(path.exists() for path in paths)
        store.migrate()
        assert drain(tmp_path, store, PRICER).calls == 2


def test_a_segment_of_refused_rows_is_set_aside_only_where_others_are_taken(store: Store, tmp_path: Path) -> None:
    store._engine.command("ALTER TABLE llm_calls_log ADD CONSTRAINT no_evil CHECK request_model != 'evil'")
    evil = spooled(tmp_path, range(1, 101), "evil")
    (said,) = drain(tmp_path, store, PRICER).faults
    assert "it waits" in said
    assert evil.exists()
    spooled(tmp_path, [1001], "gpt-5")
    done = drain(tmp_path, store, PRICER)
    assert done.calls == 1
    assert "refuses every row" in done.faults[0]
    assert (tmp_path / "corrupt" / evil.name).exists()


def test_a_call_on_which_pricing_fails_is_named_and_the_others_are_written(store: Store, tmp_path: Path) -> None:
    class Failing(Pricer):
        def located(self, call: LLMCall) -> LLMCall:
            if call.request_model == "evil":
                msg = "by a rate"
                raise ZeroDivisionError(msg)
            return super().located(call)

    evil = spooled(tmp_path, [1], "evil")
    spooled(tmp_path, [2, 3], "gpt-5")
    done = drain(tmp_path, store, Failing(load_rate_table()))
    assert done.calls == 2
    assert "1 × calls cannot be priced (ZeroDivisionError: by a rate)" in done.faults[0]
    assert (tmp_path / "corrupt" / evil.name).exists()


def test_refused_calls_that_cannot_be_kept_are_a_fault_of_the_spool(tmp_path: Path) -> None:
    (tmp_path / "refused.jsonl").mkdir()
    row: PricedCall = a_call()
    with pytest.raises(SpoolError, match="cannot keep what the store refused"):
        keep_refused([Refused(row, "engine", "x")], tmp_path)
