"""The few kinds of panel that the dashboards are made of, over Grafana's foundation SDK.

A column's name says its unit, in the queries, in the tables and in the tests alike: `yesterday_usd` is money,
`cache_hit_share` a part of one, `lag_s` seconds. So a panel says what it asks and what it means, and no number is
ever shown without its unit.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

with warnings.catch_warnings():
    # Grafana reads files in the classic form only, which the SDK would rather see gone.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import barchart, bargauge, common, dashboard, stat, table, timeseries
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models

from dashboards.sql import query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLUGIN: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.20.0"
SOURCE: Final = common_models.DataSourceRef(type_val=PLUGIN, uid="${datasource}")

UNITS: Final = {
    "usd": "currencyUSD",
    "share": "percentunit",
    "factor": "none",
    "s": "s",
    "ns": "ns",
    "tokens": "short",
    "calls": "short",
    "count": "short",
    "usd_per_hour": "currencyUSD",
}
"""Grafana's unit for each ending of a column's name, the longest ending first."""

_SMALL: Final = r"/(^|_)a_(call|session)(_\w+)?_usd$/"
"""Money of which cents say nothing."""

TIME_SERIES: Final = 0
TABLE: Final = 1


@dataclass(frozen=True, slots=True)
class Question:
    """A target of the ClickHouse plugin, in the JSON that it reads."""

    sql: str
    form: int
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        """Return the JSON object."""
        return {
            "refId": self.ref_id,
            "datasource": {"type": PLUGIN, "uid": "${datasource}"},
            "editorType": "sql",
            "rawSql": self.sql,
            "format": self.form,
            "queryType": "timeseries" if self.form == TIME_SERIES else "table",
            "pluginVersion": PLUGIN_VERSION,
        }


class _Target(Builder[Dataquery], Dataquery):
    def __init__(self, question: Question) -> None:
        self._question = question

    def build(self) -> Any:
        return self._question


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where one goes next: a dashboard by its uid, its `var-` parameters, and what the link says."""

    title: str
    uid: str
    variables: Mapping[str, str] = field(default_factory=dict)
    keeps: Sequence[str] = ("environment",)

    @property
    def url(self) -> str:
        """Return the address, with the time range and the variables that are kept."""
        parts = ["${__url_time_range}", *(f"${{{name}:queryparam}}" for name in self.keeps)]
        parts += [f"var-{name}={value}" for name, value in self.variables.items()]
        return f"/d/{self.uid}?" + "&".join(parts)

    def build(self) -> Any:
        """Return the SDK's builder of it."""
        return dashboard.DashboardLink(self.title).url(self.url).type(models.DashboardLinkType.LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A link out of Grafana's dashboards."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel.

    Attributes:
        kind: stat, table, lines, bars (stacked over time), ranking (one bar a row) or bridge (columns side by side).
        title: What it shows, in words.
        says: How to read it, and from what it is computed.
        sql: The file of `queries/` that asks.
        empty: What is missing where it shows nothing.
        link: Where one goes from here.
        cells: Links of single columns of a table, by column.
        unit: Of a panel over time, whose columns are named by its series; elsewhere columns say it.
        width: Columns of 24.
        height: Rows of 30 pixels.
        interval: The least interval of a panel over time.
        is_better_low: Whether red means high.
    """

    kind: str
    title: str
    says: str
    sql: str
    empty: str
    link: Link
    cells: Mapping[str, Link | Address] = field(default_factory=dict)
    unit: str = "currencyUSD"
    width: int = 12
    height: int = 8
    interval: str = "1h"

    @property
    def form(self) -> int:
        """Return the plugin's number for the shape of the answer."""
        return TIME_SERIES if self.kind in ("lines", "bars") else TABLE

    def build(self, number: int, variables: Sequence[str]) -> Any:
        """Return the SDK's builder of the panel with this id, on a dashboard that has these variables."""
        panel: Any = _KINDS[self.kind](self)
        return (
            panel.id(number)
            .title(self.title)
            .description(self.says)
            .datasource(SOURCE)
            .with_target(_Target(Question(query(self.sql, variables), self.form)))
            .no_value(self.empty)
            .links([self.link.build()])
            .height(self.height)
            .span(self.width)
        )


def title_of(column: str) -> str:
    """Return how a column is headed: its name without its unit, in words."""
    for ending in sorted(UNITS, key=len, reverse=True):
        if column.endswith(f"_{ending}") and ending not in ("tokens", "calls", "usd_per_hour"):
            column = column.removesuffix(f"_{ending}")
            break
    return column.replace("_", " ").capitalize()


def _columned(panel: Any, spec: Panel) -> Any:
    """Give each column the unit that its name says, and its links."""
    for ending in sorted(UNITS, key=len):
        properties = [models.DynamicConfigValue(id_val="unit", value=UNITS[ending])]
        if ending == "usd":
            properties.append(models.DynamicConfigValue(id_val="decimals", value=2))
        panel = panel.override_by_regexp(f"/(^|_){ending}$/", properties)
    panel = panel.override_by_regexp(_SMALL, [models.DynamicConfigValue(id_val="decimals", value=4)])
    for column, link in spec.cells.items():
        shown = models.DynamicConfigValue(id_val="links", value=[{"title": link.title, "url": link.url}])
        panel = panel.override_by_name(column, [shown])
    return panel


def _rows(*, limit: int | None = None) -> Any:
    """Have every row be a value of its own, not the last row only."""
    reduce = common.ReduceDataOptions().values(True).calcs(["lastNotNull"])
    return reduce if limit is None else reduce.limit(limit)


def _stat(spec: Panel) -> Any:
    panel = (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().values(True).calcs(["lastNotNull"]).fields("/.*/"))
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.NONE)
        .text_mode(common_models.BigValueTextMode.VALUE_AND_NAME)
        .unit("short")
    )
    return _columned(panel, spec)


