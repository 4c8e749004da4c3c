"""What is told without being asked: the line for the standup, and the week to each owner.

Every number is that of a panel of the dashboards, asked by its own SQL, so a digest and a dashboard cannot differ.
"""

from __future__ import annotations

from otel_llmcost.digest.daily import Daily, daily
from otel_llmcost.digest.weekly import Weekly, weekly

__all__ = ["Daily", "Weekly", "daily", "weekly"]
