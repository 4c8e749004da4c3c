"""Every dashboard is whole: titles, descriptions, units, links that lead somewhere, and nothing edited by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dashboards.__main__ import HERE, files
from tests.support.boards import Shown, shown

BOARDS = shown()
UIDS = {board.json["uid"] for board in BOARDS}


def test_what_is_committed_is_what_is_generated() -> None:
    """`make dashboards` leaves the tree clean."""
    found = {path for folder in ("generated", "alerting") for path in (HERE / folder).glob("*")}
    wanted = files()
    assert found == set(wanted)
    assert [path.name for path in found if path.read_text(encoding="utf-8") != wanted[path]] == []


def test_titles_and_uids_are_unique() -> None:
    assert len({board.json["title"] for board in BOARDS}) == len(BOARDS)
    assert len(UIDS) == len(BOARDS)
    assert [uid for uid in UIDS if not re.fullmatch(r"[a-z0-9-]{1,40}", uid)] == []


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
class TestBoard:
    def test_is_in_the_form_that_grafana_reads_from_files(self, board: Shown) -> None:
        assert board.json["schemaVersion"] in range(39, 43)
        assert board.json["editable"] is False
        assert board.json["timezone"] == "utc"
        assert "id" not in board.json
        assert board.json["description"].endswith(".")

    def test_panels_have_unique_ids_and_do_not_overlap(self, board: Shown) -> None:
        ids = [panel["id"] for panel in board.json["panels"]]
        assert sorted(ids) == sorted(set(ids))
        taken: set[tuple[int, int]] = set()
        for panel in board.json["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24, panel["title"]
            taken |= cells

    def test_every_panel_says_what_it_shows_and_what_is_missing_where_it_is_empty(self, board: Shown) -> None:
        for panel in board.panels:
            assert panel["title"]
            assert len(panel["description"]) > 40
            assert panel["description"].endswith(".")
            assert len(panel["fieldConfig"]["defaults"]["noValue"]) > 10, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]

    def test_everything_asks_the_data_source_that_is_chosen(self, board: Shown) -> None:
        sources = [panel["datasource"] for panel in board.panels]
        sources += [target["datasource"] for panel in board.panels for target in panel["targets"]]
        sources += [each["datasource"] for each in board.json["templating"]["list"] if each["type"] == "query"]
        sources += [each["datasource"] for each in board.json["annotations"]["list"]]
        wanted = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
        assert [source for source in sources if source != wanted] == []
        assert board.json["templating"]["list"][0]["name"] == "datasource"

    def test_links_lead_to_dashboards_and_set_variables_that_those_have(self, board: Shown) -> None:
        by_uid = {each.json["uid"]: each for each in BOARDS}
        links = [link["url"] for panel in board.panels for link in panel["links"]]
        links += [
            link["url"]
            for panel in board.panels
            for override in panel["fieldConfig"]["overrides"]
            for setting in override["properties"]
            if setting["id"] == "links"
            for link in setting["value"]
        ]
        assert len(links) >= len(board.panels)
        for link in set(links) - {"${trace_url:raw}${__data.fields.trace_id}"}:
            found = re.match(r"/d/([a-z-]+)\?", link)
            assert found, link
            target = by_uid[found[1]]
            names = {each["name"] for each in target.json["templating"]["list"]}
            assert set(re.findall(r"var-(\w+)=", link)) <= names, link
            kept = set(re.findall(r"\$\{(\w+):queryparam\}", link))
            assert kept <= {each["name"] for each in board.json["templating"]["list"]}, link
            assert kept <= names, link

    def test_production_is_shown_first(self, board: Shown) -> None:
        first = {each["name"]: each.get("current", {}).get("value") for each in board.json["templating"]["list"]}
        assert first["environment"] == ["production"]
        assert {tuple(first[name]) for name in board.variables if name != "environment"} <= {("$__all",)}

    def test_a_variable_that_is_there_is_obeyed_by_every_panel(self, board: Shown) -> None:
        for asked in board.asked:
            if asked.panel is None or asked.title in NOT_FILTERED:
                continue
            used = set(re.findall(r"\$\{(\w+):singlequote\}", asked.sql))
            assert set(board.variables) <= used, str(asked)


NOT_FILTERED = {
    "Firing now",  # an anomaly may be about no feature
    "What fired",
}


def _shown(column: str) -> dict[str, Any]:
    """Return what Grafana is told of a column by its name: of several overrides that match the last one holds."""
    [panel] = [panel for board in BOARDS for panel in board.panels if panel["title"] == "By feature"]
    told: dict[str, Any] = {}
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["id"] == "byRegexp" and re.search(override["matcher"]["options"].strip("/"), column):
            told |= {each["id"]: each["value"] for each in override["properties"]}
    return told


@pytest.mark.parametrize(
    ("column", "decimals"), [("a_call_usd", 4), ("p95_a_session_usd", 4), ("a_call_now_usd", 4), ("a_month_usd", 2)]
)
def test_what_a_call_costs_is_shown_beyond_cents(column: str, decimals: int) -> None:
    assert _shown(column)["decimals"] == decimals


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("yesterday_usd", "currencyUSD"),
        ("last_hour_usd_per_hour", "currencyUSD"),
        ("cache_hit_share", "percentunit"),
        ("lag_p95_s", "s"),
        ("calls", "short"),
    ],
)
def test_a_unit_is_known_by_the_end_of_a_name(column: str, unit: str) -> None:
    assert _shown(column)["unit"] == unit


def test_a_name_that_says_no_unit_has_none() -> None:
    assert "unit" not in _shown("feature")