def _table(spec: Panel) -> Any:
    panel = table.Panel().unit("short").cell_height(common_models.TableCellHeight.SM)
    return _columned(panel, spec)


def _sentence(spec: Panel) -> Any:
    """Show one row of text as large as it may be."""
    return (
        stat.Panel()
        .reduce_options(_rows(limit=1).fields("/.*/"))
        .text_mode(common_models.BigValueTextMode.VALUE)
        .color_mode(common_models.BigValueColorMode.NONE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .text(common.VizTextDisplayOptions().value_size(18))
        .unit("string")
        .height(spec.height)
    )


def _lines(spec: Panel) -> Any:
    return (
        timeseries.Panel()
        .unit(spec.unit)
        .interval(spec.interval)
        .line_width(2)
        .fill_opacity(6)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )


def _bars(spec: Panel) -> Any:
    stacked = common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
    return (
        timeseries.Panel()
        .unit(spec.unit)
        .interval(spec.interval)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
        .stacking(stacked)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )


def _legend() -> Any:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
    )


def _ranking(spec: Panel) -> Any:
    panel = (
        bargauge.Panel()
        .reduce_options(_rows(limit=12))
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .unit("short")
        .min(0)
    )
    return _columned(panel, spec)


def _bridge(spec: Panel) -> Any:
    panel = (
        barchart.Panel()
        .orientation(common_models.VizOrientation.AUTO)
        .show_value(common_models.VisibilityMode.ALWAYS)
        .legend(common.VizLegendOptions().show_legend(False).placement(common_models.LegendPlacement.BOTTOM))
        .unit("short")
    )
    return _columned(panel, spec)


_KINDS: Final = {
    "stat": _stat,
    "table": _table,
    "sentence": _sentence,
    "lines": _lines,
    "bars": _bars,
    "ranking": _ranking,
    "bridge": _bridge,
}
