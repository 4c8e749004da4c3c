"""The usage of every case whose price was worked out elsewhere: each meter as it was counted there.

The file is not part of the project. LLMCOST_SHARED_DATA names its directory; by default it is looked for beside the
checkout.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.usage import UsageMeter

SHARED = Path(os.environ.get("LLMCOST_SHARED_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
GOLD = SHARED / "pricing_gold.json"
CASES = json.loads(GOLD.read_text())["cases"] if GOLD.exists() else []

OUR_METER = {"web_search_query": "grounded_query", "reasoning": "output"}


def our_meter(unit):
    return OUR_METER.get(unit, unit.removesuffix("_text"))


@pytest.mark.skipif(not CASES, reason=f"no {GOLD.name} in LLMCOST_SHARED_DATA or beside the checkout")
@pytest.mark.parametrize("case", [case for case in CASES if case["terms"]], ids=lambda case: case["id"])
def test_the_meters_of_a_case_are_counted(case):
    reading = read_answer(canonical_provider(case["provider"]), case["usage"])
    assert reading.usage is not None, reading
    ours, theirs = Counter(), Counter()
    for meter, count in reading.usage.disjoint().items():
        ours[our_meter(UsageMeter(meter).value)] += count
    for term in case["terms"]:
        theirs[our_meter(term["unit"])] += term["quantity"]
    assert ours == +theirs


@pytest.mark.parametrize("case", [case for case in CASES if case["terms"]], ids=lambda case: case["id"])
def test_tier_and_speed_are_told_where_the_answer_has_them(case):
    reading = read_answer(canonical_provider(case["provider"]), case["usage"])
    text = json.dumps(case["usage"])
    assert bool(reading.service_tier) == ("ervice_tier" in text or "serviceTier" in text)
    assert bool(reading.speed) == ('"speed"' in text)
