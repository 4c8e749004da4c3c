"""The dashboards without Grafana: the same generated definitions, the same SQL, as pages that ask nobody for anything.

`boards` reads the definitions, `asking` puts their questions to the store, `views` makes of the answers what is shown,
`page` writes it as HTML, and `server` does so again whenever somebody looks.
"""

from __future__ import annotations

from otel_llmcost.pages.asking import Asker, Chosen, answer, chosen_first
from otel_llmcost.pages.boards import Board, board_named, load_boards
from otel_llmcost.pages.page import offline_page
from otel_llmcost.reports.grafana import ALL

__all__ = ["ALL", "Asker", "Board", "Chosen", "answer", "board_named", "chosen_first", "load_boards", "offline_page"]
