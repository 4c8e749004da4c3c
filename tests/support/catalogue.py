"""Owners, limits and events for the month of the dashboards' tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otel_llmcost.store import Store

_FEATURES: Final = """
INSERT INTO features_log
(
    feature, effective_from, owner, lead, sponsor, team, cost_center, channel, runbook,
    expected_model_tier, expected_calls_per_request
)
VALUES
    ('search', '2020-01-01', 'Grace', 'Ken', 'Ada', 'growth', 'CC-1', '#growth', 'runbooks/search', 'small', 1),
    ('chat', '2020-01-01', 'Barbara', 'Ken', 'Ada', 'support', 'CC-2', '#support', 'runbooks/chat', 'flagship', 3),
    ('summarize', '2020-01-01', 'Linus', 'Ken', 'Ada', 'support', 'CC-2', '#support', 'runbooks/summarize', 'small', 1)
"""

_LIMITS: Final = """
INSERT INTO limits_log (scope, window, effective_from, feature, warn, cap, reason, actor)
VALUES
    ('', 'month', '2020-01-01', '', 1000, 1500, 'the plan', 'Ada'),
    ('feature=search', 'day', '2020-01-01', 'search', 20, 25, 'usual', 'Grace')
"""


def fill_catalogue(store: Store, until_ns: int) -> None:
    """Write who answers for what, two limits, a release and an anomaly two hours ago."""
    store._engine.command(_FEATURES)
    store._engine.command(_LIMITS)
    store._engine.command("INSERT INTO reported_tags_log (tag_key, is_reported) VALUES ('tier', true)")
    two_hours_ago = _text(until_ns - 2 * 3600 * 10**9)
    yesterday = _text(until_ns - 30 * 3600 * 10**9)
    store._engine.command(
        f"""
        INSERT INTO cost_events_log (occurred_at, kind, event_id, severity, feature, subject, reason)
        VALUES
            ('{two_hours_ago}', 'anomaly', 'a-1', 'warning', 'search', 'feature_day', 'search costs 5 times as usual'),
            ('{yesterday}', 'release', 'r-1', 'info', 'search', '2.4.0', 'a larger model')
        """
    )


def _text(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
