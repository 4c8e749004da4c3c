"""Grafana's alert rules, contact points, templates and mute times, from the rules of `otel_llmcost.reports.alerts`.

An alert's labels name it: they hold what stays the same while it fires (feature, customer, owner) or changes seldom
(main driver, last change, worst offender). What changes from one evaluation to the next (dollars, since when) travels
as further queries of the rule, whose values the message reads: as labels they would make a new alert of every
evaluation.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from otel_llmcost.reports.alerts import RULES, Rule, sql_of
from otel_llmcost.reports.alerts.check import LADDER, STEP_HOURS

SOURCE: Final = "llmcost-ch"
"""The uid of the data source: alert rules know no variables."""

LABELS: Final = (
    *("feature", "environment", "tenant", "subject", "owner", "lead", "sponsor", "channel", "runbook"),
    *("driver", "marker", "offender"),
)
_INDENT: Final = re.compile(r"^ +", re.MULTILINE)
VALUES: Final = {"A": "value", "B": "so_far_usd", "C": "by_midnight_usd", "D": "since_s"}

CONTACTS: Final = {
    "slack": "LLMCOST_SLACK_URL",
    "pagerduty": "LLMCOST_PAGERDUTY_KEY",
    "email": "LLMCOST_EMAIL_TO",
    "webhook": "LLMCOST_WEBHOOK_URL",
}
"""The contact points, each with the variable that says where it is."""


def files() -> dict[str, str]:
    """Return each file of `alerting/` by its name."""
    return {
        "rules.yaml": _text(_RULES, {"apiVersion": 1, "groups": _groups()}),
        "templates.yaml": _text(_TEMPLATES, {"apiVersion": 1, "templates": [_template()]}),
        "mute-times.yaml": _text(_MUTES, {"apiVersion": 1, "muteTimes": [_nights()]}),
        "policy.yaml": _text(_POLICY, {"apiVersion": 1, "policies": [_policy()]}),
    } | {
        f"contact-{kind}.yaml": _text(_CONTACT, {"apiVersion": 1, "contactPoints": _contact_points(kind)})
        for kind in CONTACTS
    }


_RULES: Final = "The alert rules, written by `make dashboards`. SQL and thresholds: otel_llmcost/reports/alerts."
_CONTACT: Final = (
    "A place where alerts go. Provision it where its variable is set: Grafana refuses to start with an empty address."
)
_POLICY: Final = """What goes where, for a Grafana that has no notification policies of its own.
# Provisioned as a file it REPLACES the whole tree, so nothing here provisions it unless LLMCOST_GRAFANA_POLICY=replace
# is set. In a Grafana with a tree, add the routes to it by hand or leave them out: alerts then go where all others go.
# dashboards/provisioning/start.sh leaves out the routes whose contact point is not configured."""
_TEMPLATES: Final = "The text of a message: a notification policy or contact point names it as llm-cost-message."
_MUTES: Final = "Times at which a notification policy may be silent. Nothing here silences anything by itself."


def _groups() -> list[dict[str, Any]]:
    by_interval: dict[int, list[Rule]] = {}
    for rule in RULES:
        by_interval.setdefault(rule.every_s, []).append(rule)
    return [
        {
            "orgId": 1,
            "name": f"llm-cost-{every_s}s",
            "folder": "LLM Cost",
            "interval": f"{every_s}s",
            "rules": [_rule(rule) for rule in rules],
        }
        for every_s, rules in sorted(by_interval.items())
    ]


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "uid": f"llmcost-{rule.name.replace('_', '-')}",
        "title": rule.title,
        "condition": "T",
        "data": [*(_query(rule, ref, column) for ref, column in VALUES.items()), _threshold()],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": "0s",
        "keep_firing_for": "15m",
        "labels": {"domain": "llm-cost", "severity": rule.severity, "escalate_to": rule.level},
        "annotations": _annotations(rule),
        "isPaused": False,
    }


