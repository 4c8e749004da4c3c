"""Derivation: a rollup is a function of the calls of an hour, computed whole for every hour that was touched.

The same SQL runs here, at the owner's call, and on a server by itself (migrations 0021 and 0029). Both may run at
once: the newest derivation of an hour is the one that counts, and an hour stays due for a minute after it was touched.
Rollups by the day are derived alike, a whole day at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_llmcost.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_llmcost.store.engine import Engine

PERIODS: Final = {
    "spend_hourly": "hour",
    "session_spend": "hour",
    "request_attempts": "hour",
    "spend_daily": "day",
    "tenant_spend_daily": "day",
    "prompt_shape_daily": "day",
    "spend_by_tag_daily": "day",
    "dearest_calls": "day",
}
"""What each rollup is derived by. Every rollup R has R_log, R_due and R_derivation."""

ROLLUPS: Final = tuple(PERIODS)

MAX_RUNS: Final = 300
"""A run derives 240 hours or 7 days, so these are over five years."""

_DERIVE: Final = "INSERT INTO {rollup}_log SELECT * FROM {rollup}_derivation"
_STILL_DUE: Final = "SELECT count() FROM {rollup}_due WHERE derived_at < {{began:DateTime64(6, 'UTC')}}"
_AGO: Final = (
    "SELECT dateDiff('microsecond', max(l.derived_at), now64(6, 'UTC')) FROM {rollup}_log AS l WHERE l.is_mark"
)
_ONE_BLOCK: Final[dict[str, object]] = {
    # One block of a derivation, so that an hour becomes visible whole or not at all. As in migration 0006.
    "min_insert_block_size_rows": 1_000_000_000_000,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
    # The rows of an hour and the mark that it was derived have to come from the same state.
    "enable_shared_storage_snapshot_in_query": 1,
    "join_use_nulls": 0,
}
_ON_EACH_SHARD: Final[dict[str, object]] = {
    # Every shard derives what it holds itself; no row of a derivation is sent anywhere.
    "parallel_distributed_insert_select": 2,
}


def derive(engine: Engine, rollups: Sequence[str] = ROLLUPS) -> None:
    """Bring rollups up to date with what was written before.

    Raises:
        StoreError: A rollup stays behind however often it is derived, as after a step back of the server's clock.
    """
    began = engine.query("SELECT toString(now64(6, 'UTC'))").result_rows[0][0]
    for rollup in rollups:
        still_due = _STILL_DUE.format(rollup=rollup)
        for _ in range(MAX_RUNS):
            if not engine.query(still_due, {"began": began}).result_rows[0][0]:
                break
            engine.command(_DERIVE.format(rollup=rollup), _ONE_BLOCK | (_ON_EACH_SHARD if engine.cluster else {}))
        else:
            msg = f"{rollup} is behind after {MAX_RUNS} derivations; look at the server's clock"
            raise StoreError(msg)


def derived_ago_s(engine: Engine) -> float:
    """Return how many seconds ago the newest derivation began, of the rollup that was derived longest ago."""
    answers = [engine.query(_AGO.format(rollup=rollup)).result_rows for rollup in ROLLUPS]
    return max(int(rows[0][0]) / 1e6 for rows in answers)
