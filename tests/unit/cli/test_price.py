from __future__ import annotations

import json
from typing import Any

import pytest

from otel_llmcost.cli.answers import read_answer
from otel_llmcost.cli.price import priced_lines

CASE: dict[str, Any] = {
    "id": "a",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "at": "2026-11-20T12:00:00Z",
    "context": {},
    "usage": {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}},
}


def priced(*lines: object) -> list[dict[str, Any]]:
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(priced_lines(iter(encoded)))


def test_a_line_is_priced_exactly() -> None:
    [answer] = priced(CASE)
    assert (answer["id"], answer["status"]) == ("a", "priced")
    assert answer["total_usd"] == "0.00021"  # 1000 × 0.15 / 1e6 + 100 × 0.60 / 1e6
    assert [(line["meter"], line["quantity"], line["cost_usd"]) for line in answer["lines"]] == [
        ("input", 1000, "0.00015"),
        ("output", 100, "0.00006"),
    ]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1, 2]", "a list where an object should be"),
        (b"null", "a NoneType where an object should be"),
        ({"id": "b"}, "provider is missing"),
        (CASE | {"provider": None}, ""),
        (CASE | {"at": "yesterday"}, "yesterday"),
        (CASE | {"at": 7}, ""),
        (CASE | {"usage": 7}, "usage is a int"),
        (CASE | {"context": 7}, ""),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_priced(line: object, error: str) -> None:
    first, bad, last = priced(CASE, line, CASE | {"id": "c"})
    assert (first["total_usd"], last["total_usd"], last["id"]) == ("0.00021", "0.00021", "c")
    assert (bad["status"], bad["line"]) == ("error", 2)
    assert error in bad["error"]
    assert bad["error"]


def test_blank_lines_are_passed_over_and_counted() -> None:
    assert [answer.get("line") for answer in priced(b"\n", b"{", b"  ", b"{")] == [2, 4]


@pytest.mark.parametrize(
    ("usage", "status"),
    [
        ({"prompt_tokens": -1, "completion_tokens": 1}, "invalid_usage"),
        ({"prompt_tokens": "many", "completion_tokens": 1}, "invalid_usage"),
        ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}, "invalid_usage"),
        (None, "no_usage"),
    ],
)
def test_counts_that_cannot_be_believed_have_no_price(usage: object, status: str) -> None:
    [answer] = priced(CASE | {"usage": {"model": "gpt-4o-mini", "usage": usage}})
    assert (answer["status"], answer["total_usd"]) == (status, None)


@pytest.mark.parametrize(
    ("provider", "answer", "tokens"),
    [
        ("openai", {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}, (7, 3)),
        ("openai", {"object": "response", "usage": {"input_tokens": 7, "output_tokens": 3}}, (7, 3)),
        ("openai", {"object": "list", "usage": {"prompt_tokens": 7, "total_tokens": 7}}, (7, 0)),
        ("openai", {"type": "response.done", "response": {"usage": {"input_tokens": 7, "output_tokens": 3}}}, (7, 3)),
        ("groq", {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}, (7, 3)),
        ("openai", {"prompt_tokens": 7, "completion_tokens": 3}, (7, 3)),
        ("anthropic", {"usage": {"input_tokens": 7, "output_tokens": 3}}, (7, 3)),
        ("anthropic", {"input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 3}, (7, 3)),
    ],
)
def test_an_answer_is_read_by_its_shape(provider: str, answer: dict[str, Any], tokens: tuple[int, int]) -> None:
    usage = read_answer(provider, answer).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == tokens


def test_tools_that_ran_are_counted_where_a_response_lists_them() -> None:
    answer = {"output": [{"type": "web_search_call"}], "usage": {"input_tokens": 7, "output_tokens": 3}}
    usage = read_answer("openai", answer).usage
    assert usage is not None
    assert usage.web_search == 1


def test_every_format_is_read_and_an_empty_usage_is_no_price() -> None:
    assert "has none of promptTokenCount" in read_answer("gcp.gemini", {"usageMetadata": {}}).fault
    [answer] = priced(CASE | {"provider": "bedrock", "usage": {"usage": {}}})
    assert (answer["status"], answer["total_usd"]) == ("invalid_usage", None)
