"""Results of batches: one that the ledger has is the same call whatever time it is told at the next time.

Whoever reads a result derives its ids from the provider's (`call.ids_of_answer`). Its start, where the line does not
say one, is what is known of the job: by the SDK that asked for it, by whoever said it to a backfill, or by nobody, and
then it is the moment of the reading. The hour is a part of a call's key, so of tellings at several hours the first one
holds here, and the others are left out. A writer asks for results of batches alone: mostly there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from otel_llmcost.call import ids_of_answer
from otel_llmcost.store.settle import HOUR_NS, LISTED_IDS, MAX_IDS, as_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_llmcost.call import LLMCall
    from otel_llmcost.store.engine import Engine
    from otel_llmcost.store.rows import PricedCall

STARTS: Final = """
SELECT
    trace_id,
    toUnixTimestamp64Nano(min(started_at))
FROM llm_calls_log
WHERE is_batch
    AND trace_id IN (SELECT arrayJoin({ids}))
    AND correction_id = ''
GROUP BY trace_id
""".replace("{ids}", LISTED_IDS)
"""When those of some calls began that the ledger has as results of batches."""


class Result(NamedTuple):
    """A result of a batch among calls that are to be written.

    Attributes:
        place: Its place among them.
        trace_id: Its trace, which follows from the provider's id.
        started_at_ns: Its start in Unix nanoseconds.
    """

    place: int
    trace_id: str
    started_at_ns: int


def results_in(calls: Iterable[LLMCall]) -> list[Result]:
    """Return the results among calls; a call in a batch that somebody else tells is known by its span."""
    return [
        Result(place, call.trace_id, call.started_at_ns)
        for place, call in enumerate(calls)
        if call.is_batch and is_answered_later(call.trace_id, call.provider, call.response_id)
    ]


def is_answered_later(trace_id: str, provider: str, answer_id: str) -> bool:
    """Return whether a trace is that of an answer, and not one in which somebody asked."""
    return trace_id == ids_of_answer(provider, answer_id)[0]


class Told:
    """The results that are told already, in the store or in what is being written.

    Args:
        engine: The store.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._starts: dict[str, int] = {}

    def elsewhere(self, results: Sequence[Result]) -> list[int]:
        """Return the places of those that are told at another hour already."""
        new = sorted({result.trace_id for result in results} - self._starts.keys())
        for start in range(0, len(new), MAX_IDS):
            found = self._engine.query(STARTS, as_lists(new[start : start + MAX_IDS])).result_rows
            self._starts |= {str(trace_id): int(began_ns) for trace_id, began_ns in found}
        return [
            place
            for place, trace_id, started_at_ns in results
            if self._starts.setdefault(trace_id, started_at_ns) // HOUR_NS != started_at_ns // HOUR_NS
        ]

    def without(self, rows: Sequence[PricedCall]) -> list[PricedCall]:
        """Return the rows without those that are told at another hour already."""
        gone = set(self.elsewhere(results_in(row.call for row in rows)))
        return [row for place, row in enumerate(rows) if place not in gone]
