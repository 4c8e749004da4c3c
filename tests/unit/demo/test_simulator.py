"""The simulator speaks the providers' wire formats: the real SDKs read every answer, and agree with its log."""

import json
import threading
from typing import Self

import anthropic
import openai
import pytest

from otel_llmcost.demo.pretend import Piece, PretendModel, Prompt
from otel_llmcost.demo.simulator import Simulator

LONG = "Every refund above 500 EUR needs a second pair of eyes. " * 120
"""About 1,700 tokens: enough to be cached."""


class Provider:
    """A simulator with an SDK client of each kind, and its log."""

    def __init__(self, folder, **options) -> None:
        self.log_file = folder / "answers.jsonl"
        self.simulator = Simulator(self.log_file, run_id="test", **options)

    def __enter__(self) -> Self:
        self.simulator.__enter__()
        url = self.simulator.url
        self.openai = openai.OpenAI(base_url=url + "/v1", api_key="test", max_retries=2)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key="test", max_retries=2)
        return self

    def __exit__(self, *exc: object) -> None:
        self.openai.close()
        self.anthropic.close()
        self.simulator.__exit__(*exc)

    @property
    def log(self):
        return [json.loads(line) for line in self.log_file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def provider(tmp_path):
    with Provider(tmp_path, fault_rate=0) as provider:
        yield provider


def ask(text, **more):
    return {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}


def test_a_chat_completion_and_the_log_tell_the_same(provider):
    answer = provider.openai.chat.completions.create(**ask("hello"), extra_headers={"X-Client-Request-Id": "mine"})
    (line,) = provider.log
    assert answer.usage.to_dict() == line["usage"]
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert (answer.id, answer.model, answer.service_tier) == (line["response_id"], line["model"], "default")
    assert answer.model == "gpt-5-mini-2025-08-07"
    assert answer._request_id == line["request_id"]
    assert (line["client_request_id"], line["endpoint"], line["outcome"]) == ("mine", "chat.completions", "answered")


def test_a_chat_stream_tells_its_usage_when_asked_and_only_then(provider):
    told = list(
        provider.openai.chat.completions.create(**ask("a"), stream=True, stream_options={"include_usage": True})
    )
    untold = list(provider.openai.chat.completions.create(**ask("b"), stream=True))
    first, second = provider.log
    assert told[-1].choices == []
    assert told[-1].usage.to_dict() == first["usage"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told[:-1]).endswith(".")
    assert [chunk.usage for chunk in untold] == [None] * len(untold)
    assert untold[-1].choices[0].finish_reason in ("stop", "length")
    assert (first["usage_sent"], second["usage_sent"]) == (True, False)
    assert second["usage"]["completion_tokens"] > 0


def test_the_chat_stream_helper_reads_the_stream(provider):
    with provider.openai.chat.completions.stream(**ask("c"), stream_options={"include_usage": True}) as stream:
        stream.until_done()
        assert stream.get_final_completion().usage.to_dict() == provider.log[-1]["usage"]


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_response_counts_its_searches_in_the_output(provider, is_stream):
    searched = 0
    for number in range(12):
        call = {"model": "gpt-5.6-luna", "input": f"is the api down? {number}", "tools": [{"type": "web_search"}]}
        if is_stream:
            events = list(provider.openai.responses.create(**call, stream=True))
            answer = events[-1].response
            assert [event.sequence_number for event in events] == list(range(len(events)))
            assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == answer.output_text
        else:
            answer = provider.openai.responses.create(**call)
        line = provider.log[-1]
        calls = [item for item in answer.output if item.type == "web_search_call"]
        assert len(calls) == line["web_searches"]
        assert answer.usage.to_dict() == line["usage"]
        assert (answer.id, answer.output_text != "") == (line["response_id"], True)
        searched += len(calls)
    assert searched > 0


def test_the_responses_stream_helper_reads_the_stream(provider):
    with provider.openai.responses.stream(model="gpt-5.4", input="hello") as stream:
        stream.until_done()
        assert stream.get_final_response().usage.to_dict() == provider.log[-1]["usage"]


def test_a_response_that_is_cut_says_so(provider):
    answer = provider.openai.responses.create(model="gpt-5.4", input="hello", max_output_tokens=20)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.usage.output_tokens == 20


def test_an_embedding_is_read(provider):
    answer = provider.openai.embeddings.create(model="text-embedding-3-small", input=["one text", "and another"])
    assert [len(each.embedding) for each in answer.data] == [8, 8]
    assert answer.usage.to_dict() == provider.log[-1]["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


def test_flex_is_served_where_it_was_asked(provider):
    answer = provider.openai.chat.completions.create(**ask("hello"), service_tier="flex")
    assert (answer.service_tier, provider.log[-1]["service_tier"]) == ("flex", "flex")


def test_openai_caches_a_long_prefix_by_itself(provider):
    prefix = [{"role": "system", "content": LONG}]
    usages = [
        provider.openai.chat.completions.create(
            model=model, messages=[*prefix, {"role": "user", "content": text}]
        ).usage
        for model, text in (("gpt-5-mini", "a"), ("gpt-5-mini", "b"), ("gpt-5.6-luna", "a"), ("gpt-5.6-luna", "b"))
    ]
    details = [usage.prompt_tokens_details for usage in usages]
    assert [each.cached_tokens for each in details] == [0, 1664, 0, 1664]
    assert [each.cache_write_tokens for each in details] == [None, None, 1664, 0]


def message(*blocks, **more):
    return {
        "model": "claude-sonnet-4-6",
        "max_tokens": 300,
        "messages": [{"role": "user", "content": "hi"}],
        **more,
    } | ({"system": list(blocks)} if blocks else {})


def block(text, ttl):
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


def test_anthropic_counts_cached_input_apart(provider):
    blocks = (block(LONG, "1h"), block("Be kind. " + LONG, "5m"))
    first = provider.anthropic.messages.create(**message(*blocks))
    again = provider.anthropic.messages.create(**message(*blocks))
    for answer, line in zip((first, again), provider.log, strict=True):
        assert answer.usage.to_dict() == line["usage"]
        assert (answer.id, answer._request_id) == (line["response_id"], line["request_id"])
    written = first.usage.cache_creation
    assert (written.ephemeral_1h_input_tokens, written.ephemeral_5m_input_tokens) == (1680, 1683)
    assert (first.usage.cache_creation_input_tokens, first.usage.cache_read_input_tokens) == (3363, 0)
    assert (again.usage.cache_creation_input_tokens, again.usage.cache_read_input_tokens) == (0, 3363)
    assert first.usage.input_tokens == again.usage.input_tokens == 1


def test_an_anthropic_stream_tells_its_usage_cumulatively(provider):
    events = list(provider.anthropic.messages.create(**message(block(LONG, "5m")), stream=True))
    kinds = [event.type for event in events if event.type != "content_block_delta"]
    assert kinds == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    start, end, usage = events[0].message.usage, events[-2].usage, provider.log[-1]["usage"]
    assert (start.cache_creation_input_tokens, start.output_tokens) == (1680, 1)
    assert (end.output_tokens, end.cache_creation_input_tokens) == (usage["output_tokens"], 1680)


def test_the_anthropic_stream_helper_reads_searches_too(provider):
    tool = {"type": "web_search_20250305", "name": "web_search"}
    searched = 0
    for number in range(12):
        asked = [{"role": "user", "content": f"is the api down? {number}"}]
        with provider.anthropic.messages.stream(**message() | {"messages": asked, "tools": [tool]}) as stream:
            answer = stream.get_final_message()
        line = provider.log[-1]
        assert answer.usage.output_tokens == line["usage"]["output_tokens"]
        told = answer.usage.server_tool_use.web_search_requests if answer.usage.server_tool_use else 0
        assert told == line["web_searches"] == sum(each.type == "server_tool_use" for each in answer.content)
        searched += told
    assert searched > 0


def test_errors_are_refused_once_and_billed_never(tmp_path):
    with Provider(tmp_path, fault_rate=1) as provider:
        provider.openai.chat.completions.create(**ask("a"))
        provider.anthropic.messages.create(**message())
        lines = provider.log
    assert [line["outcome"] for line in lines] == ["refused", "answered"] * 2
    assert [line["usage"] is None for line in lines] == [True, False] * 2
    assert {line["status"] for line in lines} - {200} <= {429, 500, 529}


def test_errors_are_of_the_kind_that_the_sdk_knows(tmp_path):
    with Provider(tmp_path, fault_rate=1) as provider:
        with pytest.raises(openai.APIStatusError) as refused:
            provider.openai.with_options(max_retries=0).chat.completions.create(**ask("a"))
        assert refused.value.type in ("requests", "server_error")
        with pytest.raises(anthropic.APIStatusError) as refused:
            provider.anthropic.with_options(max_retries=0).messages.create(**message())
        assert refused.value.request_id == provider.log[-1]["request_id"]


def test_a_reader_who_leaves_is_noted_without_usage(provider):
    stream = provider.openai.chat.completions.create(**ask("essay", max_completion_tokens=30_000), stream=True)
    next(stream)
    stream.close()
    noted = threading.Event()
    while not provider.log and not noted.wait(0.01):
        pass
    (line,) = provider.log
    assert (line["outcome"], line["usage"]) == ("aborted", None)


def test_the_same_seed_answers_the_same_with_other_ids(tmp_path):
    def answers(run_id):
        folder = tmp_path / run_id
        folder.mkdir()
        with Provider(folder, seed=7) as provider:
            provider.simulator._run_id = run_id
            for number in range(5):
                provider.openai.chat.completions.create(**ask(f"hello {number}"))
            return provider.log

    one, two = answers("one"), answers("two")
    assert [line["usage"] for line in one] == [line["usage"] for line in two]
    assert not {line["response_id"] for line in one if line["response_id"]} & {line["response_id"] for line in two}


def test_the_order_of_questions_changes_no_total():
    prompts = [
        Prompt(provider="openai", model="gpt-5.4", pieces=(Piece(text=LONG), Piece(text=f"question {number}")))
        for number in range(6)
    ]

    def total(order):
        model = PretendModel(3)
        done = [model.complete(prompt, model.key_of({"q": prompt.pieces[1].text}, is_resent=False)) for prompt in order]
        return sum(each.cache_read_tokens for each in done), sum(each.output_tokens for each in done)

    assert total(prompts) == total(prompts[::-1])
