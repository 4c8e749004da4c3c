"""Grafana's alert rules, contact points, templates and mute times, from the rules of `otel_llmcost.reports.alerts`.

An alert's labels name it: they hold what stays the same while it fires (feature, customer, owner). What changes from
one evaluation to the next (dollars, since when) travels as further queries of the rule, whose values the message reads:
as labels they would make a new alert of every evaluation.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from dashboards.boards.links import CUSTOMERS, FEATURE, OVERVIEW, TRUST
from otel_llmcost.reports.alerts import RULES, Rule, sql_of

SOURCE: Final = "llmcost-ch"
"""The uid of the data source: alert rules know no variables."""

LABELS: Final = ("feature", "environment", "tenant", "subject", "owner", "lead", "sponsor", "channel", "runbook")
VALUES: Final = {"A": "value", "B": "so_far_usd", "C": "by_midnight_usd", "D": "since_s"}

_BOARDS: Final = {
    "platform": TRUST,
    "sponsor": OVERVIEW,
    "tenant_surge": CUSTOMERS,
    "demo_account": CUSTOMERS,
}


def files() -> dict[str, str]:
    """Return each file of `alerting/` by its name."""
    return {
        "rules.yaml": _text(_RULES, {"apiVersion": 1, "groups": _groups()}),
        "templates.yaml": _text(_TEMPLATES, {"apiVersion": 1, "templates": [_template()]}),
        "mute-times.yaml": _text(_MUTES, {"apiVersion": 1, "muteTimes": [_nights()]}),
    } | {
        f"contact-{point['receivers'][0]['type']}.yaml": _text(_CONTACTS, {"apiVersion": 1, "contactPoints": [point]})
        for point in _contact_points()
    }


_RULES: Final = "The alert rules, written by `make dashboards`. SQL and thresholds: otel_llmcost/reports/alerts."
_CONTACTS: Final = (
    "A place where alerts go. Provision it where its variable is set: Grafana refuses to start with an empty address."
)
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
    """Return a query of one number and the labels: a table that Grafana reads as one alert a row."""
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
            "rawSql": f"SELECT\n{labels},\n    r.{column} AS value\nFROM\n(\n{inner}\n) AS r\n",
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
    board = _BOARDS.get(rule.name) or _BOARDS.get(rule.level, FEATURE)
    chosen = {FEATURE: "&var-feature={{ $labels.feature }}", CUSTOMERS: "&var-tenant={{ $labels.tenant }}"}
    return {
        "summary": f"{rule.title}: "
        "{{ $labels.feature }}{{ $labels.tenant }}{{ $labels.environment }} ({{ $labels.subject }})",
        "description": 'By {{ printf "%.1f" $values.A.Value }} of the usual or of the limit, since '
        "{{ humanizeTimestamp $values.D.Value }}: "
        '${{ printf "%.2f" $values.B.Value }} so far, ${{ printf "%.2f" $values.C.Value }} by midnight (UTC).',
        "to_stop_it": rule.stop,
        "owner": "{{ $labels.owner }} {{ $labels.channel }}",
        "runbook_url": "{{ $labels.runbook }}",
        "link": f"/d/{board}?from=now-6h&to=now{chosen.get(board, '')}",
    }


def _contact_points() -> list[dict[str, Any]]:
    text = '{{ template "llm-cost-message" . }}'
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "slack": ("slack", {"url": "$LLMCOST_SLACK_URL", "text": text}),
        "pagerduty": ("pagerduty", {"integrationKey": "$LLMCOST_PAGERDUTY_KEY", "summary": text}),
        "email": ("email", {"addresses": "$LLMCOST_EMAIL_TO", "message": text}),
        "webhook": ("webhook", {"url": "$LLMCOST_WEBHOOK_URL", "httpMethod": "POST", "message": text}),
    }
    return [
        {
            "orgId": 1,
            "name": f"llmcost-{name}",
            "receivers": [{"uid": f"llmcost-{name}", "type": kind, "settings": settings}],
        }
        for name, (kind, settings) in kinds.items()
    ]


def _template() -> dict[str, Any]:
    text = """{{ define "llm-cost-message" -}}
{{ range .Alerts -}}
{{ .Annotations.summary }}{{ if eq .Status "resolved" }} - over{{ end }}
{{ .Annotations.description }}
Owner: {{ .Annotations.owner }}
To stop it: {{ .Annotations.to_stop_it }}
{{ if .Annotations.runbook_url }}Runbook: {{ .Annotations.runbook_url }}
{{ end -}}
{{ .Annotations.link }}
{{ end -}}
{{ end -}}
"""
    return {"orgId": 1, "name": "llm-cost-message", "template": text}


def _nights() -> dict[str, Any]:
    times = [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "06:00"}]
    return {
        "orgId": 1,
        "name": "llmcost-nights-and-weekends",
        "time_intervals": [{"times": times}, {"weekdays": ["saturday", "sunday"]}],
    }


class _Dumper(yaml.SafeDumper):
    """Writes SQL as a block, so that one can read it."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


def _text(comment: str, content: dict[str, Any]) -> str:
    return f"# {comment}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
