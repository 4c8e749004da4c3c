"""Answers that come by another request than the one that asked: background responses, and results of batches.

A line of a batch's results holds an answer in the provider's usual shape, and around it whose it is. Which call that is
follows from the provider's id of the answer or, where it has none, from what the job and its record are called; when
it began, from what the provider says. So whoever reads the line, as an SDK brings it or from a file, tells one call.

Source: OpenAI API reference, "Batch output"; Anthropic, "Message Batches"; Gemini API docs, "Batch API"; Amazon Bedrock
user guide, "View the results of a batch inference job"; Vertex AI docs, "Batch inference from Cloud Storage", "Batch
predictions with Anthropic Claude models" and "Get batch text embeddings inferences"; Mistral docs, "Batch processing";
checked 2026-11-23.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_llmcost.call import LLMCall, ids_of_answer
from otel_llmcost.providers.formats.google import second_in
from otel_llmcost.providers.reading import Reading, error_in, note, objects, section, spelled, word
from otel_llmcost.providers.registry import read_answer
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NS: Final = 1_000_000_000
_FAILED: Final = 400
"""From this HTTP status on a request failed."""
_EARLIEST_S: Final = 1_672_531_200
"""No answer that can be read today was made before 2023."""

_TIME_IN_ID: Final = re.compile(r"[a-z_]+_([0-9a-f]{8})[0-9a-f]{16,}")
"""Ids may begin with the second in which they were made, OpenAI's newer ones for instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of a batch besides its results.

    Attributes:
        name: What tells its records from those of other jobs; empty where nobody says.
        model: The model that was asked; empty where only the answers say.
        created_at_ns: When it began, in Unix nanoseconds; 0 where nobody says.
    """

    name: str = ""
    model: str = ""
    created_at_ns: int = 0


class Result(NamedTuple):
    """What a line of a batch's results tells.

    Attributes:
        reading: What the answer tells. Its id names the call; it is empty where nothing does.
        operation: chat, embeddings, … as semconv names them.
        request_id: The provider's id of the request.
        started_at_ns: When the answer was begun, in Unix nanoseconds; 0 where the line does not say.
    """

    reading: Reading
    operation: str
    request_id: str
    started_at_ns: int


class _Record(NamedTuple):
    """Where things stand in a line.

    Attributes:
        answer: The answer in the provider's usual shape; None where there is none.
        name: What the record is called within its job; empty where it has no name.
        line_id: The provider's id of the line, which no other has.
        request_id: The provider's id of the request.
        model: The model that answered, where the answer's usual reader does not say.
        operation: What was asked, where the answer does not show it.
        begun_ns: When the answer was begun, in Unix nanoseconds; 0 where only the answer may say.
        second: The same as a Unix second that an id seems to hold.
        error: What the line calls the error, if it has words of its own for that.
    """

    answer: Mapping[str, Any] | None
    name: str = ""
    line_id: str = ""
    request_id: str = ""
    model: str = ""
    operation: str = "chat"
    begun_ns: int = 0
    second: int = 0
    error: str = ""


def is_result(provider: str, line: Mapping[str, Any]) -> bool:
    """Return whether a line is a result of a batch of `provider`, and not of another file."""
    return _record(provider, line) is not None


def jobs_in(document: Mapping[str, Any]) -> Iterator[tuple[Job, list[Mapping[str, Any]]]]:
    """Yield what is told of a job, or of each of a list of jobs, with the results that stand there.

    A job comes once for each of its files of results, and under its own name if nothing is said of a file. What stands
    in the job itself is what is in its first file.
    """
    for told in objects(document, "data") or [document]:
        created = told.get("created_at")
        created_at_ns = created * _NS if isinstance(created, int) else unix_ns(word(told, "created_at"))
        files = [word(told, key) for key in _FILES if word(told, key)]
        results = objects(told, "outputs")
        for name in files or [word(told, "id")]:
            model = word(told, "model") or word(told, "model_id")
            yield Job(name=name, model=model, created_at_ns=created_at_ns), results
            results = []


def result_in(provider: str, line: Mapping[str, Any], *, job: str, number: int, now_ns: int) -> Result | None:
    """Return what a line of a batch's results tells, None where it is no result.

    Args:
        provider: Whose batch it is, as semconv names it.
        line: The JSON object in the line.
        job: What tells the job's records from those of others, empty if that is not known.
        number: The place of the line among the results, from 0: the name of a record that has none.
        now_ns: Unix nanoseconds; an id that seems to be of a later time tells none.
    """
    record = _record(provider, line)
    if record is None:
        return None
    answer = record.answer or {}
    reading = read_answer(provider, answer or line)
    named = reading.response_id or record.line_id or (f"{job}/{record.name or number}" if job else "")
    model, error = reading.model or record.model, record.error or reading.error_type
    reading = replace(reading, model=model, response_id=named, error_type=error)
    started_at_ns = record.begun_ns or _in_time(record.second, now_ns) or started_at(reading, answer, now_ns)
    return Result(reading, _operation(answer) or record.operation, record.request_id, started_at_ns)


def batched(blank: LLMCall, result: Result, job: Job) -> LLMCall:
    """Return the call of a result; its start is 0 where neither the line nor the job says it.

    Args:
        blank: The circumstances: provider, who pays, who tells.
        result: What the line tells.
        job: What is known besides.
    """
    record = replace(
        blank,
        operation=result.operation,
        request_model=job.model or result.reading.model,
        provider_request_id=result.request_id,
        is_batch=True,
        attribution=replace(blank.attribution, workload=blank.attribution.workload or "batch"),
    )
    return told(record, result.reading, result.started_at_ns or job.created_at_ns)


def told(record: LLMCall, reading: Reading, started_at_ns: int) -> LLMCall:
    """Return a call that was answered later, under the identity that whoever reads its answer derives."""
    trace_id, span_id = ids_of_answer(record.provider, reading.response_id)
    call = replace(
        record,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id="",
        started_at_ns=started_at_ns or record.started_at_ns,
        usage_quality=UsageQuality.REPORTED if reading.usage is not None else UsageQuality.MISSING,
    )
    note(call, reading)
    return call


def started_at(reading: Reading, answer: Mapping[str, Any], now_ns: int) -> int:
    """Return when a call began, in Unix nanoseconds, as everybody who reads its answer can tell; 0 if nobody can."""
    created = reading.created_at or answer.get("created")
    if isinstance(created, int) and created >= _EARLIEST_S:
        return created * _NS
    found = _TIME_IN_ID.fullmatch(reading.response_id)
    return _in_time(int(found[1], 16), now_ns) if found else 0


def unix_ns(text: str) -> int:
    """Return the second of an RFC 3339 time in Unix nanoseconds, 0 where it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int(time.replace(tzinfo=time.tzinfo or UTC).timestamp()) * _NS


