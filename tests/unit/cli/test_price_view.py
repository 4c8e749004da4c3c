"""`llmcost price` for people: every multiplication is on the page."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest

from otel_llmcost.cli.app import run
from tests.unit.pricing.tables import card, content_of, model

ANSWER = {"prompt_tokens": 12_000, "completion_tokens": 345, "prompt_tokens_details": {"cached_tokens": 9_000}}


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    for name in ("LLMCOST_CONFIG", "LLMCOST_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "table.jsonl").write_bytes(
        content_of(
            model(
                "openai",
                "m",
                card({"input": "2.5", "cache_read": "0.25", "output": "15"}, to="2027-01-01T00:00:00Z"),
                card({"input": "1"}, tier="batch"),
            )
        )
    )
    (tmp_path / "answer.json").write_text(json.dumps(ANSWER))
    monkeypatch.setenv("LLMCOST_RATES", str(tmp_path / "table.jsonl"))
    monkeypatch.setenv("LLMCOST_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, *arguments: str, code: int = 0) -> str:
    assert run(["price", "--provider", "openai", "--model", "m", *arguments]) == code
    told = capsys.readouterr()
    return told.err if code else told.out


def test_the_arithmetic_is_shown_line_by_line(capsys):
    # 3,000 × 2.50, 9,000 × 0.25 and 345 × 15 USD a million.
    assert said(capsys, "--usage", "answer.json", "--at", "2026-11-20").splitlines()[:-1] == [
        "openai/m: priced, found as exact",
        "  3,000 input      ×  $2.5 / 1,000,000 =   $0.0075",
        "  9,000 cache_read × $0.25 / 1,000,000 =  $0.00225",
        "    345 output     ×   $15 / 1,000,000 = $0.005175",
        "  list cost $0.014925",
        "rate openai/m@first, in force since ever, until 2027-01-01",
        "source https://prices, told by genai-prices",
    ]


def test_what_is_really_paid_stands_below(capsys, place):
    (place / "llmcost.yaml").write_text("rates: {discounts: [{provider: openai, percent: 50}]}")
    told = said(capsys, "--usage", "answer.json", "--at", "2026-11-20")
    assert "  effective cost $0.0074625 (llmcost.yaml, overlay " in told


def test_a_tier_has_its_own_card_and_what_it_lacks_is_said(capsys):
    told = said(capsys, "--usage", "answer.json", "--tier", "batch")
    assert "openai/m: partial" in told
    assert "no rate of openai/m@first#batch for output" in told


def test_an_unknown_price_is_unpriced_and_no_error(capsys):
    told = said(capsys, "--usage", "answer.json", "--at", "2027-01-01")
    assert "openai/m: unpriced_model" in told
    assert "  list cost unpriced" in told


def test_the_usage_may_come_from_standard_input_and_the_price_go_to_a_program(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps({"usage": ANSWER}).encode())))
    told = said(capsys, "--usage", "-", "--at", "2026-11-20", "--format", "json")
    assert json.loads(told)["total_usd"] == "0.014925"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--usage", "gone.json"], "gone.json cannot be read: No such file"),
        (["--usage", "table.jsonl"], "table.jsonl: not JSON"),
        (["--usage", "answer.json", "--at", "noon"], "--at cannot be 'noon'"),
        (["--usage", "answer.json", "-"], "give FILE or --usage, not both"),
        (["--usage", "answer.json", "--format", "csv"], "'csv' is not one of 'table', 'json'"),
        ([], "there is nothing to price"),
    ],
)
def test_what_cannot_be_priced_is_one_line_that_names_the_fault(capsys, arguments, fault):
    [line] = said(capsys, *arguments, code=2).splitlines()
    assert fault in line


def test_counts_that_contradict_each_other_are_named(capsys, place):
    (place / "answer.json").write_text(json.dumps(ANSWER | {"prompt_tokens": "many"}))
    assert "answer.json: " in said(capsys, "--usage", "answer.json", code=2)


def test_who_gave_the_answer_has_to_be_said(capsys):
    assert run(["price", "--usage", "answer.json"]) == 2
    assert "--provider is missing" in capsys.readouterr().err
