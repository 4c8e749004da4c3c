from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_llmcost.cli import amounts
from otel_llmcost.money import PicoUSD, pico_usd


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "$0"),
        (1, "$0.000000000001"),
        (18_000_000_000, "$0.018"),
        (1_234_500_000_000_000, "$1,234.5"),
        (-2_500_000_000_000, "-$2.5"),
        (None, "unpriced"),
    ],
)
def test_money_keeps_every_digit(pico: int | None, text: str) -> None:
    assert amounts.money(None if pico is None else PicoUSD(pico)) == text


@given(st.integers(min_value=-(10**24), max_value=10**24))
def test_no_digit_of_money_is_lost(pico: int) -> None:
    said = amounts.money(PicoUSD(pico)).replace("$", "").replace(",", "")
    assert pico_usd(said) == pico


def test_a_column_of_money_has_its_points_in_line() -> None:
    column = [PicoUSD(10**12), None, PicoUSD(5), PicoUSD(25 * 10**10)]
    assert amounts.money_column(column) == ["$1.000000000000", "unpriced", "$0.000000000005", "$0.250000000000"]
    assert amounts.money_column([None]) == ["unpriced"]
    assert amounts.money_column([PicoUSD(10**12)]) == ["$1"]


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (23_286_000_000, "≈ $0.023"),
        (198_752_500_000, "≈ $0.20"),
        (72_561_234_000_000, "≈ $72.56"),
        (1_500_000_000_000, "$1.50"),
        (12, "$0.000000000012"),
        (0, "$0.00"),
        (None, "unpriced"),
    ],
)
def test_a_rounded_amount_says_that_it_is(pico: int | None, text: str) -> None:
    assert amounts.rounded_money(None if pico is None else PicoUSD(pico)) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [("0.439488", "43.9 %"), ("1", "100.0 %"), ("0.999697", "> 99.9 %"), ("0.000303", "< 0.1 %"), ("0", "0.0 %")],
)
def test_all_and_nothing_are_said_only_where_they_are_exact(share: str, text: str) -> None:
    assert amounts.percent(Decimal(share)) == text


def test_an_unknown_share_is_a_dash() -> None:
    assert amounts.percent(None) == "-"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (4_194_304, "4.2 MB"), (10**12, "1000.0 GB")]
)
def test_a_size_has_the_unit_that_suits_it(size: int, text: str) -> None:
    assert amounts.size(size) == text


def test_one_is_no_plural() -> None:
    assert (amounts.plural(1, "call"), amounts.plural(2, "call"), amounts.plural(0, "call")) == (
        "1 call",
        "2 calls",
        "0 calls",
    )
