"""Numbers on a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otel_llmcost.pages.numbers import moment, scale_of

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


HERE = Path(__file__).parent
CASES = json.loads((HERE / "numbers.json").read_text(encoding="utf-8"))
"""What stands in tables is written here, what stands beside charts in the browser: numbers, their unit, their texts."""


def column(values: list[float | None], unit: str, **how: bool) -> list[str]:
    return [scale_of(values, unit, **how).text(value) for value in values]


def test_a_table_writes_numbers_as_the_shared_cases_say() -> None:
    for case in CASES:
        assert column(case["values"], case["unit"]) == case["texts"]


def test_a_chart_writes_numbers_as_the_shared_cases_say() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH")
    script = (HERE.parents[2] / "otel_llmcost" / "pages" / "static" / "numbers.js").read_text(encoding="utf-8")
    asked = (
        f"{script}\nconst cases = {json.dumps(CASES)};\n"
        "console.log(JSON.stringify(cases.map((each) => each.values.map(numbers.together(each.values, each.unit)))))"
    )
    done = subprocess.run([node], input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [case["texts"] for case in CASES]


def test_money_shows_cents_and_more_where_it_is_small() -> None:
    assert column([1234.5, 0.5], "currencyUSD") == ["$1,234.50", "$0.50"]
    assert column([0.00791, 0.0043], "currencyUSD") == ["$0.00791", "$0.00430"]


def test_what_is_too_small_for_its_column_is_not_shown_as_nothing() -> None:
    assert column([12.0, 0.0001, 0.0], "currencyUSD") == ["$12.00", f"<{THIN}$0.01", "$0.00"]


def test_unknown_is_not_zero() -> None:
    assert column([None, 0.0, float("nan")], "currencyUSD") == [DASH, "$0.00", DASH]


def test_a_change_has_a_sign() -> None:
    assert column([2.5, -0.12, 0.0], "currencyUSD", is_signed=True) == ["+$2.50", f"{MINUS}$0.12", "$0.00"]
    assert column([0.5, -0.0004], "percentunit", is_signed=True) == [f"+50.0{THIN}%", f"0.0{THIN}%"]


def test_shares_are_percent_with_one_decimal() -> None:
    assert column([0.4386, 1.0, 0.0], "percentunit") == [f"43.9{THIN}%", f"100.0{THIN}%", f"0.0{THIN}%"]
    assert column([15.2, 0.5], "percentunit") == [f"1,520{THIN}%", f"50{THIN}%"]


def test_durations_share_the_unit_that_suits_the_longest() -> None:
    assert column([5.622, 0.3], "s") == [f"5.62{THIN}s", f"0.30{THIN}s"]
    assert column([85_774, 3_600], "s") == [f"23.8{THIN}h", f"1.0{THIN}h"]
    assert column([2_500_000, 300_000_000], "ns") == [f"2{THIN}ms", f"300{THIN}ms"]
    assert column([23, 20], "s") == [f"23{THIN}s", f"20{THIN}s"]


def test_counts_keep_their_thousands_apart_and_means_lose_needless_decimals() -> None:
    assert column([18_618_238, 7], "short") == ["18,618,238", "7"]
    assert column([2392.43, 0.5], "short") == ["2,392", "0"]
    assert column([3.035, 1], "short") == ["3.0", "1.0"]


def test_one_large_number_stands_without_cents() -> None:
    assert column([12_345.67], "currencyUSD", is_single=True) == ["$12,346"]


@pytest.mark.parametrize("unit", ["currencyUSD", "percentunit", "s", "ns", "short", "none"])
def test_nothing_fails_where_there_is_nothing(unit: str) -> None:
    assert column([], unit) == []
    assert column([0], unit)[0].startswith(("$0", "0"))


def test_moments_are_utc() -> None:
    assert moment(datetime(2026, 11, 2, 6, 5, tzinfo=UTC)) == "2 Nov 06:05"
