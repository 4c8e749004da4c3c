"""Teams own features from a day on; what they owned before stays theirs."""

from __future__ import annotations

from datetime import date

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.owners import Owned, Owners

OCTOBER_1 = 1_790_812_800 * 1_000_000_000
"""2026-10-01T00:00:00Z."""
REORGANISED = (
    Owned("search", "growth", date(2026, 1, 1), date(2026, 10, 1)),
    Owned("search", "payments", date(2026, 10, 1)),
)


@pytest.mark.parametrize(("at_ns", "team"), [(OCTOBER_1 - 1, "growth"), (OCTOBER_1, "payments"), (0, "")])
def test_a_reorganisation_does_not_move_what_was_before(at_ns: int, team: str) -> None:
    assert Owners(REORGANISED).team_of("search", at_ns) == team


def test_a_feature_that_was_taken_out_belongs_to_nobody_from_that_day_on() -> None:
    owners = Owners([Owned("search", "growth", date(2026, 1, 1), date(2026, 10, 1))])
    assert owners.team_of("search", OCTOBER_1 - 1) == "growth"
    assert owners.team_of("search", OCTOBER_1) == ""


def test_the_file_goes_before_what_was_loaded_from_its_day_on() -> None:
    owners = Owners(REORGANISED, [Owned("search", "platform", date(2026, 10, 1)), Owned("chat", "growth")])
    assert owners.team_of("search", OCTOBER_1 - 1) == "growth"
    assert owners.team_of("search", OCTOBER_1) == "platform"
    assert owners.team_of("chat", 0) == "growth"
    assert owners.team_of("unknown", OCTOBER_1) == ""


def paid_by(who: Attribution, named: str) -> str:
    call = LLMCall(trace_id="1", span_id="1", started_at_ns=OCTOBER_1, provider="openai", attribution=who)
    Owners(REORGANISED).attribute(call, named)
    return call.attribution.team


def test_the_catalogue_goes_before_rules_and_behind_the_span() -> None:
    assert paid_by(Attribution(feature="search"), "") == "payments"
    assert paid_by(Attribution(feature="search", team="of a rule"), "") == "payments"
    assert paid_by(Attribution(feature="search", team="of the span"), "of the span") == "of the span"
    assert paid_by(Attribution(feature="unknown", team="of a rule"), "") == "of a rule"
    assert paid_by(Attribution(team="of a rule"), "") == "of a rule"
