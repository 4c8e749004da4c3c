"""Calls that are read, priced and written by column are the same rows as those that are written one by one."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost import drain
from otel_llmcost.attribution import Attribution
from otel_llmcost.call import ids_of_answer
from otel_llmcost.drain import Read
from otel_llmcost.pricing import Pricer, load_rate_table
from otel_llmcost.spool import Frame
from otel_llmcost.store.calls import PricedCalls, summary_of
from tests.bench.collector import requests
from tests.collector.telling import a_call, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.store import PricedCall, Store

PRICER = Pricer(load_rate_table())
HOUR_NS = 3_600_000_000_000
DAY_NS = 86_400_000_000_000
EVERYTHING = "SELECT * FROM llm_calls ORDER BY trace_id, span_id"


def priced(bodies: Sequence[bytes], edges: Sequence[int] | None = ()) -> Sequence[PricedCall]:
    """By column, or where `edges` is None row by row."""
    received_ns = 1_795_000_000_000_000_000
    return Read(Path("x"), [Frame(received_ns + n, body) for n, body in enumerate(bodies)]).priced(PRICER, edges=edges)


@pytest.fixture(autouse=True)
def _in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "IN_BULK_BYTES", 0)


def by_column(bodies: Sequence[bytes]) -> PricedCalls:
    calls = priced(bodies)
    assert isinstance(calls, PricedCalls)
    assert calls.batches
    assert not calls.singles
    return calls


def test_the_rows_are_the_same_to_the_last_column(store: Store) -> None:
    bodies = requests(random.Random(3), 4_100, llm_share=1.0)
    assert store.write(by_column(bodies)) == 4_100
    told = store.query(EVERYTHING)
    store._engine.command("TRUNCATE TABLE llm_calls_log")
    assert store.write(list(priced(bodies, None))) == 4_100
    assert len(told) == 4_100
    assert told == store.query(EVERYTHING)


def test_batches_of_which_each_says_something_else_are_one_insert(store: Store) -> None:
    """In none of them everything is told that is told in another one, and the same words have other numbers."""
    several = [
        calls(4, attribution=Attribution(feature="a", session_id="s"), time_to_first_token_ns=7),
        calls(4, attribution=Attribution(feature="b", tenant="t", tags=(("plan", "gold"),)), is_stream=True),
        calls(4, attribution=Attribution(), request_model="nobodys", response_model="nobodys", max_output_tokens=5),
    ]
    parts = [by_column([request_of(each)]) for each in several]
    assert store.write(PricedCalls.joined(parts)) == 12
    parts_in_store = "SELECT uniqExact(_part) FROM llm_calls_log WHERE NOT ignore(trace_id)"
    assert store.query(parts_in_store).rows == ((1,),)
    told = store.query(EVERYTHING)
    store._engine.command("TRUNCATE TABLE llm_calls_log")
    assert store.write([row for part in parts for row in part]) == 12
    assert told == store.query(EVERYTHING)
    assert [row.call.trace_id for row in PricedCalls.joined(parts)[-1:]] == [several[-1][-1].trace_id]
    assert PricedCalls.joined(parts)[-12].call.trace_id == several[0][0].trace_id


def test_a_batch_reads_as_its_rows() -> None:
    bodies = requests(random.Random(4), 60, llm_share=1.0)
    key: Callable[[PricedCall], str] = lambda row: row.call.trace_id
    calls = by_column(bodies)
    singly = priced(bodies, None)
    unlined = [row.pricing._replace(lines=()) for row in sorted(singly, key=key)]
    assert [row.call for row in sorted(calls, key=key)] == [row.call for row in sorted(singly, key=key)]
    assert [row.pricing for row in sorted(calls, key=key)] == unlined
    assert [calls[place] for place in range(60)] == list(calls) == calls[:]
    assert len(calls) == 60
    with pytest.raises(IndexError):
        _ = calls[60]


def test_what_is_counted_of_calls_is_the_same() -> None:
    bodies = requests(random.Random(5), 100, llm_share=1.0)
    by_rows = summary_of(PricedCalls([], priced(bodies, None)))
    counted = summary_of(by_column(bodies))
    assert counted._replace(keys=[]) == by_rows._replace(keys=[])
    assert sorted(counted.keys) == sorted(by_rows.keys)
    assert (counted.unattributed, counted.oldest_ns) == (50, 1_795_000_000_000_000_000)


def results(provider: str, *answers: str, **said: Any) -> list[LLMCall]:
    """Return results of a batch, whose ids follow from those of the answers."""
    told = []
    for call, answer in zip(calls(len(answers), provider=provider, is_batch=True, **said), answers, strict=True):
        trace_id, span_id = ids_of_answer(provider, answer)
        told.append(replace(call, trace_id=trace_id, span_id=span_id, response_id=answer))
    return told


def later(told: Sequence[LLMCall], hours: int) -> list[LLMCall]:
    return [replace(call, started_at_ns=call.started_at_ns + hours * HOUR_NS) for call in told]


@pytest.mark.parametrize("edges", [(), None], ids=["columns", "rows"])
def test_a_result_of_a_batch_keeps_the_time_at_which_it_was_told_first(
    store: Store, edges: Sequence[int] | None
) -> None:
    """Anthropic's do not say when they were made: whoever reads them knows the job, was told, or takes the moment."""

    def form(bodies: Sequence[bytes]) -> Sequence[PricedCall]:
        return priced(bodies, edges)

    told = results("anthropic", "msg_a", "msg_b", "msg_c")
    alone = replace(calls(1, provider="anthropic")[0], is_batch=True)  # in a trace of its own, whoever asked there
    assert store.write(form([request_of([*told, alone])])) == 4
    keys = "SELECT trace_id, toUnixTimestamp64Nano(started_at) FROM llm_calls ORDER BY ALL"
    there = store.query(keys).rows
    assert store.write(form([request_of(told)])) == 3  # the same call, to which nothing is added
    for hours in (-5, 3):
        assert store.write(form([request_of(later([*told, alone], hours))])) == 1
    assert store.write(form([request_of(results("openai", "msg_a"))])) == 1
    both = [*results("anthropic", "msg_d"), *later(results("anthropic", "msg_d"), 2)]
    assert store.write(form([request_of(both)])) == 1
    rows = store.query(keys).rows
    assert len(rows) == len(there) + 2 + 1 + 1
    assert set(there) < set(rows)


