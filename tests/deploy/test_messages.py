"""What an alert says in Grafana: its annotations and message, executed by the template engines that read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

ALERTING = ROOT / "dashboards" / "alerting"
RULES = [
    rule
    for group in yaml.safe_load((ALERTING / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
TEMPLATES = yaml.safe_load((ALERTING / "templates.yaml").read_text(encoding="utf-8"))["templates"]
LABELS = {
    "feature": "search & find",
    "environment": "",
    "tenant": "acme",
    "subject": "spend velocity",
    "owner": "Grace",
    "lead": "Ken",
    "sponsor": "Ada",
    "channel": "#growth",
    "runbook": "https://runbooks.example.com/search",
    "driver": "more calls",
    "marker": "release 2.4.0 of 2026-11-20 10:00",
    "offender": "acme app:1",
}
VALUES = {"A": 9.04, "B": 12.5, "C": 1234.567, "D": 1_790_000_000.0}


def annotated(checker: Callable[..., str], rule: Any, **labels: str) -> dict[str, str]:
    asked = {"Annotations": rule["annotations"], "Labels": LABELS | labels, "Values": VALUES}
    found: dict[str, str] = json.loads(checker("annotations", given=json.dumps(asked)))
    return found


def messages(
    checker: Callable[..., str], which: str, alerts: list[dict[str, str]], status: str = "firing", **labels: str
) -> str:
    told = [{"status": status, "labels": LABELS | labels, "annotations": each} for each in alerts]
    asked = {
        "Templates": [each["template"] for each in TEMPLATES],
        "Message": f'{{{{ template "{which}" . }}}}',
        "Data": {"Status": status, "Alerts": told, "Labels": {}},
    }
    return checker("message", given=json.dumps(asked))


def rule_named(uid: str) -> Any:
    return next(rule for rule in RULES if rule["uid"] == uid)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_every_annotation_can_be_executed(checker: Callable[..., str], rule: Any) -> None:
    said = annotated(checker, rule)
    assert [name for name, text in said.items() if "no value" in text or "{{" in text] == []
    assert said["link"].startswith("https://grafana.example.com/d/llmcost-")
    assert "from=1790000000000&to=now" in said["link"]


def test_a_message_says_all_of_it(checker: Callable[..., str]) -> None:
    said = annotated(checker, rule_named("llmcost-velocity"))
    assert messages(checker, "llm-cost-message", [said]).strip().splitlines() == [
        "Money runs: search & find acme (spend velocity)",
        "By 9.0 of the usual or of the limit.",
        "Since 2026-09-21 14:13:20 +0000 UTC: $12.50 so far, $1234.57 by midnight (UTC).",
        "Driver: more calls",
        "Changed: release 2.4.0 of 2026-11-20 10:00",
        "Most of it: acme app:1",
        "For: owner Grace then lead Ken then sponsor Ada, in #growth",
        "Runbook: https://runbooks.example.com/search",
        "To stop it: " + said["to_stop_it"],
        "Look at: https://grafana.example.com/d/llmcost-feature?from=1790000000000&to=now&var-feature=search+%26+find",
    ]


@pytest.mark.parametrize(
    ("first", "which", "line"),
    [
        ("owner", "next", "Not over after 4 hours: now for lead Ken"),
        ("owner", "last", "Not over after 8 hours: now for sponsor Ada"),
        ("lead", "next", "Not over after 4 hours: now for sponsor Ada"),
    ],
)
def test_what_is_not_over_says_first_whom_it_is_told_to_now(
    checker: Callable[..., str], first: str, which: str, line: str
) -> None:
    said = annotated(checker, rule_named("llmcost-velocity"))
    usual = messages(checker, "llm-cost-message", [said]).strip()
    assert messages(checker, f"llm-cost-message-{which}", [said], escalate_to=first).strip() == f"{line}\n{usual}"
    over = messages(checker, "llm-cost-message", [said], "resolved").strip()
    assert messages(checker, f"llm-cost-message-{which}", [said], "resolved", escalate_to=first).strip() == over


def test_what_is_not_known_leaves_no_empty_line(checker: Callable[..., str]) -> None:
    rule = rule_named("llmcost-collector-lag")
    said = annotated(checker, rule, driver="", marker="", offender="", runbook="", channel="", owner="")
    lines = messages(checker, "llm-cost-message", [said]).strip().splitlines()
    assert [line.partition(":")[0] for line in lines[3:]] == ["For", "To stop it", "Look at"]
    assert "$" not in lines[2]


def test_several_alerts_are_one_message_with_one_subject(checker: Callable[..., str]) -> None:
    first, second = (annotated(checker, rule_named(f"llmcost-{name}")) for name in ("velocity", "prompt-growth"))
    assert messages(checker, "llm-cost-subject", [first, second]) == f"{first['summary']} and 1 more"
    assert messages(checker, "llm-cost-subject", [first], "resolved") == f"Over: {first['summary']}"
    assert f"{second['summary']} - over" in messages(checker, "llm-cost-message", [first, second], "resolved")


def test_pagerduty_is_told_the_severity_of_what_came_together_only_if_it_is_one(checker: Callable[..., str]) -> None:
    point = yaml.safe_load((ALERTING / "contact-pagerduty.yaml").read_text(encoding="utf-8"))["contactPoints"][0]
    template = point["receivers"][0]["settings"]["severity"]
    for labels, wanted in (({"severity": "critical"}, "critical"), ({}, "warning")):
        asked = {"Templates": [], "Message": template, "Data": {"Status": "firing", "Alerts": [], "Labels": labels}}
        assert checker("message", given=json.dumps(asked)) == wanted
