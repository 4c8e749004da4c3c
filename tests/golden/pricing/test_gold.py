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
from otel_llmcost.providers.registry import read_answer

SHARED = Path(os.environ.get("LLMCOST_SHARED_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
GOLD = SHARED / "pricing_gold.json"


def cases():
    return json.loads(GOLD.read_text())["cases"] if GOLD.exists() else []


@pytest.mark.skipif(not GOLD.exists(), reason=f"no {GOLD.name} in LLMCOST_SHARED_DATA or beside the checkout")
def test_the_file_has_cases():
    assert len(cases()) >= 32


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in cases()])
def test_a_case_of_the_gold_file(case):
    line = price_line(case, Pricer(load_rate_table()), read_answer)
    assert line["status"] == case["expected_status"], line
    expected = case["expected_usd"]
    assert (line["total_usd"] is None) == (expected is None)
    if expected is not None:
        assert Decimal(line["total_usd"]) == Decimal(expected), line
        assert sum(Decimal(meter["cost_usd"]) for meter in line["lines"]) == Decimal(expected)
