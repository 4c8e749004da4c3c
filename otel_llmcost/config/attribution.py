"""The section `attribution` of `llmcost.yaml`: rules that say who pays where the call does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_llmcost.attribution import Attribution
from otel_llmcost.config.dates import PERIOD, read_period
from otel_llmcost.rules import ASKED, SAID, Rule, Rules

if TYPE_CHECKING:
    from otel_llmcost.config.reading import Value


def read_attribution(section: Value) -> Rules:
    """Return the rules; what is wrong with them goes to the faults of the section."""
    return Rules([rule for row in section.rows() if (rule := _rule(row)) is not None])


def _rule(row: Value) -> Rule | None:
    told = row.fields(("match", *SAID, *PERIOD), required=("match",))
    period = read_period(told)
    match = told["match"].fields(ASKED) if "match" in told else {}
    patterns = tuple((name, value.texts()) for name, value in match.items())
    said: dict[str, Any] = {name: told[name].text() for name in SAID if name in told}
    says = Attribution(**said)
    if not any(name in told for name in SAID):
        row.fault(f"says nothing; write one of {', '.join(SAID)}")
    if "match" in told and not match:
        told["match"].fault("matches every call; name a field, such as service_name: checkout")
    if period is None or not patterns:
        return None
    return Rule(patterns, says, period.from_ns, period.to_ns)
