"""OpenRouter tells what the call cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_llmcost.providers.openrouter import SURFACES, read_any
from otel_llmcost.usage import Usage

TOKENS = {"prompt_tokens": 2317, "completion_tokens": 53}


@pytest.mark.parametrize(
    ("cost", "pico"),
    [
        (0.0133176, 13_317_600_000),
        (0.0076509169000000005, 7_650_916_900),
        (Decimal("0.0076509169000000005"), 7_650_916_900),
        (9.25e-06, 9_250_000),
        (4e-13, 0),
        (0, 0),
        (-1, None),
        (float("nan"), None),
        (Decimal("nan"), None),
        (10**9, None),
        ("0.01", None),
        (None, None),
    ],
)
def test_the_cost_is_exact_without_the_noise_of_floats(cost: object, pico: int | None) -> None:
    assert read_any({"usage": TOKENS | {"cost": cost}}).reported_cost == pico


def test_with_ones_own_key_the_fee_and_the_provider_behind_both_cost() -> None:
    usage = TOKENS | {"cost": 0.0005, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.01}}
    assert read_any({"usage": usage}).reported_cost == 10_500_000_000
    assert read_any({"usage": usage | {"is_byok": False}}).reported_cost == 500_000_000


def test_a_stream_tells_the_cost_with_the_usage() -> None:
    fold = SURFACES["/chat/completions"].fold
    assert fold is not None
    assert fold([{"id": "g"}, {"choices": [], "usage": TOKENS | {"cost": 0.25}}]).reported_cost == 250_000_000_000


@pytest.mark.parametrize("name", ["server_tool_use_details", "server_tool_use"])
def test_searches_are_billed(name: str) -> None:
    usage = {"prompt_tokens": 8174, "completion_tokens": 30, "cost": 0.0133176, name: {"web_search_requests": 1}}
    chat = SURFACES["/chat/completions"]
    assert chat.fold is not None
    for reading in (read_any({"usage": usage}), chat.fold([{"choices": [], "usage": usage}])):
        assert reading.usage == Usage(input_tokens=8174, output_tokens=30)
        assert reading.billed == Usage(input_tokens=8174, output_tokens=30, web_search=1)
