from __future__ import annotations

import io

from rich.console import Console

from otel_llmcost.cli.tables import Column, fitting, printable, table_of

COLUMNS = [
    Column(header="feature", values=["search", "summary"], total="total"),
    Column(header="calls", values=["1", "2"], is_number=True, total="3"),
    Column(header="input", values=["1,000", "2,000"], is_number=True, rank=2, total="3,000"),
    Column(header="output", values=["10", "20"], is_number=True, rank=2, total="30"),
    Column(header="cost", values=["$0.000000000001", "unpriced"], is_number=True, total="$0.000000000001"),
]


def headers(width: int) -> list[str]:
    return [column.header for column in fitting(COLUMNS, width)]


def test_a_narrow_screen_leaves_out_what_matters_least() -> None:
    assert headers(200) == ["feature", "calls", "input", "output", "cost"]
    assert headers(50) == ["feature", "calls", "input", "cost"]
    assert headers(40) == ["feature", "calls", "cost"]
    assert headers(5) == ["feature", "calls", "cost"]


def test_what_fits_is_not_wider_than_the_screen() -> None:
    for width in range(38, 80):
        out = io.StringIO()
        Console(file=out, width=width, markup=False).print(table_of(COLUMNS, width=width, has_total=True))
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert any("$0.000000000001" in line for line in lines), f"an amount was cut at {width}"


def test_markup_and_escapes_in_names_are_text() -> None:
    columns = [Column(header="feature", values=["[red]a[/red]", ":smile:", "\x1b[31mb\x07", "tab\there"])]
    out = io.StringIO()
    Console(file=out, width=80, markup=False, emoji=False, highlight=False).print(table_of(columns, width=80))
    assert "[red]a[/red]" in out.getvalue()
    assert ":smile:" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert printable("\x1b[31mb\x07") == "\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"
    assert printable("Grüße, 世界") == "Grüße, 世界"
