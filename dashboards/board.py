"""A dashboard: its rows of panels, the variables that all of them obey, and the events drawn over them."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

with warnings.catch_warnings():
    # Grafana reads files in the classic form only, which the SDK would rather see gone.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import PLUGIN, SOURCE, TIME_SERIES, Panel, Question
from dashboards.sql import ALL, query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TAG: Final = "llm-cost"

_OF_INTERVALS: Final = ("auto", "auto_min", "auto_count")
"""What the SDK writes into every variable, and Grafana knows of intervals only."""

_OF_OLD_TABLES: Final = "footer"
"""An option that the SDK writes for tables, of which Grafana 13 knows nothing and older ones do without."""

LABELS: Final = {
    "environment": "Environment",
    "team": "Team",
    "feature": "Feature",
    "tenant": "Tenant",
    "provider": "Provider",
    "model": "Model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard.

    Attributes:
        uid: Names it in links, for good.
        title: Its name.
        says: The question that it answers.
        variables: By which one may filter; every panel obeys all of them.
        rows: Its panels under their headings, in order.
        since: How far back it looks at first, in Grafana's words.
        texts: Variables that one types, by name: their label and first value.
        choices: Variables of one value each that a query of `queries/variables/` offers, by name: their label.
    """

    uid: str
    title: str
    says: str
    variables: Sequence[str]
    rows: Mapping[str, Sequence[Panel]]
    since: str = "now-14d"
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> str:
        """Return Grafana's classic JSON."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            built = json.loads(json.dumps(self._builder().build(), cls=JSONEncoder))
        for variable in built["templating"]["list"]:
            for name in _OF_INTERVALS:
                variable.pop(name, None)
        for panel in built["panels"]:
            panel.get("options", {}).pop(_OF_OLD_TABLES, None)
        return json.dumps(built, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _builder(self) -> Any:
        builder = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.says)
            .tags([TAG])
            .readonly()
            .time(self.since, "now")
            .timezone("utc")
            .week_start("monday")
            .refresh("5m")
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .link(_all_boards())
        )
        for variable in self._variables():
            builder = builder.with_variable(variable)
        for name, kinds, color in _EVENTS:
            builder = builder.annotation(_events(name, kinds, color))
        number = 0
        for heading, panels in self.rows.items():
            number += 1
            builder = builder.with_row(dashboard.Row(heading).id(number))
            for panel in panels:
                number += 1
                builder = builder.with_panel(panel.build(number, self.variables))
        return builder

    def _variables(self) -> list[Any]:
        source = dashboard.DatasourceVariable("datasource").label("Data source").type(PLUGIN)
        chosen = [_variable(name) for name in self.variables]
        offered = [_choice(name, label) for name, label in self.choices.items()]
        typed = [
            dashboard.TextBoxVariable(name).label(label).default_value(first)
            for name, (label, first) in self.texts.items()
        ]
        return [source, *chosen, *offered, *typed]


def _variable(name: str) -> Any:
    """Return a variable of which one may choose several values, or all: production alone at first, or all."""
    first = ("production", ["production"]) if name == "environment" else ("All", ["$__all"])
    sql = query(f"variables/{name}")
    return (
        dashboard.QueryVariable(name)
        .label(LABELS[name])
        .datasource(SOURCE)
        .query({"editorType": "sql", "rawSql": sql, "refId": name})
        .definition(sql)
        .current(models.VariableOption(selected=True, text=first[0], value=list(first[1])))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
    )


def _choice(name: str, label: str) -> Any:
    sql = query(f"variables/{name}")
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"editorType": "sql", "rawSql": sql, "refId": name})
        .definition(sql)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(False)
        .include_all(False)
    )


_EVENTS: Final = (
    ("Releases", ("release",), "blue"),
    ("Prompt changes", ("prompt_change",), "purple"),
    ("Price changes", ("price_change",), "orange"),
)


def _events(name: str, kinds: Sequence[str], color: str) -> Any:
    sql = query("annotations").replace("{kinds}", ", ".join(f"'{kind}'" for kind in kinds))
    target = Question(sql, TIME_SERIES, ref_id="annotation").to_json()
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .hide(False)
        .icon_color(color)
        .target(_Raw(target))
    )


class _Raw:
    """A target that is JSON already."""

    def __init__(self, target: dict[str, object]) -> None:
        self._target = target

    def build(self) -> Any:
        return self

    def to_json(self) -> dict[str, object]:
        return self._target


def _all_boards() -> Any:
    return (
        dashboard.DashboardLink("LLM cost")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )
