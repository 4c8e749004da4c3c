from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

from rich.console import Console

from otel_llmcost.cli.report_view import FIELDS, print_report, report_csv, report_json
from otel_llmcost.money import PicoUSD
from otel_llmcost.reports import Coverage, Measures, SpendReport, SpendRow, UnnamedSite, UnpricedReason, Window

DAY_NS = 86_400 * 10**9

SEARCH = Measures(calls=2, input_tokens=1_000, output_tokens=10, list_cost=PicoUSD(3), effective_cost=PicoUSD(2))
NOBODY = Measures(calls=1, unpriced_calls=1)
REPORT = SpendReport(
    window=Window(since_ns=0, until_ns=DAY_NS, timezone="Europe/Berlin"),
    by=("feature", "tenant"),
    rows=(
        SpendRow(("search", "acme"), SEARCH, Decimal("1.000000")),
        SpendRow(("", ""), NOBODY, None),
    ),
    groups=5,
    coverage=Coverage(
        total=Measures(calls=3, unpriced_calls=1, input_tokens=1_000, list_cost=PicoUSD(3), effective_cost=PicoUSD(2)),
        named_calls=2,
        named_cost=PicoUSD(3),
        rate_table_versions=("0123456789ab",),
        unnamed=(UnnamedSite("app:main:7", "checkout", 1, None),),
        unpriced=(UnpricedReason("unpriced_model", "openai", "gpt-99", "no rate card for openai/gpt-99", 1),),
    ),
)


def shown(report: SpendReport, width: int = 160) -> str:
    out = io.StringIO()
    print_report(report, Console(file=out, width=width, markup=False, emoji=False, highlight=False))
    return out.getvalue()


def test_json_has_exact_text_and_null_for_what_is_unknown() -> None:
    answer = json.loads(report_json(REPORT))
    assert answer["since"] == "1970-01-01T01:00:00+01:00"
    assert answer["rows"][0] == {
        "feature": "search",
        "tenant": "acme",
        "calls": 2,
        "errors": 0,
        "input_tokens": 1000,
        "cache_read_tokens": 0,
        "output_tokens": 10,
        "list_cost": "0.000000000003",
        "effective_cost": "0.000000000002",
        "unpriced_calls": 0,
        "share": "1.000000",
    }
    assert (answer["rows"][1]["feature"], answer["rows"][1]["list_cost"], answer["rows"][1]["share"]) == (
        "",
        None,
        None,
    )
    assert answer["rows_left_out"] == 3
    assert (answer["priced_calls"], answer["named_calls"], answer["named_share"]) == (2, 2, "1.000000")
    assert answer["name_next"] == [{"call_site": "app:main:7", "service": "checkout", "calls": 1, "list_cost": None}]


def test_csv_has_the_dimensions_and_every_field() -> None:
    header, first, second = csv.reader(report_csv(REPORT).splitlines())
    assert tuple(header) == ("feature", "tenant", *FIELDS)
    assert first[:3] == ["search", "acme", "2"]
    assert dict(zip(header, second, strict=True))["list_cost"] == ""


def test_a_table_names_what_is_unattributed_and_unpriced() -> None:
    text = shown(REPORT)
    assert "(unattributed)" in text
    assert "unpriced" in text
    assert "$0 " not in text
    assert "effective" in text, "negotiated prices differ, so both are shown"
    assert "3 more rows" in text


def test_the_footer_says_how_far_to_believe_it() -> None:
    text = shown(REPORT)
    assert "priced 2/3 · rate table 0123456789ab · named 2/3 calls, 100.0 % of the cost" in text
    assert "unpriced: 1 call of openai/gpt-99: no rate card for openai/gpt-99" in text
    assert "name next: app:main:7: 1 call, unpriced" in text


def test_without_calls_the_window_is_said() -> None:
    nothing = Coverage(total=Measures(), named_calls=0, named_cost=None, rate_table_versions=())
    empty = SpendReport(window=REPORT.window, by=("feature",), rows=(), groups=0, coverage=nothing)
    assert shown(empty) == "No calls from 1970-01-01 01:00 to 1970-01-02 01:00 Europe/Berlin.\n"


def test_a_narrow_screen_keeps_every_amount_whole() -> None:
    for width in (60, 70, 80, 100):
        assert "$0.000000000003" in shown(REPORT, width)