def _query(rule: Rule, ref: str, column: str) -> dict[str, Any]:
    """Return a query of one number and the labels: a table that Grafana reads as one alert a row.

    Its lines are indented by half, since each rule's SQL is there four times and a ConfigMap holds a mebibyte.
    """
    labels = ",\n".join(f"    toString(r.{label}) AS {label}" for label in LABELS)
    inner = "\n".join("    " + line if line else line for line in sql_of(rule).splitlines())
    return {
        "refId": ref,
        "relativeTimeRange": {"from": 3600, "to": 0},
        "datasourceUid": SOURCE,
        "model": {
            "refId": ref,
            "editorType": "sql",
            "format": 1,
            "queryType": "table",
            "rawSql": _INDENT.sub(
                lambda mark: " " * (len(mark[0]) // 2),
                f"SELECT\n{labels},\n    r.{column} AS value\nFROM\n(\n{inner}\n) AS r\n",
            ),
            "intervalMs": 60000,
            "maxDataPoints": 43200,
        },
    }


def _threshold() -> dict[str, Any]:
    """Any row is an alert: what is too much stands in the SQL."""
    return {
        "refId": "T",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {
            "refId": "T",
            "type": "threshold",
            "expression": "A",
            "datasource": {"type": "__expr__", "uid": "__expr__"},
            "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
        },
    }


def _annotations(rule: Rule) -> dict[str, str]:
    window = 'from={{ printf "%.0f" $values.D.Value }}000&to=now'
    chosen = "".join(f"&var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in rule.variables)
    named = " ".join(f"$labels.{name}" for name in ("feature", "tenant", "environment", "subject"))
    since = "Since {{ humanizeTimestamp $values.D.Value }}"
    money = ': ${{ printf "%.2f" $values.B.Value }} so far, ${{ printf "%.2f" $values.C.Value }} by midnight (UTC)'
    return {
        "summary": f'{rule.title}:{{{{ reReplaceAll " +" " " (printf " %s %s %s (%s)" {named}) }}}}',
        "description": 'By {{ printf "%.1f" $values.A.Value }} of the usual or of the limit.',
        "since": since + ("" if rule.scope == "none" else money) + ".",
        "driver": "{{ $labels.driver }}",
        "changed": "{{ $labels.marker }}",
        "most_of_it": "{{ $labels.offender }}",
        "for": _readers(rule),
        "to_stop_it": rule.stop,
        "runbook_url": "{{ $labels.runbook }}",
        "link": '{{ reReplaceAll "/+$" "" externalURL }}' + f"/d/llmcost-{rule.board}?{window}{chosen}",
    }


def _readers(rule: Rule) -> str:
    """Return whom to tell and whom next, as a template."""
    if rule.level not in LADDER:
        return rule.level
    named = (f"{role} {{{{ $labels.{role} }}}}" for role in LADDER[LADDER.index(rule.level) :])
    return " then ".join(named) + "{{ if $labels.channel }}, in {{ $labels.channel }}{{ end }}"


_SUBJECT: Final = '{{ template "llm-cost-subject" . }}'

_STEPS: Final = ("", "-next", "-last")
"""The ends of the names of a kind's contact points, by how far up the ladder they tell."""


def _contact_points(kind: str) -> list[dict[str, Any]]:
    """Return the contact points of a kind. PagerDuty has one: whom it wakes next, it knows by itself."""
    return [_contact_point(kind, step) for step in (_STEPS[:1] if kind == "pagerduty" else _STEPS)]


def _contact_point(kind: str, step: str) -> dict[str, Any]:
    message = f'{{{{ template "llm-cost-message{step}" . }}}}'
    settings: dict[str, dict[str, Any]] = {
        "slack": {"url": "$LLMCOST_SLACK_URL", "title": _SUBJECT, "text": message},
        "pagerduty": {
            "integrationKey": "$LLMCOST_PAGERDUTY_KEY",
            "severity": "{{ if .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}warning{{ end }}",
            "summary": _SUBJECT,
            "details": {"message": message},
        },
        "email": {"addresses": "$LLMCOST_EMAIL_TO", "subject": _SUBJECT, "message": message},
        "webhook": {"url": "$LLMCOST_WEBHOOK_URL", "httpMethod": "POST", "title": _SUBJECT, "message": message},
    }
    name = f"llmcost-{kind}{step}"
    return {"orgId": 1, "name": name, "receivers": [{"uid": name, "type": kind, "settings": settings[kind]}]}


def _policy() -> dict[str, Any]:
    """What is critical wakes somebody at any hour; the rest is told where people read, not at night.

    What is neither over nor silenced after some hours is told to the next one of the ladder, and then to the last: a
    route that waits so long before it tells anything never tells of what was over before.
    """
    return {
        "orgId": 1,
        "receiver": "grafana-default-email",
        "group_by": ["grafana_folder", "alertname"],
        "routes": [
            _route("llmcost-pagerduty", [_CRITICAL]),
            *(
                _route(f"llmcost-{kind}{end}", [severity, *first], step)
                for kind in CONTACTS
                if kind != "pagerduty"
                for step, (end, first) in enumerate(zip(_STEPS, _FIRST, strict=True))
                for severity in (_CRITICAL, ["severity", "!=", "critical"])
            ),
        ],
    }


_CRITICAL: Final = ["severity", "=", "critical"]
_FIRST: Final[tuple[list[list[str]], ...]] = (
    [],
    [["escalate_to", "=~", "|".join(LADDER[:2])]],
    [["escalate_to", "=", LADDER[0]]],
)
"""Whom an alert is first told to, for somebody to be left whom it is told to after as many steps."""


def _route(receiver: str, matchers: list[list[str]], step: int = 0) -> dict[str, Any]:
    route: dict[str, Any] = {
        "receiver": receiver,
        "object_matchers": [["domain", "=", "llm-cost"], *matchers],
        "continue": True,
    }
    if _CRITICAL not in matchers:
        route["mute_time_intervals"] = [NIGHTS]
    if step:
        route["group_wait"] = f"{step * STEP_HOURS}h"
    return route | {"group_by": ["alertname", "feature", "tenant", "environment"], "repeat_interval": "4h"}


def _template() -> dict[str, Any]:
    text = """{{ define "llm-cost-subject" -}}
{{ if eq .Status "resolved" }}Over: {{ end }}
{{- with index .Alerts 0 }}{{ .Annotations.summary }}{{ end }}
{{- if gt (len .Alerts) 1 }} and {{ len (slice .Alerts 1) }} more{{ end }}
{{- end -}}

{{ define "llm-cost-message-next" -}}
{{ if ne .Status "resolved" }}{{ with index .Alerts 0 -}}
Not over after NEXT hours: now for {{ if eq .Labels.escalate_to "owner" -}}
lead {{ .Labels.lead }}{{ else }}sponsor {{ .Labels.sponsor }}{{ end }}{{ end }}
{{ end }}{{ template "llm-cost-message" . }}
{{- end -}}

{{ define "llm-cost-message-last" -}}
{{ if ne .Status "resolved" }}{{ with index .Alerts 0 -}}
Not over after LAST hours: now for sponsor {{ .Labels.sponsor }}{{ end }}
{{ end }}{{ template "llm-cost-message" . }}
{{- end -}}

{{ define "llm-cost-message" -}}
{{ range .Alerts -}}
{{ .Annotations.summary }}{{ if eq .Status "resolved" }} - over{{ end }}
{{ .Annotations.description }}
{{ .Annotations.since }}
{{ with .Annotations.driver }}Driver: {{ . }}
{{ end -}}
{{ with .Annotations.changed }}Changed: {{ . }}
{{ end -}}
{{ with .Annotations.most_of_it }}Most of it: {{ . }}
{{ end -}}
For: {{ .Annotations.for }}
{{ with .Annotations.runbook_url }}Runbook: {{ . }}
{{ end -}}
To stop it: {{ .Annotations.to_stop_it }}
Look at: {{ .Annotations.link }}

{{ end -}}
{{ end -}}
"""
    text = text.replace("NEXT", str(STEP_HOURS)).replace("LAST", str(2 * STEP_HOURS))
    return {"orgId": 1, "name": "llm-cost-message", "template": text}


NIGHTS: Final = "llmcost-nights-and-weekends"


def _nights() -> dict[str, Any]:
    times = [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "06:00"}]
    return {
        "orgId": 1,
        "name": NIGHTS,
        "time_intervals": [{"times": times}, {"weekdays": ["saturday", "sunday"]}],
    }


class _Dumper(yaml.SafeDumper):
    """Writes SQL as a block, so that one can read it, and what is said twice twice."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


def _text(comment: str, content: dict[str, Any]) -> str:
    return f"# {comment}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
