"""Cases worked out elsewhere, from published prices and against several calculators: exact or wrong.

The file is not part of the project. LLMCOST_SHARED_DATA names its directory; by default it is looked for beside
the checkout.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from otel_llmcost.pricing import Pricer, load_rate_table, price_line
from otel_llmcost.providers import anthropic, openai

SHARED = Path(os.environ.get("LLMCOST_SHARED_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
GOLD = SHARED / "pricing_gold.json"

SPEAKS_OPENAI = {"openai", "x_ai", "deepseek"}
NEEDS_MORE = {"az-002-datazone": "the price of a data zone", "az-004-priority": "Azure's own prices by tier"}


def cases():
    return json.loads(GOLD.read_text())["cases"] if GOLD.exists() else []


def read(provider, body):
    """Read a body as the CLI does; the OpenAI ones of the file have their usage in various places."""
    if provider == "anthropic":
        return anthropic.read_message(body)
    return openai.read_chat({"model": body.get("model")} | (body.get("response") or body))


@pytest.mark.skipif(not GOLD.exists(), reason=f"no {GOLD.name} in LLMCOST_SHARED_DATA or beside the checkout")
def test_the_file_has_cases_for_us():
    assert any(case["provider"] in SPEAKS_OPENAI for case in cases())


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["id"])
        for case in cases()
        if case["provider"] in SPEAKS_OPENAI | {"anthropic", "azure.ai.openai"} and case["id"] not in NEEDS_MORE
    ],
)
def test_a_case_of_the_gold_file(case):
    line = price_line(case, Pricer(load_rate_table()), read)
    assert line["status"] == case["expected_status"], line
    expected = case["expected_usd"]
    assert (line["total_usd"] is None) == (expected is None)
    if expected is not None:
        assert Decimal(line["total_usd"]) == Decimal(expected), line
