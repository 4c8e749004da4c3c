"""An answer that the application rejects is waste, and its call says so: also where no other call makes up for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from otel_llmcost import request
from otel_llmcost.config.pricer import load_pricer
from otel_llmcost.drain import priced
from otel_llmcost.store import connect
from otel_llmcost.telemetry import runtime
from tests.instrument import wire
from tests.support.replay import json_answer, openai_error, stream_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.instrument.conftest import Telemetry
    from tests.support.replay import ReplayServer

ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def client(server: ReplayServer) -> Iterator[openai.OpenAI]:
    server.answer_with(json_answer(wire.chat()))
    with openai.OpenAI(api_key="test", base_url=f"{server.url}/v1", max_retries=0) as opened:
        yield opened


def test_the_last_answer_of_a_user_action_can_be_rejected(telemetry: Telemetry, client: openai.OpenAI) -> None:
    with request() as action:
        client.chat.completions.create(**ASKED)
        action.reject("json_parse")
    call = telemetry.call()
    assert (call.rejected, call.attempt_kind, call.attribution.request_id) == ("json_parse", "first", action.request_id)


def test_what_was_rejected_and_what_made_up_for_it_are_two_calls(telemetry: Telemetry, client: openai.OpenAI) -> None:
    with request() as action:
        client.chat.completions.create(**ASKED)
        action.reject("empty")
        client.chat.completions.create(**ASKED)
    calls = telemetry.calls()
    assert [(call.rejected, call.attempt_kind, call.attempt_reason) for call in calls] == [
        ("empty", "first", ""),
        ("", "retry", "empty"),
    ]


def test_a_record_waits_no_longer_than_until_the_next_call_or_the_end_of_the_block(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    with request() as action:
        client.chat.completions.create(**ASKED)
        assert telemetry.calls() == []
        client.chat.completions.create(**ASKED)
        assert len(telemetry.calls()) == 1
    action.reject("too late")
    assert [call.rejected for call in telemetry.calls()] == ["", ""]


def test_a_record_that_waits_is_handed_on_at_the_end_of_the_process(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    with request():
        client.chat.completions.create(**ASKED)
        assert telemetry.calls() == []
        process = runtime.current()
        assert process is not None
        process.close()
        assert len(telemetry.calls()) == 1
    assert len(telemetry.calls()) == 1


def test_a_flush_of_the_provider_hands_on_what_waits_as_not_rejected(
    telemetry: Telemetry, client: openai.OpenAI
) -> None:
    """Whoever freezes the process cannot wait for a rejection. One that comes later is the reason of the next call."""
    with request() as action:
        client.chat.completions.create(**ASKED)
        assert telemetry.provider.force_flush()
        assert [call.rejected for call in telemetry.calls()] == [""]
        action.reject("json_parse")
        client.chat.completions.create(**ASKED)
        action.reject("json_parse again")
    calls = telemetry.calls()
    assert [(call.rejected, call.attempt_kind, call.attempt_reason) for call in calls] == [
        ("", "first", ""),
        ("json_parse again", "retry", "json_parse"),
    ]


def test_what_waits_in_a_parent_is_not_handed_on_by_its_child(telemetry: Telemetry, client: openai.OpenAI) -> None:
    process = runtime.current()
    assert process is not None
    with request() as action:
        client.chat.completions.create(**ASKED)
        process.pipeline.after_fork()  # as in the child; the parent goes on with what it had
        assert telemetry.provider.force_flush()
        action.reject("not its call")
    assert telemetry.calls() == []


def test_a_stream_that_ends_after_its_block_does_not_wait(
    telemetry: Telemetry, client: openai.OpenAI, server: ReplayServer
) -> None:
    server.answer_with(stream_answer(wire.chat_stream(with_usage=True)))
    with request():
        stream = client.chat.completions.create(**ASKED, stream=True)
    list(stream)
    assert telemetry.call().rejected == ""


def test_a_call_that_failed_does_not_wait_and_is_not_rejected(
    telemetry: Telemetry, client: openai.OpenAI, server: ReplayServer
) -> None:
    server.answer_with(openai_error(500, "no"))
    with request() as action:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASKED)
        assert telemetry.call().error_type == "InternalServerError"
        action.reject("failed anyway")
    assert telemetry.call().rejected == ""


def test_what_was_rejected_is_waste_in_the_store(telemetry: Telemetry, client: openai.OpenAI, tmp_path: Path) -> None:
    pytest.importorskip("clickhouse_connect", reason="the oldest SDKs are tested without a store")
    with request() as action:
        client.chat.completions.create(**ASKED)
        action.reject("json_parse")
    with request():
        client.chat.completions.create(**ASKED)
    rows = priced(telemetry.calls(), load_pricer({}, tmp_path), received_at_ns=time.time_ns())
    with connect(f"chdb://{tmp_path}/store") as store:
        store.migrate()
        store.write(rows)
        found = store.query(
            "SELECT count(), countIf(rejected = 'json_parse'), sum(list_cost), sumIf(list_cost, rejected != '') "
            "FROM llm_calls"
        )
    ((calls, rejected, cost, waste),) = found.rows
    assert (calls, rejected) == (2, 1)
    assert cost == 2 * waste > 0
