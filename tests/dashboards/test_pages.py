"""The pages show what the panels' queries answer: every number, on both engines."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from otel_llmcost.pages import Asker, answer, chosen_first, load_boards, offline_page
from tests.dashboards.test_numbers import answers
from tests.support.pages import PanelRead, read

if TYPE_CHECKING:
    from otel_llmcost.store import Store

THIN = "\N{NARROW NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def page(seeded: Store, until_ns: int) -> str:
    asker = Asker(seeded)
    shown = [answer(asker, board, chosen_first(board, now_ms=until_ns // 10**6)) for board in load_boards()]
    return offline_page(shown, made_at=datetime.fromtimestamp(until_ns // 10**9, UTC))


@pytest.fixture(scope="module")
def panels(page: str) -> dict[str, dict[str, PanelRead]]:
    return read(page)[0]


def test_every_panel_of_every_dashboard_is_there_and_none_has_failed(panels: dict[str, dict[str, PanelRead]]) -> None:
    for board in load_boards():
        assert list(panels[board.uid]) == [panel.title for panel in board.panels]
        for panel in panels[board.uid].values():
            assert not [text for text in panel.said if text.startswith("This could not be asked")]


def test_a_stat_shows_what_its_query_answers(
    seeded: Store, until_ns: int, panels: dict[str, dict[str, PanelRead]]
) -> None:
    [row] = answers(seeded, "overview", "Yesterday", until_ns)
    figures = panels["llmcost-overview"]["Yesterday"].figures
    assert figures["Yesterday"] == f"${row['yesterday_usd']:,.2f}"
    assert figures["Normal"] == f"${row['normal_usd']:,.2f}"
    assert figures["Change"].strip(f"+{THIN}%") == f"{100 * row['change_share']:.1f}".rstrip("%")


def test_a_table_shows_every_row_and_column(
    seeded: Store, until_ns: int, panels: dict[str, dict[str, PanelRead]]
) -> None:
    rows = answers(seeded, "overview", "By feature", until_ns)
    [heads, *shown] = panels["llmcost-overview"]["By feature"].cells
    assert heads[:4] == ["Feature", "Yesterday", "Mean of 7 days", "Month"]
    assert len(shown) == len(rows)
    for cells, row in zip(shown, rows, strict=True):
        assert cells[0] == row["feature"]
        assert number(cells[1]) == pytest.approx(row["yesterday_usd"], abs=0.005)
        assert number(cells[3]) == pytest.approx(row["month_usd"], abs=0.005)


def test_series_over_time_are_the_numbers_themselves(
    seeded: Store, until_ns: int, panels: dict[str, dict[str, PanelRead]]
) -> None:
    chart = panels["llmcost-overview"]["By day and feature"].chart
    shown = {
        (at, series["name"]): value
        for series in chart["series"]
        for at, value in zip(chart["times"], series["values"], strict=True)
        if value is not None
    }
    rows = answers(seeded, "overview", "By day and feature", until_ns)
    assert shown == {(stamp(row["time"]), row["feature"]): row["usd"] for row in rows}


def test_a_bridge_leads_from_one_total_to_the_other(
    seeded: Store, until_ns: int, panels: dict[str, dict[str, PanelRead]]
) -> None:
    rows = answers(seeded, "overview", "From the normal day to yesterday", until_ns)
    cells = panels["llmcost-overview"]["From the normal day to yesterday"].cells
    assert [row[0] for row in cells] == [row["step"] for row in rows]
    assert [number(row[-1]) for row in cells] == pytest.approx([row["usd"] for row in rows], abs=0.005)


def test_an_empty_panel_says_what_is_missing(seeded: Store) -> None:
    long_ago = 10**12
    board = load_boards()[0]
    shown = offline_page(
        [answer(Asker(seeded), board, chosen_first(board, now_ms=long_ago))], made_at=datetime.fromtimestamp(0, UTC)
    )
    firing = read(shown)[0]["llmcost-overview"]["Firing now"]
    assert firing.said[-1] == "Nothing fired in the last day, or `llmcost check` does not run yet."


def test_a_link_in_the_page_leads_to_a_dashboard_of_the_page(page: str) -> None:
    _, tags = read(page)
    uids = {told["id"] for tag, told in tags if tag == "section" and told.get("id")}
    targets = {told["href"] for tag, told in tags if tag == "a"}
    assert targets <= {f"#{uid}" for uid in uids} | {"#main"}
    assert {f"#{uid}" for uid in uids} <= targets


def test_every_table_has_a_caption_and_every_chart_a_name(page: str) -> None:
    _, tags = read(page)
    names = [tag for tag, _ in tags]
    assert names.count("caption") == names.count("table")
    charts = [told for _, told in tags if told.get("class") == "chart"]
    assert charts
    assert all(told["aria-label"] and told["tabindex"] == "0" for told in charts)
    assert names.count("h1") == 1


def test_a_question_is_asked_once(seeded: Store, until_ns: int) -> None:
    asked: list[str] = []

    class Counting:
        def query(self, sql: str) -> Any:
            asked.append(sql)
            return seeded.query(sql)

    asker = Asker(Counting())  # type: ignore[arg-type]
    board = load_boards()[0]
    chosen = chosen_first(board, now_ms=until_ns // 10**6)
    answer(asker, board, chosen)
    answer(asker, board, chosen)
    assert len(asked) == len(set(asked))


def number(text: str) -> float:
    """Return the number that a cell shows; what is said to be less than a cent is taken as none."""
    if text.startswith("<"):
        return 0
    found = re.sub(r"[^\d.\-]", "", text.replace("\N{MINUS SIGN}", "-"))
    return float(found)


def stamp(at: datetime) -> int:
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
