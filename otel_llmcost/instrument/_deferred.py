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

from otel_llmcost.call import LLMCall, ids_of_answer, to_attributes
from otel_llmcost.instrument._call import admitted, apply, attribution_of
from otel_llmcost.instrument._callsite import call_site
from otel_llmcost.instrument._lines import LineReader, WholeReader
from otel_llmcost.instrument._watch import watch
from otel_llmcost.providers.reading import Reading, section, word
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.instrument._places import Place

MAX_REMEMBERED: Final = 10_000
"""So many background responses may wait for their usage; of so many calls is known that they were told."""

_RESULTS: Final = re.compile(r"/files/[^/]+/content$|/messages/batches/(?P<batch>[^/]+)/results$")
_BATCH: Final = re.compile(r"/messages/batches/(?P<batch>[^/]+)$")
_RESPONSE: Final = re.compile(r"/responses/[^/]+$")
_FINAL_EVENTS: Final = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')
_OPERATIONS: Final = {"list": "embeddings", "text_completion": "text_completion"}
"""What a kind of answer is called, where it is no chat."""

_TIME_IN_ID: Final = re.compile(r"[a-z_]+_([0-9a-f]{8})[0-9a-f]{16,}")
_EARLIEST_S: Final = 1_672_531_200
"""Ids of answers may begin with the second in which they were made, OpenAI's newer ones for instance.
One before 2023 is none."""

_NS: Final = 1_000_000_000


class Deferred:
    """What the clients of one SDK asked, and are answered later.

    Args:
        scope: Name and version of the instrumentation scope.
    """

    def __init__(self, scope: tuple[str, str]) -> None:
        self._scope = scope
        self._waiting: dict[str, LLMCall] = {}
        self._told: dict[str, bool] = {}
        self._batches: dict[str, int] = {}

    # --- what was asked ---

    def asked(self, record: LLMCall, reading: Reading) -> None:
        """Take the record of a background response: told if it has ended by now, kept until it has if not."""
        if reading.finish_reason:
            self._tell(record, reading, _start_of(reading, {}))
        elif record.response_id not in self._told:
            if len(self._waiting) >= MAX_REMEMBERED:  # nobody came for the oldest: it is told without a usage
                oldest = self._waiting.pop(next(iter(self._waiting)))
                runtime.started().pipeline.put(oldest, to_attributes(oldest))
            self._waiting[record.response_id] = record

    # --- what is answered ---

    def see(self, place: Place, response: Any) -> None:
        """Watch an answer to a GET, if it may tell what a call consumed."""
        path = response.request.url.path
        blank = partial(self.blank, place.host, place.provider, place.provider_source)
        if _RESPONSE.search(path):
            take = partial(self._response, blank())
            is_events = "event-stream" in response.headers.get("content-type", "")
            reader = LineReader(take, marks=_FINAL_EVENTS) if is_events else WholeReader(take)
        elif found := _RESULTS.search(path):
            reader = LineReader(partial(self._line, blank(), found["batch"] or ""), accepts=_is_result)
        elif found := _BATCH.search(path):
            reader = WholeReader(partial(self._batch, found["batch"]))
        else:
            return
        later = runtime.started().pipeline.later
        if not response.is_stream_consumed:
            watch(response, reader, later)
        elif isinstance(reader, LineReader):  # a file may be large, and the application need not wait for us
            later(partial(reader.take_all, response.content))
        else:
            reader.take_all(response.content)

    def _batch(self, batch: str, body: Mapping[str, Any]) -> None:
        """Remember when a batch began: Anthropic's results do not say."""
        if created_at_ns := unix_ns(word(body, "created_at")):
            if len(self._batches) >= MAX_REMEMBERED:
                self._batches.clear()
            self._batches[batch] = created_at_ns

    def _response(self, blank: LLMCall, document: Mapping[str, Any]) -> None:
        """Tell of a response, if it is a background one that has ended; every other was told when it was made."""
        body = section(document, "response") or document
        if body.get("background") is not True:
            return
        reading = read_answer(blank.provider, body)
        if reading.finish_reason:
            record = self._waiting.pop(reading.response_id, None) or replace(blank, request_model=reading.model)
            self._tell(record, reading, _start_of(reading, body))

    def _line(self, blank: LLMCall, batch: str, line: Mapping[str, Any]) -> None:
        """Tell of one result of a batch."""
        outer = section(line, "response")
        body = section(outer, "body") or section(section(line, "result"), "message") or {}
        reading = read_answer(blank.provider, line)
        named = reading.response_id or word(line, "id") or f"{batch}/{word(line, 'custom_id')}"
        reading = replace(reading, response_id=named)
        record = replace(
            blank,
            operation=_OPERATIONS.get(word(body, "object"), "chat"),
            request_model=reading.model,
            provider_request_id=word(outer, "request_id"),
        )
        self.batched(record, reading, _start_of(reading, body) or self._batches.get(batch, 0))

    def batched(self, record: LLMCall, reading: Reading, started_at_ns: int) -> None:
        """Tell of one result of a batch; 0 is a start that nobody knows, which is then taken to be now."""
        workload = record.attribution.workload or "batch"
        record = replace(record, is_batch=True, attribution=replace(record.attribution, workload=workload))
        self._tell(record, reading, started_at_ns)

    def _tell(self, record: LLMCall, reading: Reading, started_at_ns: int) -> None:
        """Hand on a call under the identity that whoever reads it will derive; each once in this process."""
        trace_id, span_id = ids_of_answer(record.provider, reading.response_id)
        if reading.response_id in self._told:
            return
        record = replace(
            record,
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id="",
            started_at_ns=started_at_ns or record.started_at_ns or time.time_ns(),
            usage_quality=UsageQuality.REPORTED if reading.usage is not None else UsageQuality.MISSING,
        )
        apply(reading, record)
        runtime.started().pipeline.put(record, to_attributes(record))
        if len(self._told) >= MAX_REMEMBERED:
            self._told.pop(next(iter(self._told)))
        self._told[reading.response_id] = True

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


def _is_result(line: Mapping[str, Any]) -> bool:
    """Whether a line is one of a batch's results, and not of another file."""
    return "custom_id" in line and ("response" in line or "result" in line)


def _start_of(reading: Reading, body: Mapping[str, Any]) -> int:
    """Return when a call began, in Unix nanoseconds, as everybody who reads its answer can tell; 0 if nobody can."""
    created = reading.created_at or body.get("created")
    if isinstance(created, int) and created >= _EARLIEST_S:
        return created * _NS
    found = _TIME_IN_ID.fullmatch(reading.response_id)
    return start_in_id(int(found[1], 16)) if found else 0


def start_in_id(second: int) -> int:
    """Return a Unix second that an id seems to hold in nanoseconds, 0 where it cannot be the time of an answer."""
    return second * _NS if _EARLIEST_S <= second <= time.time() else 0


def unix_ns(text: str) -> int:
    """Return an RFC 3339 time in Unix nanoseconds, 0 where it is none."""
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(text).timestamp()) * _NS
    except ValueError:
        return 0
