"""Calls whose answer comes by another request than the one that asked: background responses, results of batches.

Whoever reads such an answer, how often, and in whatever process, tells the same call: its identity is derived from the
provider's id of the answer and its start from what the provider says, so that the store has one row of it. There is
no span of it, since a span cannot have an identity of our choice.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context

from otel_llmcost.call import LLMCall, to_attributes
from otel_llmcost.instrument._call import admitted, attribution_of, doubted
from otel_llmcost.instrument._callsite import call_site
from otel_llmcost.instrument._lines import LineReader, WholeReader
from otel_llmcost.instrument._watch import watch
from otel_llmcost.providers import deferred
from otel_llmcost.providers.reading import Reading, section
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.telemetry import runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REMEMBERED: Final = 10_000
"""So many background responses may wait for their usage; of so many calls is known that they were told."""

AT_ONCE_BYTES: Final = 64 * 1024
"""A longer document holds results of a batch, and the application need not wait until they are read."""

_RESULTS: Final = re.compile(r"/files/(?P<file>[^/]+)/content$|/messages/batches/(?P<batch>[^/]+)/results$")
_JOBS: Final = re.compile(r"/(?:batches|batch/jobs)(?:/[^/]+)?$")
_RESPONSE: Final = re.compile(r"/responses/[^/]+$")
_FINAL_EVENTS: Final = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')


class Deferred:
    """What the clients of one SDK asked, and are answered later.

    Args:
        scope: Name and version of the instrumentation scope.
    """

    def __init__(self, scope: tuple[str, str]) -> None:
        self._scope = scope
        self._waiting: dict[str, LLMCall] = {}
        self._told: dict[str, bool] = {}
        self._jobs: dict[str, deferred.Job] = {}

    # --- what was asked ---

    def asked(self, record: LLMCall, reading: Reading) -> None:
        """Take the record of a background response: told if it has ended by now, kept until it has if not."""
        if reading.finish_reason:
            self._tell(record, reading, {})
        elif record.response_id not in self._told:
            if len(self._waiting) >= MAX_REMEMBERED:  # nobody came for the oldest: it is told without a usage
                oldest = self._waiting.pop(next(iter(self._waiting)))
                runtime.started().pipeline.put(oldest, to_attributes(oldest))
            self._waiting[record.response_id] = record

    # --- what is answered ---

    def see(self, response: Any, *, host: str, provider: str, provider_source: str) -> None:
        """Watch an answer to a GET, if it may tell what a call consumed; who is asked, and how that is known."""
        path = response.request.url.path
        results = _RESULTS.search(path)
        if not (results or _RESPONSE.search(path) or _JOBS.search(path)):
            return
        blank = self.blank(host, provider, provider_source)
        reader: WholeReader
        if results:
            take = partial(self._line, blank, results["batch"] or results["file"])
            reader = LineReader(take, accepts=partial(deferred.is_result, provider))
        elif _JOBS.search(path):
            reader = WholeReader(partial(self._listed, blank))
        elif "event-stream" in response.headers.get("content-type", ""):
            reader = LineReader(partial(self._response, blank), marks=_FINAL_EVENTS)
        else:
            reader = WholeReader(partial(self._response, blank))
        overhear(response, reader)

    def _listed(self, blank: LLMCall, document: Mapping[str, Any]) -> None:
        """Remember what is told of jobs, which their results do not say, and tell of the results that stand there."""
        for job, results in deferred.jobs_in(document):
            if len(self._jobs) >= MAX_REMEMBERED:
                self._jobs.clear()
            self._jobs[job.name] = job
            for number, line in enumerate(results):
                self.batched(blank, job, line, number)

    def _response(self, blank: LLMCall, document: Mapping[str, Any]) -> None:
        """Tell of a response, if it is a background one that has ended; every other was told when it was made."""
        body = section(document, "response") or document
        if body.get("background") is not True:
            return
        reading = read_answer(blank.provider, body)
        if reading.finish_reason:
            record = self._waiting.pop(reading.response_id, None) or replace(blank, request_model=reading.model)
            self._tell(record, reading, body)

    def _line(self, blank: LLMCall, name: str, line: Mapping[str, Any]) -> None:
        """Tell of one result of the batch whose results have this name."""
        self.batched(blank, self._jobs.get(name) or deferred.Job(name=name), line)

    def batched(self, blank: LLMCall, job: deferred.Job, line: Mapping[str, Any], number: int = 0) -> None:
        """Tell of the result of a batch that stands in a line; a start that nobody knows is taken to be now."""
        result = deferred.result_in(blank.provider, line, job=job.name, number=number, now_ns=time.time_ns())
        if result is not None:
            self._put(deferred.batched(blank, result, job), result.reading)

    def _tell(self, record: LLMCall, reading: Reading, answer: Mapping[str, Any]) -> None:
        started_at_ns = deferred.started_at(reading, answer, time.time_ns())
        self._put(deferred.told(record, reading, started_at_ns), reading)

    def _put(self, call: LLMCall, reading: Reading) -> None:
        """Hand on a call; each once in this process."""
        if call.response_id in self._told:
            return
        call.started_at_ns = call.started_at_ns or time.time_ns()
        doubted(call.provider, reading.fault)
        runtime.started().pipeline.put(call, to_attributes(call))
        if len(self._told) >= MAX_REMEMBERED:
            self._told.pop(next(iter(self._told)))
        self._told[call.response_id] = True

    def blank(self, host: str, provider: str, provider_source: str) -> LLMCall:
        """Return a record of which only the circumstances are known: who reads it pays for it."""
        process, ctx, now_ns = runtime.started(), context.get_current(), time.time_ns()
        said, source = attribution_of(process, ctx, 0)
        return LLMCall(
            trace_id="",
            span_id="",
            started_at_ns=0,
            provider=provider,
            provider_source=provider_source,
            server_address=host,
            attribution=admitted(process, said, now_ns),
            feature_source=source,
            call_site=call_site(),
            scope_name=self._scope[0],
            scope_version=self._scope[1],
        )


def overhear(response: Any, reader: WholeReader) -> None:
    """Have the body of a response of httpx or httpx2 read, now, later, or while the application reads it."""
    later = runtime.started().pipeline.later
    if not response.is_stream_consumed:
        watch(response, reader, later)
    elif isinstance(reader, LineReader) or len(response.content) > AT_ONCE_BYTES:
        later(partial(reader.take_all, response.content))
    else:
        reader.take_all(response.content)
