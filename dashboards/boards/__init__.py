"""The dashboards, one module each; `BOARDS` has them in the order in which one reads them."""

from __future__ import annotations

from typing import Final

from dashboards.boards import calls, customers, feature, month, overview, savings, sessions, trust, weekly

BOARDS: Final = (
    overview.BOARD,
    feature.BOARD,
    savings.BOARD,
    weekly.BOARD,
    sessions.BOARD,
    customers.BOARD,
    month.BOARD,
    trust.BOARD,
    calls.BOARD,
)
