"""`llmcost price -` as outside checks call it, and the shared cases where they are at hand."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.command import line_of, llmcost, running

if TYPE_CHECKING:
    from collections.abc import Iterable

SHARED = Path(os.environ.get("LLMCOST_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
READ_SO_FAR = ("openai", "anthropic")
INPUT = ("id", "provider", "model", "at", "context", "usage")


def priced(cases: Iterable[Any], data_dir: Path, *, code: int = 0) -> list[dict[str, Any]]:
    answer = llmcost("price", "-", data_dir=data_dir, stdin="".join(json.dumps(case) + "\n" for case in cases))
    assert answer.code == code, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


def a_case(case_id: str, **said: Any) -> dict[str, Any]:
    usage = {"input_tokens": 2_000, "output_tokens": 800, "cache_read_input_tokens": 1_000}
    return {
        "id": case_id,
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "at": "2026-11-20T12:00:00Z",
        "context": {},
        "usage": {"model": "claude-sonnet-4-6", "usage": usage},
    } | said


def test_every_line_gives_a_line_in_the_same_order(tmp_path: Path) -> None:
    [answer] = priced([a_case("a")], tmp_path)
    assert answer | {"lines": []} == {
        "id": "a",
        "status": "priced",
        "total_usd": "0.0183",  # 2000 × 3 + 1000 × 0.30 + 800 × 15, for a million each
        "rate_id": answer["rate_id"],
        "lines": [],
    }
    assert answer["lines"][0] == {
        "meter": "input",
        "quantity": 2000,
        "unit_price_usd": "3",
        "per": 1_000_000,
        "cost_usd": "0.006",
    }


def test_broken_lines_are_named_and_the_others_priced(tmp_path: Path) -> None:
    stdin = "\n".join(["{", json.dumps(a_case("b")), "[]", "", json.dumps({"id": "d"}), json.dumps(a_case("e"))])
    answer = llmcost("price", "-", data_dir=tmp_path, stdin=stdin)
    said = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 1
    assert answer.error == "llmcost: 3 of the lines could not be priced: their status is error"
    assert [(line["id"], line["status"], line.get("line")) for line in said] == [
        (None, "error", 1),
        ("b", "priced", None),
        (None, "error", 3),
        ("d", "error", 5),
        ("e", "priced", None),
    ]


def test_a_model_that_nobody_knows_has_no_price(tmp_path: Path) -> None:
    [answer] = priced([a_case("a", model="claude-99", usage={"usage": {"input_tokens": 1}})], tmp_path)
    assert (answer["status"], answer["total_usd"], answer["rate_id"], answer["lines"]) == (
        "unpriced_model",
        None,
        None,
        [],
    )
    assert "no rate card for anthropic/claude-99" in answer["detail"]


def test_who_writes_a_line_and_waits_gets_its_price(tmp_path: Path) -> None:
    with running("price", "-", data_dir=tmp_path) as process:
        assert process.stdin is not None
        for case_id in ("a", "b"):
            process.stdin.write(json.dumps(a_case(case_id)) + "\n")
            process.stdin.flush()
            assert json.loads(line_of(process))["id"] == case_id


def test_a_file_is_read_as_stdin_is(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text(json.dumps(a_case("a")) + "\n")
    assert json.loads(llmcost("price", str(tmp_path / "cases.jsonl"), data_dir=tmp_path).out)["id"] == "a"
    missing = llmcost("price", str(tmp_path / "none.jsonl"), data_dir=tmp_path)
    assert (missing.code, "none.jsonl" in missing.error) == (2, True)


@pytest.mark.skipif(not (SHARED / "pricing_gold.json").exists(), reason="the shared data is not here")
def test_the_shared_cases_are_priced_exactly(tmp_path: Path) -> None:
    cases = json.loads((SHARED / "pricing_gold.json").read_text(encoding="utf-8"))["cases"]
    ours = [case for case in cases if case["provider"] in READ_SO_FAR]
    answers = priced([{name: case[name] for name in INPUT} for case in ours], tmp_path)
    wrong = {
        case["id"]: (answer["status"], answer["total_usd"])
        for case, answer in zip(ours, answers, strict=True)
        if (answer["status"], amount(answer["total_usd"])) != (case["expected_status"], amount(case["expected_usd"]))
    }
    assert wrong == {}
    assert len(ours) >= 20


def amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
