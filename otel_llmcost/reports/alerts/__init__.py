"""The alerts: one a failure mode, each an SQL file that returns a row for each thing that is wrong at a moment.

No row, no alert: thresholds, floors in USD and baselines stand in the SQL, so Grafana and others cannot differ.
Every rule answers in the same columns, which `sql/frame.sql` completes by who answers for the feature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

__all__ = ["RULES", "Rule", "bare_sql_of", "sql_of"]

_INCLUDE: Final = re.compile(r"^([ ]*)\{include:(\w+)\}$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An alert.

    Attributes:
        name: Of its SQL file, for good.
        title: What is wrong, in words.
        severity: info, warning or critical.
        level: Who is told first: owner, lead or sponsor of the feature, or platform, who runs the store.
        stop: What stops it.
        every_s: How often it is looked for, in seconds.
        scope: Whose day "by midnight" is: that of the feature, of the tenant or of all; window for that of a limit,
            hour where the last hour is all that is known, none where it is not about money.
        board: The dashboard that shows it.
    """

    name: str
    title: str
    severity: str
    level: str
    stop: str
    every_s: int = 300
    scope: str = "feature"
    board: str = "feature"

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the columns that the dashboard takes as variables."""
        return (
            ("tenant",) if self.board == "customers" else ("feature",) if self.board in ("feature", "sessions") else ()
        )


_ROLL_BACK: Final = (
    "Roll back what the marker names; if nothing else helps, revoke the key that the Feature page shows."
)
_NAME_IT: Final = "Name the call site with feature(...), or by a rule in llmcost.yaml."

RULES: Final = (
    Rule(
        name="limit_warned",
        title="A limit's warning is reached",
        severity="warning",
        level="owner",
        stop="Nothing is stopped. Raise the limit in llmcost.yaml with a reason, or find out what drives it.",
        scope="window",
    ),
    Rule(
        name="limit_passed",
        title="A limit is passed",
        severity="critical",
        level="lead",
        stop=_ROLL_BACK,
        scope="window",
    ),
    Rule(
        name="month_pace",
        title="The month will pass its plan",
        severity="warning",
        level="sponsor",
        stop="Take the largest saving of the Savings page, or change the plan.",
        every_s=3600,
        scope="all",
        board="month",
    ),
    Rule(name="velocity", title="Money runs", severity="critical", level="owner", stop=_ROLL_BACK, every_s=60),
    Rule(
        name="feature_day",
        title="A feature's day is out of proportion",
        severity="warning",
        level="lead",
        stop=_ROLL_BACK,
    ),
    Rule(
        name="session_cost",
        title="Sessions cost several times the usual",
        severity="warning",
        level="owner",
        stop="Bound the turns of a session, or its history.",
        board="sessions",
    ),
    Rule(
        name="product_week",
        title="The product costs twice its week",
        severity="critical",
        level="sponsor",
        stop="The overview says which feature and why.",
        every_s=3600,
        scope="all",
        board="overview",
    ),
    Rule(name="prompt_growth", title="Prompts grew", severity="warning", level="owner", stop=_ROLL_BACK),
    Rule(
        name="retry_loop",
        title="A user action asks the same again and again",
        severity="critical",
        level="owner",
        stop="Bound the retries of that user action: answers that are rejected cost as much as good ones.",
        every_s=60,
        board="sessions",
    ),
    Rule(name="model_drift", title="A dearer model took over", severity="warning", level="owner", stop=_ROLL_BACK),
    Rule(
        name="tenant_surge",
        title="A customer spends several times the usual",
        severity="warning",
        level="platform",
        stop="Throttle that customer.",
        scope="tenant",
        board="customers",
    ),
    Rule(
        name="demo_account",
        title="A demo account spends",
        severity="warning",
        level="platform",
        stop="Throttle that account.",
        scope="tenant",
        board="customers",
    ),
    Rule(
        name="new_feature",
        title="A feature that nobody announced spends",
        severity="info",
        level="platform",
        stop="Enter it in the catalogue of llmcost.yaml, with an owner.",
    ),
    Rule(
        name="unknown_credential",
        title="An unknown API key spends",
        severity="critical",
        level="platform",
        stop="Revoke the key if nobody knows it.",
        scope="hour",
        board="trust",
    ),
    Rule(
        name="development_runaway",
        title="Development or CI runs away",
        severity="warning",
        level="platform",
        stop="Stop the job; give development a key with a limit of its own.",
        scope="hour",
        board="overview",
    ),
    Rule(
        name="unusable_answers",
        title="Answers are cut off or rejected",
        severity="warning",
        level="owner",
        stop="Raise the output limit or shorten what is asked for; fix the prompt whose answers are rejected.",
    ),
    Rule(
        name="cache_fall", title="The cache does not hit any more", severity="warning", level="owner", stop=_ROLL_BACK
    ),
    Rule(
        name="unattributed_spend",
        title="Spend without a feature",
        severity="warning",
        level="platform",
        stop=_NAME_IT,
        board="trust",
    ),
    Rule(
        name="unpriced_model",
        title="A model without a price",
        severity="warning",
        level="platform",
        stop="`llmcost rates update`, or an overlay in llmcost.yaml; then `llmcost reprice`.",
        scope="none",
        board="trust",
    ),
    Rule(
        name="silence",
        title="A service went silent",
        severity="warning",
        level="platform",
        stop="Run `llmcost doctor` where it runs: no calls, no instrumentation, or no way to the collector.",
        scope="none",
        board="trust",
    ),
    Rule(
        name="collector_lag",
        title="Calls arrive late",
        severity="warning",
        level="platform",
        stop="Look at the collector's queue and at the store.",
        scope="none",
        board="trust",
    ),
    Rule(
        name="disk_full",
        title="The store's disk is nearly full",
        severity="critical",
        level="platform",
        stop="Shorten the retention in llmcost.yaml, or give it more disk.",
        every_s=600,
        scope="none",
        board="trust",
    ),
    Rule(
        name="stale_rates",
        title="Rates are old, or changed",
        severity="info",
        level="platform",
        stop="`llmcost rates update`; compare two tables with `llmcost rates diff`.",
        every_s=3600,
        scope="none",
        board="trust",
    ),
)


_REST: Final = "(24 - toHour($__toTime, 'UTC') - toMinute($__toTime, 'UTC') / 60)"
_BY_MIDNIGHT: Final = {
    "feature": f"ifNull(t.today_usd, 0) + ifNull(t.hour_usd, 0) * {_REST}",
    "tenant": f"ifNull(t.today_usd, 0) + ifNull(t.hour_usd, 0) * {_REST}",
    "all": f"f.usd + ifNull(t.today_usd, 0) + ifNull(t.hour_usd, 0) * {_REST}",
    "window": f"f.usd + f.hour_usd * {_REST}",
    "hour": f"f.usd * (1 + {_REST})",
    "none": "0",
}
_WHOSE: Final = {"feature": ("s.feature", "f.feature"), "tenant": ("s.tenant", "f.tenant"), "all": ("''", "''")}


def sql_of(rule: Rule) -> str:
    """Return the rule's SQL with the plugin's macros still in it; see `otel_llmcost.reports.grafana.expand`."""
    text = _text_of("frame").replace("    {rule}", _indented(_text_of(rule.name), "    "))
    text = text.replace("{by_midnight}", _BY_MIDNIGHT[rule.scope])
    if rule.scope in _WHOSE:
        whose, of = _WHOSE[rule.scope]
        text = text.replace("{pace}", _text_of("pace").replace("{whose}", whose).replace("{of}", of))
    return _included(text.replace("{pace}\n", ""))


def bare_sql_of(rule: Rule) -> str:
    """Return the SQL that finds what is wrong, without whose it is, what changed and what it comes to by midnight."""
    return _included(_text_of(rule.name))


def _included(text: str) -> str:
    while _INCLUDE.search(text):
        text = _INCLUDE.sub(lambda mark: _indented(_text_of(mark[2]), mark[1]), text)
    return text


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in text.splitlines())


@cache
def _text_of(name: str) -> str:
    text = (resources.files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return _COMMENT.sub("", text).strip().rstrip(";")