def calls(count: int, **said: Any) -> list[LLMCall]:
    return [a_call(**said) for _ in range(count)]


def test_only_the_rows_that_a_store_refuses_are_set_aside(store: Store) -> None:
    store._engine.command("ALTER TABLE llm_calls_log ADD CONSTRAINT no_evil CHECK response_model != 'gpt-4o-mini'")
    evil, good = calls(3, response_model="gpt-4o-mini"), calls(200)
    assert store.write(by_column([request_of(good), request_of(evil)])) == 200
    assert store.refused == {"engine": 3}
    assert store.query("SELECT count() FROM llm_calls").rows == ((200,),)


def test_clocks_that_are_off_are_refused_call_by_call(store: Store) -> None:
    now_ns = time.time_ns()
    old, ahead = (calls(3, started_at_ns=now_ns + days * DAY_NS) for days in (-500, 3))
    assert store.write(by_column([request_of([*old, *calls(10), *ahead])])) == 10
    assert store.refused == {"beyond_retention": 3, "clock_ahead": 3}


def test_what_others_tell_of_our_calls_is_marked_before_anybody_can_read_it(store: Store) -> None:
    """Spans of OpenLLMetry right below ours, in the same batch and in another one."""
    ours = calls(8)
    theirs = requests_below(ours)
    store.write(by_column([request_of(ours[:4]), requests_below(ours[:4])]))
    assert store.query("SELECT count(), any(dialect) FROM llm_calls").rows == ((4, ""),)
    store.write(by_column([theirs]))
    store.write(by_column([request_of(ours[4:])]))
    assert {row[0] for row in store.query("SELECT span_id FROM llm_calls")} == {call.span_id for call in ours}
    assert store.query("SELECT count() FROM llm_tellings").rows == ((16,),)


