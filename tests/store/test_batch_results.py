"""Results of batches that lie in files come into the ledger once, and what cannot be told of them is named."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.ledger.backfill import Progress, backfill
from otel_llmcost.ledger.backfill.batches import parts_of_results
from otel_llmcost.pricing import Pricer
from otel_llmcost.providers.deferred import Job
from tests.store.ledger import HOUR_NS, MIDNIGHT_NS
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_llmcost.ledger.backfill import Filled, Part
    from otel_llmcost.store import Store

PRICER = Pricer(
    table_of(
        model(
            "aws.bedrock",
            "amazon.nova-x",
            card({"input": "2", "cache_read": "1", "output": "10"}),
            card({"input": "1", "cache_read": "0.5", "output": "5"}, tier="batch"),
        ),
        model("gcp.vertex_ai", "gemini-x", card({"input": "0.5", "output": "4"}, tier="batch")),
    )
)
NOVA = Job(name="abcdefghijkl", model="amazon.nova-x", created_at_ns=MIDNIGHT_NS)
AT_MIDNIGHT = dt.datetime.fromtimestamp(MIDNIGHT_NS // 10**9, dt.UTC)
TOLD = "SELECT count(), sum(list_cost), sum(input_tokens), countIf(error_type != '') FROM llm_calls"


def nova(number: int, **said: Any) -> dict[str, Any]:
    """Return a record of 600 tokens at 1, 400 cached at 0.5 and 100 of output at 5 USD a million: 0.0013."""
    usage = {"inputTokens": 600, "cacheReadInputTokens": 400, "outputTokens": 100, "totalTokens": 1_100}
    output = {"output": {"message": {"content": []}}, "stopReason": "end_turn", "usage": usage}
    return {"recordId": f"r{number}", "modelInput": {}, "modelOutput": output | said}


def failed(number: int) -> dict[str, Any]:
    return {"recordId": f"r{number}", "modelInput": {}, "error": {"errorCode": 400, "errorMessage": "bad request"}}


def written(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def blank(provider: str = "aws.bedrock", **said: Any) -> LLMCall:
    return LLMCall(trace_id="", span_id="", started_at_ns=0, provider=provider, **said)


def fill(store: Store, path: Path, job: Job = NOVA, call: LLMCall | None = None, **said: Any) -> Filled:
    parts = partial(parts_of_results, store, path, call or blank(), job, **said)
    return backfill(store, parts, PRICER, Progress(path.parent / "progress", "test"))


def test_a_job_of_bedrock_is_billed_at_batch_rates_once(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl.out", nova(1), nova(2), failed(3))
    for _ in range(2):
        filled = fill(store, path)
        assert (filled.calls, filled.refused, filled.faults) == (3, 0, [])
    assert store.query(TOLD).rows == ((3, Decimal("0.0026"), 2_000, 1),)
    sql = "SELECT DISTINCT is_batch, workload, request_model, toUnixTimestamp64Nano(started_at) FROM llm_calls"
    assert store.query(sql).rows == ((True, "batch", "amazon.nova-x", MIDNIGHT_NS),)


def test_a_line_of_vertex_ai_has_a_time_and_a_model_of_its_own(store: Store, tmp_path: Path) -> None:
    """300 tokens at 0.5 and 20 of output, 15 of them thought, at 4 USD a million: 0.00015 + 0.00008."""
    usage = {"promptTokenCount": 300, "candidatesTokenCount": 5, "thoughtsTokenCount": 15}
    response = {"candidates": [], "modelVersion": "gemini-x", "responseId": "abc", "usageMetadata": usage}
    line = {"status": "", "processed_time": AT_MIDNIGHT.isoformat(), "request": {}, "response": response}
    path = written(tmp_path / "predictions.jsonl", line)
    assert fill(store, path, Job(), blank("gcp.vertex_ai")).faults == []
    sql = "SELECT response_model, reasoning_tokens, list_cost, toUnixTimestamp64Nano(started_at) FROM llm_calls"
    assert store.query(sql).rows == (("gemini-x", 15, Decimal("0.00023"), MIDNIGHT_NS),)


def test_a_run_that_was_cut_short_goes_on_and_writes_each_result_once(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl.out", *map(nova, range(20)))
    parts = partial(parts_of_results, store, path, blank(), NOVA, lines=4)
    progress, read = Progress(tmp_path / "progress", "test"), list[int]()

    def until_cut(position: int) -> Iterator[Part]:
        for part in parts(position):
            read.append(len(part.calls))
            if len(read) == 3:
                raise KeyboardInterrupt
            yield part

    with pytest.raises(KeyboardInterrupt):
        backfill(store, until_cut, PRICER, progress)
    assert store.query(TOLD).rows == ((8, 8 * Decimal("0.0013"), 8_000, 0),)
    assert backfill(store, parts, PRICER, progress).calls == 12
    assert backfill(store, parts, PRICER, progress).calls == 20
    assert store.query(TOLD).rows == ((20, 20 * Decimal("0.0013"), 20_000, 0),)


def test_what_cannot_be_read_is_named_by_its_line_and_keeps_nothing_else_out(store: Store, tmp_path: Path) -> None:
    unbelievable = nova(5, usage={"inputTokens": -1, "outputTokens": 1})
    cut_off = json.dumps(nova(6))[:-20]
    path = written(tmp_path / "in.jsonl.out", nova(1), "{broken", "", "[1]", {"a": 1}, unbelievable, nova(2), cut_off)
    filled = fill(store, path)
    assert filled.calls == 3  # the one whose counts cannot be believed is a call all the same
    assert store.query(TOLD).rows == ((3, Decimal("0.0026"), 2_000, 0),)
    named = [fault.removeprefix(f"{path}, line ").partition(":")[::2] for fault in filled.faults]
    assert [number for number, _ in named] == ["2", "4", "5", "6", "8"]
    assert [text for _, text in named][1:4] == [
        " no result of a batch of aws.bedrock",
        " no result of a batch of aws.bedrock",
        " inputTokens is -1, not a count",
    ]


def test_what_no_line_says_has_to_be_said_and_nothing_is_guessed(store: Store, tmp_path: Path) -> None:
    """The first telling of a call holds, so a wrong one could not be mended."""
    path = written(tmp_path / "in.jsonl.out", nova(1), failed(2))
    filled = fill(store, path, Job())
    assert filled.calls == 0
    assert filled.faults == [
        f"{path}, line 1: it does not say what --model, --job, --at would",
        f"{path}, line 2: it does not say what --job, --at would",
    ]
    assert fill(store, path).calls == 2


def test_a_job_of_bedrock_is_named_by_the_directory_that_it_wrote_to(store: Store, tmp_path: Path) -> None:
    """However it is named, by the directory, by its id or by its ARN, which says the region too, it is the same one."""
    path = written(tmp_path / "abcdefghijkl" / "in.jsonl.out", nova(1))
    arn = "arn:aws:bedrock:us-west-2:123456789012:model-invocation-job/abcdefghijkl"
    for name in (arn, "abcdefghijkl", ""):
        assert fill(store, path, Job(name=name, model="amazon.nova-x", created_at_ns=MIDNIGHT_NS)).calls == 1
    sql = "SELECT response_id, region FROM llm_calls"
    assert store.query(sql).rows == (("abcdefghijkl/in.jsonl.out/r1", "us-west-2"),)


def test_records_of_the_same_name_in_two_files_or_jobs_are_two_calls(store: Store, tmp_path: Path) -> None:
    one, other = (written(tmp_path / name, nova(1)) for name in ("one.jsonl.out", "two.jsonl.out"))
    fill(store, one)
    fill(store, other)
    fill(store, one, Job(name="mnopqrstuvwx", model="amazon.nova-x", created_at_ns=MIDNIGHT_NS))
    assert store.query(TOLD).rows == ((3, Decimal("0.0039"), 3_000, 0),)


def test_a_result_that_is_in_the_ledger_keeps_its_hour_whatever_time_is_said(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl.out", nova(1))
    for job in (NOVA, Job(name=NOVA.name, model=NOVA.model, created_at_ns=MIDNIGHT_NS - 30 * HOUR_NS)):
        assert fill(store, path, job).calls == 1
    assert fill(store, path, Job(name=NOVA.name, model=NOVA.model)).faults == []
    assert store.query(TOLD).rows == ((1, Decimal("0.0013"), 1_000, 0),)


def test_calls_that_have_no_payer_get_the_one_that_was_said(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl.out", nova(1))
    call = blank(attribution=Attribution(team="growth"), region="us-east-1")
    parts = partial(parts_of_results, store, path, call, NOVA)
    payer = Attribution(feature="nightly", team="search", environment="staging")
    backfill(store, parts, PRICER, Progress(tmp_path / "progress", "test"), payer=payer)
    sql = "SELECT feature, feature_source, team, environment, workload, region FROM llm_calls"
    assert store.query(sql).rows == (("nightly", "default", "growth", "staging", "batch", "us-east-1"),)
