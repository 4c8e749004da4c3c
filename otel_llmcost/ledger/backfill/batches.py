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
from otel_llmcost.store.results import STARTS
from otel_llmcost.store.settle import as_lists

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
        lines: So many are a part, at most 32,000.
    """
    file_of_results = _File(store, path, *_known(path, blank, job))
    with path.open("rb") as file:
        numbered = enumerate(islice(file, position, None), position)
        while (part := file_of_results.part(islice(numbered, lines), position)).position > position:
            position = part.position
            yield part


class _File:
    """What makes calls of lines.

    Args:
        store: The ledger.
        path: Where the lines are from.
        blank: What is known of every call.
        job: What is known of the job.
    """

    def __init__(self, store: Store, path: Path, blank: LLMCall, job: Job) -> None:
        self._store, self._path, self._blank, self._job = store, path, blank, job
        self._faults: list[tuple[int, str]] = []

    def part(self, numbered: Iterable[tuple[int, bytes]], position: int) -> Part:
        """Return the calls of some lines, with their numbers from 0, and where it goes on after them."""
        part, results = Part([], position), dict[int, Result]()
        for number, line in numbered:
            part.position = number + 1
            if line.strip():
                with self._named(number):
                    results[number] = self._result(number, line)
        starts = _starts(self._store, self._blank.provider, results.values())
        for number, result in results.items():
            with self._named(number):
                part.calls.append(self._call(result, starts))
                if result.reading.fault:  # it is a call all the same, without a usage
                    raise InvalidUsageError(result.reading.fault)
        part.faults = [f"{self._path}, line {number + 1}: {fault}" for number, fault in sorted(self._faults)]
        self._faults.clear()
        return part

    @contextmanager
    def _named(self, number: int) -> Iterator[None]:
        """Note what is wrong with a line, and go on with the next."""
        try:
            yield
        except UNREADABLE as error:
            self._faults.append((number, fault_of(error)))

    def _result(self, number: int, line: bytes) -> Result:
        told, provider = json.loads(line), self._blank.provider
        is_object = isinstance(told, dict)
        now_ns = time.time_ns()
        result = result_in(provider, told, job=self._job.name, number=number, now_ns=now_ns) if is_object else None
        if result is None:
            msg = f"no result of a batch of {provider}"
            raise ValueError(msg)
        return result

    def _call(self, result: Result, starts: Mapping[str, int]) -> LLMCall:
        call = batched(self._blank, result, self._job)
        if not result.started_at_ns:
            call.started_at_ns = starts.get(call.trace_id, call.started_at_ns)
        if missing := _missing(call):
            msg = f"it does not say what {', '.join(missing)} would"
            raise ValueError(msg)
        return call


def _known(path: Path, blank: LLMCall, job: Job) -> tuple[LLMCall, Job]:
    """Return what is known, with what the full name of a job and the place of its file say."""
    if blank.provider not in _TO_STORAGE:
        return blank, job
    place = _PLACE.match(job.name)
    region = blank.region or (next(filter(None, place.groups())) if place else "")
    is_of_bedrock = blank.provider == "aws.bedrock" and _JOB_OF_BEDROCK.fullmatch(path.parent.name)
    name = job.name.rpartition("/")[2] or (path.parent.name if is_of_bedrock else "")
    return replace(blank, region=region), replace(job, name=f"{name}/{path.name}" if name else "")


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
    return {str(trace): int(str(began)) for trace, began in store.query(STARTS, as_lists(traces))} if traces else {}
