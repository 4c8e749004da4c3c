"""What a record says besides tokens: who asked, with which prompt, how often; and never a word of the content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import openai

from otel_llmcost.usage import Usage, UsageQuality
from tests.instrument import wire
from tests.support.replay import ReplayServer, json_answer

if TYPE_CHECKING:
    import pytest

    from tests.instrument.conftest import Telemetry

SYSTEM = "You answer questions on invoices."


def _ask(server: ReplayServer, question: str, *, system: str = SYSTEM, api_key: str = "sk-one", **headers: str) -> None:
    server.answer_with(json_answer(wire.chat(), headers=headers))
    messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=api_key) as client:
        client.chat.completions.create(model="gpt-5", messages=messages)


def test_prompt_and_message_are_told_apart_by_their_hashes(server: ReplayServer, telemetry: Telemetry) -> None:
    _ask(server, "Why?")
    _ask(server, "Why?")
    _ask(server, "When?")
    _ask(server, "Why?", system="Be brief.")
    first, same, asked_else, said_else = telemetry.calls()
    assert first.prompt_hash == same.prompt_hash == asked_else.prompt_hash != said_else.prompt_hash
    assert first.request_hash == same.request_hash == said_else.request_hash != asked_else.request_hash
    assert (first.prompt_bytes, said_else.prompt_bytes) == (len(SYSTEM), len("Be brief."))


def test_the_api_key_is_told_by_its_hash_only(server: ReplayServer, telemetry: Telemetry) -> None:
    _ask(server, "Why?", api_key="sk-one")
    _ask(server, "Why?", api_key="sk-two")
    one, two = telemetry.calls()
    assert one.credential_id != two.credential_id != ""
    assert "sk-" not in str(telemetry.calls()) + str([span.attributes for span in telemetry.spans()])


def test_nothing_of_the_content_is_told(server: ReplayServer, telemetry: Telemetry) -> None:
    _ask(server, "Why did Zanzibar cost more?")
    told = str(telemetry.calls()) + "".join(span.to_json() for span in telemetry.spans())
    assert not any(word in told for word in ("Zanzibar", "invoices", "Reykjavík"))


def test_openai_names_organization_and_project(server: ReplayServer, telemetry: Telemetry) -> None:
    _ask(server, "Why?", **{"openai-organization": "org-acme", "openai-project": "proj_search"})
    assert (telemetry.call().billing_account_id, telemetry.call().sub_account_id) == ("org-acme", "proj_search")


def test_anthropic_names_organization_and_workspace(server: ReplayServer, telemetry: Telemetry) -> None:
    headers = {"anthropic-organization-id": "org-1", "anthropic-workspace-id": "wrkspc_2"}
    server.answer_with(json_answer(wire.message(), headers=headers))
    asked: Any = {"model": "claude-opus-4-8", "max_tokens": 9, "messages": [{"role": "user", "content": "Why?"}]}
    with anthropic.Anthropic(base_url=server.url, api_key="sk-ant") as client:
        client.messages.create(**asked, system=SYSTEM)
    call = telemetry.call()
    assert (call.billing_account_id, call.sub_account_id) == ("org-1", "wrkspc_2")
    assert (len(call.prompt_hash), call.prompt_bytes, len(call.request_hash)) == (16, len(SYSTEM), 16)


def test_a_prompt_that_the_provider_keeps_is_named(server: ReplayServer, telemetry: Telemetry) -> None:
    server.answer_with(json_answer(wire.response()))
    prompt = {"id": "pmpt_invoices", "version": "3"}
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-one") as client:
        client.responses.create(model="gpt-5", input="Why?", extra_body={"prompt": prompt})
    assert (telemetry.call().prompt_name, telemetry.call().prompt_version) == ("pmpt_invoices", "3")


def test_a_fault_in_hashing_costs_the_hashes_and_not_the_call(
    server: ReplayServer, telemetry: Telemetry, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="otel_llmcost")
    for file in tmp_path.glob("hash-key*"):
        file.unlink()
    (tmp_path / "hash-key").mkdir()
    _ask(server, "Why?")
    call = telemetry.call()
    assert call.usage is not None
    assert (call.credential_id, call.prompt_hash, call.request_hash) == ("", "", "")
    assert "set LLMCOST_HASH_KEY" in caplog.text


def test_what_other_models_did_for_an_answer_makes_its_usage_partial(
    server: ReplayServer, telemetry: Telemetry
) -> None:
    """One call is one model at one rate: an advisor's tokens are in no count, and that is told."""
    advice = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 2518, "output_tokens": 22}
    compaction = {"type": "compaction", "input_tokens": 900, "output_tokens": 30}
    answer = wire.message(usage={"input_tokens": 10, "output_tokens": 2, "iterations": [advice, compaction]})
    server.answer_with(json_answer(answer))
    asked: Any = {"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Why?"}]}
    with anthropic.Anthropic(base_url=server.url, api_key="sk-ant") as client:
        client.beta.messages.create(**asked)
    call = telemetry.call()
    assert (call.usage, call.usage_quality) == (Usage(input_tokens=10, output_tokens=2), UsageQuality.PARTIAL)
    assert call.billed == Usage(input_tokens=910, output_tokens=32)
