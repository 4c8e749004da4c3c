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
    "`correction_id`; of several rows with the same key the first received counts. The number of calls is "
    "`countIf(correction_id = '')`, of those without a price `countIf(correction_id = '' AND list_cost IS NULL) - "
    "sum(newly_priced)`; a cost is the sum over all rows.",
    "spend_hourly": "Spend by the hour, one row for each feature, team, environment, tenant, workload, agent, service, "
    "provider, model and operation. Derived whole for every hour that was written to; at most 20 seconds old.",
    "spend_daily": "Spend by the day (UTC) without the tenant, so that a month is a few thousand rows. At most five "
    "minutes old, like all that is by the day; where days begin elsewhere, sum `spend_hourly`.",
    "tenant_spend_daily": "Spend by tenant and day: a tenant's rows lie together, so one of thousands is read alone.",
    "session_spend": "One row a session and feature, whatever hours it lasted over. `session_spend_hourly` has each "
    "session's part of each hour, and is the faster one to ask for a few days: up to 16 of them, parts that are "
    "`is_whole` are sessions as they stand, and only the others have to be added up, by `session_hash`.",
    "request_attempts": "One row a user action (`request_id`) and feature: its calls, retries and fallbacks, how many "
    "of its requests were distinct, and what it cost altogether. `request_attempts_hourly` is to it as "
    "`session_spend_hourly` to `session_spend`.",
    "prompt_shape_daily": "How long prompts and answers are, by day, feature, model and prompt. The mean length is "
    "`sum(input_tokens) / sum(measured_calls)`.",
    "spend_by_tag_daily": "Spend by the tags that are named in `llmcost.yaml` (`reported_tags`). A call with two such "
    "tags is in the rows of both: sum over one `tag_key` only.",
    "dearest_calls": "The 50 dearest calls of each day, feature, team and environment, at what they cost now, "
    "corrections included: which calls made a feature dear, without reading all.",
    "llm_tellings": "Every telling of every call, those that do not count too: one call may be told by several spans, "
    "and `is_retelling` marks those that another one stands for. To look into a trace, not to sum over.",
    "unattributed": "The rows of `llm_calls` without a feature; `call_site` says where in the code to name them.",
    "unpriced": "The calls whose cost is unknown and that no correction has priced; `price_detail` says why.",
    "features": "The catalogue: who answers for a feature, from a day on until the day before `effective_to`.",
    "limits": "What may be spent, from a day on until the day before `effective_to`.",
    "rates": "The rates of every table that priced calls here: what `rate_id` and `rate_table_version` stand for. "
    "Join on both, and on `overlay_version IN ('', c.overlay_version)`.",
    "cost_events": "What happened around the money and is no call: anomalies, releases, corrections, erasures.",
    "closed_months": "The months whose books are closed: nothing corrects the calls that began in them.",
    "books": "The books of closed months, which never change: what each month cost when it was closed, and what came "
    "of earlier months since. Sum by `booked_in`.",
    "erased": "Who and what was erased, by salted hashes.",
    "reported_tags": "The tags that `spend_by_tag_daily` has.",
    "retention": "How long calls are kept, by environment.",
    "kept_since": "Since when the calls of an environment are all there; what was derived from older ones stays.",
}
SAME_AS = {"llm_tellings": "llm_calls", "unattributed": "llm_calls", "unpriced": "llm_calls"}
INTRODUCTION = """# The tables

Read the tables below. Behind most of them is one named `…_log` that holds old versions and derivations too.
Money is exact: `Decimal(18, 12)` a row, `Decimal(38, 12)` a sum, in USD. NULL means unknown, never zero.
`llmcost sql "SELECT …"` reads them, as does any client of ClickHouse. On a cluster a derived table may hold a row
of the same key from each shard: sum. Written by `tests/golden/test_schema.py` from the migrations.
"""


def _page(store: Store) -> str:
    parts = [INTRODUCTION]
    for table, about in READ.items():
        parts.append(f"\n## {table}\n\n{about}\n")
        if table in SAME_AS:
            parts.append(f"\nThe columns of `{SAME_AS[table]}`.\n")
            continue
        rows = store.query(
            "SELECT name, type, comment FROM system.columns "
            "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
            {"table": table},
        )
        parts.append("\n| column | type | meaning |\n|---|---|---|\n")
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