def test_what_langsmith_tells_of_our_calls_in_another_trace_is_marked_too(store: Store) -> None:
    ours = [replace(call, response_id=f"chatcmpl-{number}") for number, call in enumerate(calls(8))]
    store.write(by_column([request_of(ours[:4]), requests_below(ours[:4], "langsmith")]))
    assert store.query("SELECT count(), any(dialect) FROM llm_calls").rows == ((4, ""),)
    store.write(by_column([requests_below(ours, "langsmith")]))
    store.write(by_column([request_of(ours[4:])]))
    assert {row[0] for row in store.query("SELECT span_id FROM llm_calls")} == {call.span_id for call in ours}
    assert store.query("SELECT count() FROM llm_tellings").rows == ((16,),)


def requests_below(calls: Sequence[LLMCall], scope: str = "opentelemetry.instrumentation.openai.v1") -> bytes:
    """Return what a library tells of calls: with our spans as parents, or by the answers' ids in traces of its own."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from otel_llmcost import semconv

    request = ExportTraceServiceRequest()
    of_scope = request.resource_spans.add().scope_spans.add()
    of_scope.scope.name = scope
    for call in calls:
        span = of_scope.spans.add(trace_id=bytes.fromhex(call.trace_id), span_id=bytes.fromhex(call.trace_id)[:8])
        if scope == "langsmith":
            span.trace_id = span.trace_id[::-1]
            span.attributes.add(key=semconv.GEN_AI_RESPONSE_ID).value.string_value = call.response_id
        else:
            span.parent_span_id = bytes.fromhex(call.span_id)
        span.start_time_unix_nano, span.end_time_unix_nano = call.started_at_ns + 5, call.started_at_ns + 50
        for name, text in ((semconv.GEN_AI_OPERATION_NAME, "chat"), (semconv.GEN_AI_REQUEST_MODEL, "gpt-4o")):
            span.attributes.add(key=name).value.string_value = text
        for name, count in (("input_tokens", 1_000), ("output_tokens", 100)):
            span.attributes.add(key=semconv.USAGE_ATTRIBUTES[name]).value.int_value = count
    return request.SerializeToString()


def test_who_pays_is_decided_for_each_tenant_and_day() -> None:
    now_ns = 1_795_000_000_000_000_000
    told = [
        a_call(
            attribution=Attribution(feature="search", tenant=tenant), started_at_ns=now_ns + day * DAY_NS, dialect=""
        )
        for tenant in ("a", "b")
        for day in (0, 0, 1)
        for _ in range(3)
    ]
    asked: list[tuple[str, int]] = []

    def prepared(call: LLMCall) -> LLMCall:
        asked.append((call.attribution.tenant, (call.started_at_ns - now_ns) // DAY_NS))
        call.attribution = Attribution(feature="search", team=f"{call.attribution.tenant}{asked[-1][1]}")
        return call

    rows = Read(Path("x"), [Frame(1, request_of(told))]).priced(PRICER, prepared)
    assert sorted(asked) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    teams = [row.call.attribution.team for row in rows]
    assert [teams.count(team) for team in ("a0", "a1", "b0", "b1")] == [6, 3, 6, 3]


def test_an_edge_within_a_day_parts_calls() -> None:
    told = [a_call(started_at_ns=1_795_000_000_000_000_000 + n) for n in range(6)]
    asked: list[int] = []

    def prepared(call: LLMCall) -> LLMCall:
        asked.append(call.started_at_ns % 10)
        return call

    Read(Path("x"), [Frame(1, request_of(told))]).priced(PRICER, prepared, [1_795_000_000_000_000_004])
    assert sorted(asked) == [0, 4]


@pytest.mark.long
def test_calls_of_somebody_who_was_erased_do_not_come_back_by_column(store: Store) -> None:
    gone, there = (calls(4, attribution=Attribution(feature="search", tenant=name)) for name in ("gone", "there"))
    unnamed = calls(4, attribution=Attribution(feature="search", user="gone, too"))
    store.write(by_column([request_of([*gone, *there, *unnamed])]))
    for kind, name in (("tenant", "gone"), ("user", "gone, too")):
        store.erase(kind, name, actor="test", reason="asked")
    store.write(by_column([request_of([*gone, *there, *unnamed])]))
    store.write(by_column([requests_below(gone)]))
    assert {row[0] for row in store.query("SELECT span_id FROM llm_calls")} == {call.span_id for call in there}
