"""The alert files are in the shape that Grafana provisions, and their queries answer as its alerting needs."""

from __future__ import annotations

import os
import re
import subprocess
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
        """Grafana reads a table without a time and with one numeric column as one alert a row.

        What they answer is compared by `test_alerts`, on months in which something happens.
        """
        at = Range(since_ms=until_ns // 10**6 - 3_600_000, until_ms=until_ns // 10**6)
        columns = set()
        for query in rule["data"][:-1]:
            assert query["datasourceUid"] == "llmcost-ch"
            described = seeded.query("DESCRIBE TABLE\n(\n" + expand(query["model"]["rawSql"], at) + "\n)").dicts()
            kinds = {row["name"]: row["type"] for row in described}
            assert kinds.pop("value") in ("Float64", "Nullable(Float64)")
            assert set(kinds.values()) <= {"String", "LowCardinality(String)"}
            columns.add(tuple(kinds))
        assert len(columns) == 1  # the values of an alert are matched by its labels

    def test_uses_nothing_that_only_dashboards_know(self, rule: Any) -> None:
        for query in rule["data"][:-1]:
            assert "${" not in query["model"]["rawSql"]
            assert "conditionalAll" not in query["model"]["rawSql"]

    def test_any_row_is_an_alert_and_none_is_well(self, rule: Any) -> None:
        assert rule["condition"] == rule["data"][-1]["refId"] == "T"
        assert rule["data"][-1]["model"]["conditions"] == [{"evaluator": {"type": "gt", "params": [0]}}]
        assert rule["noDataState"] == "OK"

    def test_message_says_what_since_when_how_much_why_whose_and_how_to_stop_it(self, rule: Any) -> None:
        said = rule["annotations"]
        values = ["$values.A.Value", "$values.D.Value"]
        values += [] if rule["uid"] in WITHOUT_MONEY else ["$values.B.Value", "$values.C.Value"]
        assert [value for value in values if value not in said["description"] + said["since"]] == []
        for name, label in (("driver", "driver"), ("changed", "marker"), ("most_of_it", "offender")):
            assert said[name] == f"{{{{ $labels.{label} }}}}"
        assert said["to_stop_it"]
        assert rule["labels"]["escalate_to"] in said["for"]
        assert "$labels.runbook" in said["runbook_url"]
        assert not [text for text in rule["labels"].values() if "$" in text]

    def test_link_leads_to_a_dashboard_with_the_window_and_variables_that_it_has(self, rule: Any) -> None:
        found = re.search(r"\}\}/d/([a-z-]+)\?from=.*\$values\.D\.Value \}\}000&to=now", rule["annotations"]["link"])
        assert found
        target = {board.json["uid"]: board for board in shown()}[found[1]]
        names = {each["name"] for each in target.json["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", rule["annotations"]["link"])) <= names

    def test_who_is_told_first_and_who_next_stands_in_its_labels(self, rule: Any) -> None:
        assert rule["labels"]["escalate_to"] in ("owner", "lead", "sponsor", "platform")
        ladder = {"owner": "owner lead sponsor", "lead": "lead sponsor", "sponsor": "sponsor"}
        wanted = ladder.get(rule["labels"]["escalate_to"], "")
        assert " ".join(re.findall(r"\$labels\.(owner|lead|sponsor)", rule["annotations"]["for"])) == wanted


WITHOUT_MONEY = {f"llmcost-{rule.name.replace('_', '-')}" for rule in RULES if rule.scope == "none"}


def test_only_what_is_no_spend_tells_no_money() -> None:
    names = ("unpriced-model", "silence", "collector-lag", "disk-full", "stale-rates")
    assert {f"llmcost-{name}" for name in names} == WITHOUT_MONEY


def test_contact_points_take_their_addresses_from_the_environment() -> None:
    points = [loaded(f"contact-{kind}.yaml")["contactPoints"][0] for kind in KINDS]
    assert [point["receivers"][0]["type"] for point in points] == list(KINDS)
    points = [point for kind in KINDS for point in loaded(f"contact-{kind}.yaml")["contactPoints"]]
    settings = [str(value) for point in points for value in point["receivers"][0]["settings"].values()]
    assert sum(value.startswith("$LLMCOST_") for value in settings) == len(points) == 3 * 3 + 1
    assert [value for value in settings if "$" in value and not re.fullmatch(r"\$LLMCOST_[A-Z_]+", value)] == []


def test_every_message_is_by_a_template_that_is_provisioned() -> None:
    [template] = loaded("templates.yaml")["templates"]
    defined = set(re.findall(r'\{\{ define "([a-z-]+)"', template["template"]))
    text = template["template"] + "".join(str(loaded(f"contact-{kind}.yaml")) for kind in KINDS)
    used = set(re.findall(r'\{\{ template "([a-z-]+)"', text))
    assert used == defined


KINDS = ("slack", "pagerduty", "email", "webhook")


def test_policies_send_what_is_critical_at_any_hour_and_ours_only() -> None:
    [policy] = loaded("policy.yaml")["policies"]
    [muted] = loaded("mute-times.yaml")["muteTimes"]
    for route in policy["routes"]:
        assert ["domain", "=", "llm-cost"] in route["object_matchers"]
        is_critical = ["severity", "=", "critical"] in route["object_matchers"]
        assert route.get("mute_time_intervals", []) == ([] if is_critical else [muted["name"]])
        assert route["continue"] is True  # each of them is told, not the first alone
    receivers = {route["receiver"] for route in policy["routes"]}
    assert receivers == {point["name"] for kind in KINDS for point in loaded(f"contact-{kind}.yaml")["contactPoints"]}


def test_what_is_not_over_after_four_hours_is_told_to_the_next_and_after_eight_to_the_last() -> None:
    """Alertmanager tells a group first when it is as old as its route's group_wait, and never if it is over by then."""
    [policy] = loaded("policy.yaml")["policies"]
    for level, waits in (
        ("owner", {"llmcost-slack": None, "llmcost-slack-next": "4h", "llmcost-slack-last": "8h"}),
        ("lead", {"llmcost-slack": None, "llmcost-slack-next": "4h"}),
        ("sponsor", {"llmcost-slack": None}),
        ("platform", {"llmcost-slack": None}),
    ):
        for severity in ("warning", "critical"):
            labels = {"domain": "llm-cost", "severity": severity, "escalate_to": level}
            told = [route for route in policy["routes"] if takes(route, labels) and "slack" in route["receiver"]]
            assert {route["receiver"]: route.get("group_wait") for route in told} == waits
            assert len(told) == len(waits)


def takes(route: Any, labels: dict[str, str]) -> bool:
    how = {"=": str.__eq__, "!=": str.__ne__, "=~": lambda value, pattern: bool(re.fullmatch(pattern, value))}
    return all(how[sign](labels[name], value) for name, sign, value in route["object_matchers"])


def gathered(tmp_path: Path, **environ: str) -> Path:
    """Return what `start.sh` gathers for Grafana, which it starts with its own arguments."""
    (tmp_path / "source").mkdir()
    for name in ("alerting", "provisioning"):
        (tmp_path / "source" / name).symlink_to(HERE.parent / name)
    run = {"GF_PATHS_PROVISIONING": str(tmp_path / "out"), "LLMCOST_PROVISIONING": str(tmp_path / "source")}
    given = {"PATH": os.environ["PATH"], "LLMCOST_GRAFANA_RUN": "/bin/echo"} | run | environ
    done = subprocess.run(
        ["sh", HERE.parent / "provisioning" / "start.sh", "--config=x"], env=given, capture_output=True, check=True
    )
    assert done.stdout == b"--config=x\n"
    return tmp_path / "out"


def test_grafana_is_given_only_contact_points_that_are_configured(tmp_path: Path) -> None:
    out = gathered(tmp_path, LLMCOST_SLACK_URL="https://hooks.example.com/x", LLMCOST_EMAIL_TO="a@example.com")
    assert {path.name for path in (out / "alerting").iterdir()} == {
        "llmcost-rules.yaml",
        "llmcost-templates.yaml",
        "llmcost-mute-times.yaml",
        "llmcost-contact-slack.yaml",
        "llmcost-contact-email.yaml",
    }
    assert [path.name for path in (out / "datasources").iterdir()] == ["llmcost.yaml"]
    assert [path.name for path in (out / "dashboards").iterdir()] == ["llmcost.yaml"]


def test_policies_are_given_only_where_they_may_replace_others_and_name_only_what_is_there(tmp_path: Path) -> None:
    configured = {"LLMCOST_SLACK_URL": "https://hooks.example.com/x", "LLMCOST_PAGERDUTY_KEY": "0" * 32}
    out = gathered(tmp_path, LLMCOST_GRAFANA_POLICY="replace", **configured)
    [policy] = yaml.safe_load((out / "alerting" / "llmcost-policy.yaml").read_text())["policies"]
    assert [route["receiver"] for route in policy["routes"]] == [
        *("llmcost-pagerduty", "llmcost-slack", "llmcost-slack"),
        *("llmcost-slack-next", "llmcost-slack-next", "llmcost-slack-last", "llmcost-slack-last"),
    ]


def test_without_a_contact_point_no_policies_are_replaced(tmp_path: Path) -> None:
    out = gathered(tmp_path, LLMCOST_GRAFANA_POLICY="replace")
    assert not (out / "alerting" / "llmcost-policy.yaml").exists()


def test_only_the_file_that_says_so_replaces_the_users_notification_policies() -> None:
    for path in HERE.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert ("policies" in yaml.safe_load(text)) == (path.name == "policy.yaml")
        assert ("REPLACES the whole tree" in text) == (path.name == "policy.yaml")