def _in_time(second: int, now_ns: int) -> int:
    """Return a Unix second that an id seems to hold in nanoseconds, 0 where it cannot be the time of an answer."""
    return second * _NS if _EARLIEST_S * _NS <= second * _NS <= now_ns else 0


def _operation(answer: Mapping[str, Any]) -> str:
    """Return what was asked, as far as the answer shows; empty where it does not."""
    if answer.get("object") == "list" or any(key in answer for key in _EMBEDDED):
        return "embeddings"
    return "text_completion" if answer.get("object") == "text_completion" else ""


_FILES: Final = ("output_file_id", "error_file_id", "output_file", "error_file")
"""Where a job names the files of its results: OpenAI's hosts, and Mistral."""

_EMBEDDED: Final = ("embedding", "embeddings", "embeddingsByType", "predictions")


# --- where things stand, by provider ---


def _record(provider: str, line: Mapping[str, Any]) -> _Record | None:
    own = _FORMS.get(provider)
    return (own(line) if own else None) or _of_most(line)


def _of_most(line: Mapping[str, Any]) -> _Record | None:
    """OpenAI's form, which most hosts have and the others have too, and Anthropic's."""
    if "custom_id" not in line or not any(key in line for key in ("response", "result", "error")):
        return None
    outer = section(line, "response")
    answer = section(outer, "body") or section(section(line, "result"), "message")
    return _Record(
        answer,
        model=word(answer, "model"),
        name=word(line, "custom_id"),
        line_id=word(line, "id"),
        request_id=word(outer, "request_id"),
        error=_error_of_most(line, outer or {}, answer or {}),
    )


def _error_of_most(line: Mapping[str, Any], outer: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Return the HTTP status of a line that says no more, as Mistral's do; empty where nothing failed, or it does."""
    status = outer.get("status_code")
    if isinstance(status, int) and status >= _FAILED:
        return error_in(answer) or error_in(line) or str(status)
    return "error" if word(line, "error") else ""


def _of_gemini(line: Mapping[str, Any]) -> _Record | None:
    """A line of a file, or a result that stands in the job itself."""
    answer = section(line, "response")
    if "custom_id" in line or (answer is None and section(line, "error") is None):
        return None
    second = second_in(word(answer, "responseId"))
    return _Record(answer, name=word(line, "key"), operation="generate_content", second=second)


def _of_vertex(line: Mapping[str, Any]) -> _Record | None:
    """Gemini's answers and Claude's stand under `response`, embeddings beside what was embedded."""
    if "status" not in line or not any(key in line for key in ("request", "instance")):
        return None
    answer = section(line, "response") or (line if line.get("predictions") else None)
    is_claude = word(answer, "type") == "message"
    return _Record(
        answer,
        name=word(line, "custom_id") or word(line, "key"),
        operation="chat" if is_claude else "generate_content",
        begun_ns=unix_ns(word(line, "processed_time")),
        second=second_in(word(answer, "responseId")),
        error=_error_of_vertex(word(line, "status")),
    )


def _error_of_vertex(status: str) -> str:
    """Return what a status says: the name of the error in its JSON, which stands behind words; empty for none."""
    words, brace, rest = status.partition("{")
    try:
        return error_in(json.loads(brace + rest)) or words.strip(": ") or "error"
    except (ValueError, RecursionError):
        return "error" if status else ""


def _of_bedrock(line: Mapping[str, Any]) -> _Record | None:
    """The answer of InvokeModel or Converse, whichever the job was made for. It names no model that makes a price."""
    answer, error = section(line, "modelOutput"), section(line, "error")
    if answer is None and (error is None or "modelInput" not in line):
        return None
    return _Record(answer, name=word(line, "recordId"), error=spelled(error, "errorCode"))


_FORMS: Final[Mapping[str, Callable[[Mapping[str, Any]], _Record | None]]] = {
    "aws.bedrock": _of_bedrock,
    "gcp.gemini": _of_gemini,
    "gcp.vertex_ai": _of_vertex,
}
"""The form of a provider's own lines."""
