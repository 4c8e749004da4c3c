"""The alert files are in the shape that Grafana provisions, and their queries answer as its alerting needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from otel_llmcost.reports.alerts import RULES
from otel_llmcost.reports.grafana import Range, expand
from tests.support.boards import shown

if TYPE_CHECKING:
    from otel_llmcost.store import Store

HERE: Final = Path(__file__).parents[2] / "dashboards" / "alerting"


def loaded(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


PROVISIONED = [rule for group in loaded("rules.yaml")["groups"] for rule in group["rules"]]


def test_every_rule_is_provisioned_once() -> None:
    assert {rule["title"] for rule in PROVISIONED} == {rule.title for rule in RULES}
    uids = [rule["uid"] for rule in PROVISIONED]
    assert sorted(uids) == sorted(set(uids))
    assert [uid for uid in uids if not re.fullmatch(r"[a-z0-9-]{1,40}", uid)] == []
    assert [group["interval"] for group in loaded("rules.yaml")["groups"]] == ["60s", "300s", "600s", "3600s"]


@pytest.mark.parametrize("rule", PROVISIONED, ids=lambda rule: rule["uid"])
class TestRule:
    def test_queries_answer_with_one_number_and_labels(self, seeded: Store, until_ns: int, rule: Any) -> None:
        """Grafana reads a table without a time and with one numeric column as one alert a row."""
        at = Range(since_ms=until_ns // 10**6 - 3_600_000, until_ms=until_ns // 10**6)
        columns = set()
        for query in rule["data"][:-1]:
            assert query["datasourceUid"] == "llmcost-ch"
            described = seeded.query("DESCRIBE TABLE\n(\n" + expand(query["model"]["rawSql"], at) + "\n)").dicts()
            kinds = {row["name"]: row["type"] for row in described}
            assert kinds.pop("value") in ("Float64", "Nullable(Float64)")
            assert set(kinds.values()) <= {"String", "LowCardinality(String)"}
            columns.add(tuple(kinds))
            seeded.query(expand(query["model"]["rawSql"], at))
        assert len(columns) == 1  # the values of an alert are matched by its labels

    def test_uses_nothing_that_only_dashboards_know(self, rule: Any) -> None:
        for query in rule["data"][:-1]:
            assert "${" not in query["model"]["rawSql"]
            assert "conditionalAll" not in query["model"]["rawSql"]

    def test_any_row_is_an_alert_and_none_is_well(self, rule: Any) -> None:
        assert rule["condition"] == rule["data"][-1]["refId"] == "T"
        assert rule["data"][-1]["model"]["conditions"] == [{"evaluator": {"type": "gt", "params": [0]}}]
        assert rule["noDataState"] == "OK"

    def test_message_says_what_since_when_how_much_whose_and_how_to_stop_it(self, rule: Any) -> None:
        said = rule["annotations"]
        for value in ("$values.A.Value", "$values.B.Value", "$values.C.Value", "$values.D.Value"):
            assert value in said["description"]
        assert said["to_stop_it"]
        assert "$labels.owner" in said["owner"]
        assert "$labels.runbook" in said["runbook_url"]
        found = re.match(r"/d/([a-z-]+)\?", said["link"])
        assert found
        target = {board.json["uid"]: board for board in shown()}[found[1]]
        names = {each["name"] for each in target.json["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", said["link"])) <= names
        assert rule["labels"]["escalate_to"] in ("owner", "lead", "sponsor", "platform")
        assert not [text for text in rule["labels"].values() if "$" in text]


def test_contact_points_take_their_addresses_from_the_environment() -> None:
    points = [loaded(f"contact-{kind}.yaml")["contactPoints"][0] for kind in ("slack", "pagerduty", "email", "webhook")]
    assert [point["receivers"][0]["type"] for point in points] == ["slack", "pagerduty", "email", "webhook"]
    settings = [value for point in points for value in point["receivers"][0]["settings"].values()]
    assert sum(value.startswith("$LLMCOST_") for value in settings) == 4


def test_no_file_replaces_the_users_notification_policies() -> None:
    for path in HERE.glob("*.yaml"):
        assert "policies" not in yaml.safe_load(path.read_text(encoding="utf-8"))
