"""Results of batches in a file: those that a job writes to storage, where no SDK reads them, and those downloaded.

A result that an instrumented SDK has read as well is the same call here (`providers.deferred`). The first telling of a
call holds, so what cannot be told rightly is named, and is not told: it can be the next time, with what was missing.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from otel_llmcost.call import ids_of_answer
from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.ledger.backfill import BATCH_CALLS, UNREADABLE, Part, fault_of
from otel_llmcost.providers.deferred import Result, batched, result_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from otel_llmcost.call import LLMCall
    from otel_llmcost.providers.deferred import Job
    from otel_llmcost.store import Store

_TO_STORAGE: Final = frozenset({"aws.bedrock", "gcp.vertex_ai"})
"""Providers of whom a job writes several files, and names a record only within its file."""

_JOB_OF_BEDROCK: Final = re.compile(r"[a-z0-9]{12}")
"""The id of a job, which is the directory to which it writes."""

_PLACE: Final = re.compile(r"arn:[^:]+:bedrock:([^:]+):|projects/[^/]+/locations/([^/]+)/")
"""The region in the full name of a job."""

_LISTED: Final = 2_000
"""Ids of one parameter: a server takes 128 KiB of it."""

_STARTS: Final = """
SELECT
    trace_id,
    toUnixTimestamp64Nano(min(started_at))
FROM llm_calls_log
WHERE trace_id IN {traces:Array(String)}
    AND correction_id = ''
GROUP BY trace_id
"""


def parts_of_results(
    store: Store, path: Path, blank: LLMCall, job: Job, position: int, *, lines: int = BATCH_CALLS
) -> Iterator[Part]:
    """Yield the calls in a file of results, a JSON object a line.

    Args:
        store: The ledger. A result that is in it keeps its start, where the file does not say one.
        path: The file.
        blank: What is known of every call: the provider, perhaps the region.
        job: What is known of the job that the file does not say.
        position: The lines to skip.
        lines: So many are a part.
    """
    blank, job = _known(path, blank, job)
    with path.open("rb") as file:
        numbered = enumerate(islice(file, position, None), position)
        while True:
            part, results = Part([], position), dict[int, Result]()
            for number, line in islice(numbered, lines):
                part.position = number + 1
                if line.strip():
                    with _named(part, path, number):
                        results[number] = _result(line, blank.provider, job.name, number)
            if part.position == position:
                return
            position = part.position
            _tell(part, path, results, blank, job, _starts(store, blank.provider, results.values()))
            yield part


def _known(path: Path, blank: LLMCall, job: Job) -> tuple[LLMCall, Job]:
    """Return what is known, with what the full name of a job and the place of its file say."""
    if blank.provider not in _TO_STORAGE:
        return blank, job
    place = _PLACE.match(job.name)
    region = blank.region or (next(filter(None, place.groups())) if place else "")
    is_of_bedrock = blank.provider == "aws.bedrock" and _JOB_OF_BEDROCK.fullmatch(path.parent.name)
    name = job.name.rpartition("/")[2] or (path.parent.name if is_of_bedrock else "")
    return replace(blank, region=region), replace(job, name=f"{name}/{path.name}" if name else "")


@contextmanager
def _named(part: Part, path: Path, number: int) -> Iterator[None]:
    """Note what is wrong with a line, by its number from 1, and go on with the next."""
    try:
        yield
    except UNREADABLE as error:
        part.faults.append(fault_of(f"{path}, line {number + 1}", error))


def _result(line: bytes, provider: str, job: str, number: int) -> Result:
    told = json.loads(line)
    is_object = isinstance(told, dict)
    result = result_in(provider, told, job=job, number=number, now_ns=time.time_ns()) if is_object else None
    if result is None:
        msg = f"no result of a batch of {provider}"
        raise ValueError(msg)
    return result


def _tell(
    part: Part, path: Path, results: Mapping[int, Result], blank: LLMCall, job: Job, starts: Mapping[str, int]
) -> None:
    """Put the calls of results into a part, and name those of which something is missing or cannot be believed."""
    for number, result in results.items():
        with _named(part, path, number):
            call = batched(blank, result, job)
            if not result.started_at_ns:
                call.started_at_ns = starts.get(call.trace_id, call.started_at_ns)
            if missing := _missing(call):
                msg = f"it does not say what {', '.join(missing)} would"
                raise ValueError(msg)
            part.calls.append(call)  # one whose usage is not believed is a call all the same
            if result.reading.fault:
                raise InvalidUsageError(result.reading.fault)


def _missing(call: LLMCall) -> list[str]:
    """Return the options that would say what is not known of a call: what failed cost nothing, whatever its model."""
    return [
        option
        for option, is_known in (
            ("--model", call.request_model or call.response_model or call.error_type),
            ("--job", call.response_id),
            ("--at", call.started_at_ns),
        )
        if not is_known
    ]


def _starts(store: Store, provider: str, results: Iterable[Result]) -> dict[str, int]:
    """Return when those of the results began that say no time themselves, by trace, as far as they are in the ledger.

    Whoever wrote them may have taken another time: the calls are the same only in the same hour.
    """
    named = (each.reading.response_id for each in results if not each.started_at_ns)
    traces = [ids_of_answer(provider, each)[0] for each in named if each]
    found = dict[str, int]()
    for start in range(0, len(traces), _LISTED):
        rows = store.query(_STARTS, {"traces": traces[start : start + _LISTED]}).rows
        found |= {str(trace): int(str(started_at_ns)) for trace, started_at_ns in rows}
    return found
