"""The schema that users read about is the one that the migrations make; `LLMCOST_REWRITE=1` writes the page anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from otel_llmcost.store import connect

if TYPE_CHECKING:
    from otel_llmcost.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"
READ = {
    "llm_calls": "One row a call, and one for each correction of it. Key: hour of `started_at`, `trace_id`, `span_id`, "
    "`correction_id`; of several rows with the same key the first received counts.",
    "spend_hourly": "Spend by the hour, one row for each feature, team, environment, tenant, workload, agent, service, "
    "provider, model and operation. Derived whole for every hour that was written to.",
    "session_spend": "One row a session and feature, whatever hours it lasted over.",
}
INTRODUCTION = """# The tables

Read the three views below; the tables behind them (`…_log`, `touched_hours`) hold old versions and derivations too.
Money is exact: `Decimal(18, 12)` a row, `Decimal(38, 12)` a sum, in USD. NULL means unknown, never zero.
`llmcost sql "SELECT …"` reads them, as does any client of ClickHouse. Written by `tests/golden/test_schema.py` from
the migrations.
"""


def _page(store: Store) -> str:
    parts = [INTRODUCTION]
    for view, about in READ.items():
        rows = store.query(
            "SELECT v.name, v.type, any(t.comment) FROM system.columns AS v LEFT JOIN system.columns AS t "
            "ON t.database = v.database AND t.name = v.name AND t.table IN ({log:String}, {base:String}) "
            "WHERE v.database = currentDatabase() AND v.table = {view:String} "
            "GROUP BY v.name, v.type, v.position ORDER BY v.position",
            {"view": view, "log": f"{view}_log", "base": "llm_calls_log"},
        )
        parts.append(f"\n## {view}\n\n{about}\n\n| column | type | meaning |\n|---|---|---|\n")
        parts += [f"| `{name}` | `{kind}` | {meaning} |\n" for name, kind, meaning in rows]
    return "".join(parts)


def test_the_page_on_the_tables_is_what_the_migrations_make(tmp_path: Path) -> None:
    with connect(f"chdb://{tmp_path}/store") as store:
        store.migrate()
        page = _page(store)
    if os.environ.get("LLMCOST_REWRITE"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page
    assert "|  |" not in page
