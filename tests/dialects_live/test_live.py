"""The real libraries on the real SDKs, alone and beside us. Their environment is made once, under `.build/`."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_llmcost.dialects.otlp import calls_in_traces
from otel_llmcost.drain import calls_of, priced
from otel_llmcost.pricing import Pricer
from otel_llmcost.pricing.table import load_rate_table
from otel_llmcost.spool import Spool
from otel_llmcost.store import connect
from otel_llmcost.usage import UsageQuality
from tests.dialects_live.__main__ import BEGIN, END, PAGE
from tests.dialects_live.compare import compared, run, told_in
from tests.dialects_live.libraries import LIBRARIES
from tests.dialects_live.set_ups import NODE_HOME, Vercel
from tests.support.replay import ReplayServer, anthropic_error, json_answer, openai_error, recordings, stream_answer

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.call import LLMCall

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not recordings()[0], reason=recordings()[1] or "no recordings"),
]


def ran(library: str, mode: str, tmp_path: Path) -> Path:
    """Run a library, or skip where its environment cannot be had, but never in CI."""
    if LIBRARIES[library].environment.name == "node":
        need_node()
    try:
        return run(library, mode, tmp_path)
    except subprocess.CalledProcessError as error:
        if "pip" in map(str, error.cmd) and os.environ.get("CI") != "true":
            pytest.skip(f"no environment for the other libraries: {error}")
        raise


def need_node() -> None:
    """Skip where `make peers` found no npm, but never in CI."""
    if not (NODE_HOME / ".done").exists() and os.environ.get("CI") != "true":
        pytest.skip("no JavaScript libraries: make peers")


@pytest.mark.parametrize("library", LIBRARIES)
def test_nothing_that_a_library_tells_wrong_is_unflagged(library: str, tmp_path: Path) -> None:
    """And the page says of each library what was found: how many exchanges, how many exact."""
    page = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    cells = compared(library, ran(library, "alone", tmp_path))

    assert cells
    for surface, cell in cells.items():
        assert cell.unflagged == []
        assert f"| {LIBRARIES[library].title} | {surface} | {cell.exchanges} | {cell.exact} |" in page


@pytest.mark.parametrize("library", [name for name, library in LIBRARIES.items() if library.runs_beside])
def test_beside_us_every_call_is_billed_once_and_it_is_ours(library: str, tmp_path: Path) -> None:
    """Anthropic's own spans are among them. Our records come from the spool, the spans as a collector gets them.

    Where no provider told counts, a library that guessed them has more to say than we have: its guess is the call.
    """
    out = ran(library, "beside", tmp_path)
    told = told_in(out)
    spans = [call for calls in told.values() for call in calls]
    with Spool(out / "data" / "spool") as spool:
        records = [call for segment in spool.segments() for frame in segment.frames for call in calls_of(frame)]
    ours = [call for call in records if not call.dialect]
    assert len(ours) == len(told)
    assert any(call.dialect == LIBRARIES[library].dialect for call in spans + records)
    everything = [*spans, *records]
    random.Random(7).shuffle(everything)
    billed, besides = stored(everything, tmp_path)
    guesses = (call for call in spans if call.response_id and call.usage_quality is UsageQuality.ESTIMATED)
    guessed = {call.response_id: call.span_id for call in guesses}
    due = {call.span_id if call.usage else guessed.get(call.response_id, call.span_id) for call in ours}
    assert sorted(billed) == sorted(due)
    assert len(due) == len(told)
    assert besides == {call.span_id for call in everything} - due


def stored(calls: list[LLMCall], tmp_path: Path) -> tuple[list[str], set[str]]:
    """Write calls to a store, and return the spans of those that count, and of those that tell of them again."""
    rows = priced(calls, Pricer(load_rate_table()), received_at_ns=time.time_ns())
    with connect(f"chdb://{tmp_path}/store") as store:
        store.migrate()
        while rows:
            store.write(rows[:17])
            rows = rows[17:]
        counted = [str(span) for (span,) in store.query("SELECT span_id FROM llm_calls")]
        besides = {str(span) for (span,) in store.query("SELECT span_id FROM llm_tellings WHERE is_retelling")}
    return counted, besides


ANSWER = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": '{"name": "Baltic"}'}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 3, "output_tokens": 33, "cache_creation_input_tokens": 418, "cache_read_input_tokens": 1111,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 418},
    },
}  # fmt: skip
EVENTS = [
    {"type": "message_start", "message": ANSWER | {"content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": '{"name": "Baltic"}'}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 33}},
    {"type": "message_stop"},
]
EMBEDDED = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": at, "embedding": [0.5, 0.5]} for at in (0, 1)],
    "usage": {"prompt_tokens": 5, "total_tokens": 5},
}
AT_ONCE = {"retry-after-ms": "1"}
MODELS = {"anthropic": "claude-sonnet-4-5", "openai": "text-embedding-3-small"}
ASKED = ("generateText", "streamText", "generateObject", "streamObject", "embed", "embedMany")


def asked_twice_more(vercel: Vercel) -> tuple[list[LLMCall], dict[str, str]]:
    """Ask everything of a provider that is busy twice; return what was told, and what was asked, by trace id."""
    tracer = TracerProvider().get_tracer("the application")
    events = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS)
    asked = {}
    with ReplayServer() as server:
        for each in ASKED:
            answer = stream_answer(events) if each.startswith("stream") else json_answer(ANSWER)
            busy, seller = anthropic_error(529, "busy", headers=AT_ONCE), "anthropic"
            if each.startswith("embed"):
                answer, busy, seller = json_answer(EMBEDDED), openai_error(503, "busy", headers=AT_ONCE), "openai"
            server.answer_with(busy, busy, answer)
            with tracer.start_as_current_span("request") as span:
                vercel.ask(url=server.url, asks=each, provider=seller, model=MODELS[seller], maxRetries=2)
            asked[f"{span.get_span_context().trace_id:032x}"] = each
        assert len(server.requests) == 3 * len(ASKED)
    return list(calls_in_traces(vercel.spans())), asked


@pytest.mark.parametrize(("version", "telling"), [("5", ""), ("6", ""), ("7", ""), ("7", "details"), ("7", "legacy")])
def test_what_vercels_sdk_asks_twice_more_is_billed_once(version: str, telling: str, tmp_path: Path) -> None:
    """Up to version 6 each attempt is a span of its own: those that failed are calls without usage."""
    need_node()
    told, asked = asked_twice_more(Vercel(version, telling))
    counted = stored(told, tmp_path)[0]
    calls = [(asked[call.trace_id], call) for call in told if call.span_id in counted]

    assert len(calls) == len(counted)
    billed = {each: call for each, call in calls if call.usage}
    assert sorted(each for each, call in calls if call.usage) == sorted(ASKED)
    for each, call in billed.items():
        assert call.usage is not None
        assert (call.usage.input_tokens, call.usage.output_tokens) == ((5, 0) if each[0] == "e" else (1532, 33))
        is_flagged = call.usage_quality is UsageQuality.ESTIMATED
        assert is_flagged == (each[0] != "e" and call.usage.cache_write_5m_tokens != 418)
    failed = [call for _, call in calls if not call.usage]
    assert all(call.error_type for call in failed)
    assert len(failed) == (0 if version == "7" else 2 * len(ASKED))
