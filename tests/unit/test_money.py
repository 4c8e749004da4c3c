from __future__ import annotations

from decimal import Decimal

import pytest

from otel_llmcost.errors import MoneyError
from otel_llmcost.money import PICO_PER_USD, ROW_LIMIT, PicoUSD, pico_usd, to_text


@pytest.mark.parametrize(
    ("usd", "amount"),
    [
        ("0", 0),
        (3, 3 * 10**12),
        ("0.000000000001", 1),
        ("1e-12", 1),
        (Decimal("2.50"), 2_500_000_000_000),
        ("-0.5", -500_000_000_000),
        ("123456789012345678901234567890.123456789012", 123456789012345678901234567890123456789012),
    ],
)
def test_an_amount_is_taken_exactly(usd, amount):
    assert pico_usd(usd) == amount


@pytest.mark.parametrize(
    "usd", ["0.0000000000001", "NaN", "Infinity", "-inf", "much", "", "1e999999999", f"1.{'0' * 60}1"]
)
def test_what_is_no_whole_number_of_pico_usd_is_refused(usd):
    with pytest.raises(MoneyError):
        pico_usd(usd)


@pytest.mark.parametrize("usd", [0.1, True, None, b"1"])
def test_money_of_another_type_is_refused(usd):
    with pytest.raises(TypeError, match=f"not {type(usd).__name__}"):
        pico_usd(usd)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (18_000_000_000, "0.018"), (PICO_PER_USD, "1"), (-1, "-0.000000000001"), (10 * PICO_PER_USD, "10")],
)
def test_an_amount_is_shown_without_needless_zeros(amount, text):
    assert to_text(PicoUSD(amount)) == text


def test_the_row_holds_less_than_a_million():
    assert to_text(ROW_LIMIT) == "1000000"
