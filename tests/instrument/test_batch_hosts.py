"""Results of batches that Groq's, Together's and Mistral's SDKs read are billed at batch rates, and once."""

from __future__ import annotations

import json
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

import groq
import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage
from tests.instrument import wire, wire_mistral
from tests.instrument.test_compatible_sdks import client_of
from tests.instrument.test_deferred import identity
from tests.instrument.test_mistral import EMBEDDINGS, Mistral
from tests.support.replay import Answer, ReplayServer, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_llmcost.call import LLMCall
    from tests.instrument.conftest import Telemetry

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # by mistralai

CREATED_NS = 1_763_800_000 * 10**9  # of the chats, which say it
BEGUN_S = 1_763_790_000  # of the jobs, for those that do not
BEGUN_NS = BEGUN_S * 10**9


class Host(NamedTuple):
    """How results are read at a host.

    Attributes:
        client: Makes a client, or an asynchronous one.
        job: What the host tells of the job, at job_path.
        file_path: Where the file of its results is.
        lines: The file.
        usages: What each line consumed; None for one that failed.
    """

    client: Callable[..., Any]
    job: dict[str, Any]
    job_path: str
    file_path: str
    lines: list[dict[str, Any]]
    usages: list[Usage | None]


def line_of(name: str, line_id: str, body: dict[str, Any] | None, error: Any = None) -> dict[str, Any]:
    response = {"status_code": 200 if body else 429, "body": body}
    return {"id": line_id, "custom_id": name, "response": response, "error": error}


def _mistral(_name: str, url: str, *, is_async: bool = False) -> Any:
    return Mistral(api_key="test", server_url=url)


LINES = [line_of("a", "req_1", wire.chat()), line_of("b", "req_2", wire.embeddings()), line_of("c", "req_3", None)]
USAGES = [
    Usage(input_tokens=1200, cache_read_tokens=1024, output_tokens=340, reasoning_tokens=256),
    Usage(input_tokens=9),
    None,
]
HOSTS = {
    "groq": Host(
        client_of,
        {
            "id": "batch_1",
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "input_file_id": "file-in",
            "output_file_id": "file-out",
            "status": "completed",
            "created_at": BEGUN_S,
        },
        "/openai/v1/batches/batch_1",
        "/openai/v1/files/file-out/content",
        LINES,
        USAGES,
    ),
    "together": Host(
        client_of,
        {
            "id": "batch_1",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-in",
            "output_file_id": "file-out",
            "status": "COMPLETED",
            "created_at": "2025-11-22T05:40:00.250Z",  # the second of BEGUN_S
        },
        "/v1/batches/batch_1",
        "/v1/files/file-out/content",
        LINES,
        USAGES,
    ),
    "mistral_ai": Host(
        _mistral,
        {
            "id": "job-1",
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "model": "mistral-small-latest",
            "input_files": ["file-in"],
            "output_file": "file-out",
            "error_file": "file-err",
            "errors": [],
            "status": "SUCCESS",
            "created_at": BEGUN_S,
            "total_requests": 3,
            "completed_requests": 3,
            "succeeded_requests": 2,
            "failed_requests": 1,
        },
        "/v1/batch/jobs/job-1",
        "/v1/files/file-out/content",
        [
            line_of("a", "0-61c18c3c", wire_mistral.answer()),
            line_of("b", "1-61c18c3c", {key: value for key, value in EMBEDDINGS.items() if key != "id"}),
            line_of("c", "2-61c18c3c", None, "rate limited"),
        ],
        [
            Usage(input_tokens=120, cache_read_tokens=64, output_tokens=7),
            Usage(input_tokens=9),
            None,
        ],
    ),
}
needs_files = pytest.mark.skipif(not hasattr(groq.Groq, "files"), reason="this release of groq knows no files")
by_host = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[pytest.mark.cell(provider=name, surface="batches"), *([needs_files] if name == "groq" else [])],
        )
        for name in HOSTS
    ],
)


def results_of(host: Host) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in host.lines)


def serve(server: ReplayServer, host: Host, **job: Any) -> None:
    server.answer_with(json_answer(host.job | job), method="GET", path=host.job_path)
    answer = Answer(body=results_of(host), content_type="application/octet-stream")
    server.answer_with(answer, method="GET", path=host.file_path)


def poll(name: str, client: Any) -> Any:
    """Return the job, or what has to be awaited for it in an asynchronous client of Groq's or Together's."""
    if name != "mistral_ai":
        return client.batches.retrieve("batch_1")
    inline = {"inline": True} if "inline" in signature(client.batch.jobs.get).parameters else {}
    return client.batch.jobs.get(job_id="job-1", **inline)


def read(name: str, client: Any) -> bytes:
    found = client.files.download(file_id="file-out") if name == "mistral_ai" else client.files.content("file-out")
    return bytes(found.read())


def told(telemetry: Telemetry) -> list[LLMCall]:
    """Return the calls in the order of the lines."""
    return sorted(telemetry.calls(), key=lambda call: (call.usage is None, call.usage and -call.usage.input_tokens))


@pytest.mark.cell(mode="sync", shape="plain")
@by_host
def test_every_line_of_a_file_of_results_is_billed_as_a_batch_and_once(
    name: str, telemetry: Telemetry, server: ReplayServer
) -> None:
    host = HOSTS[name]
    serve(server, host)
    with host.client(name, server.url) as client, feature("nightly"):
        poll(name, client)
        for _ in range(2):
            assert read(name, client) == results_of(host)
    calls = told(telemetry)
    assert [call.usage for call in calls] == host.usages
    assert {call.provider for call in calls} == {name}
    assert {(call.is_batch, call.attribution.workload, call.attribution.feature) for call in calls} == {
        (True, "batch", "nightly")
    }
    answers = [host.lines[0]["response"]["body"]["id"], host.lines[1]["id"], host.lines[2]["id"]]
    assert [(call.trace_id, call.span_id) for call in calls] == [identity(name, answer) for answer in answers]
    assert [call.started_at_ns for call in calls] == [CREATED_NS, BEGUN_NS, BEGUN_NS]
    assert [call.error_type for call in calls] == ["", "", "429"]
    assert telemetry.spans() == ()


@pytest.mark.cell(mode="async", shape="plain")
@by_host
async def test_an_async_client_reads_them_likewise(name: str, telemetry: Telemetry, server: ReplayServer) -> None:
    host = HOSTS[name]
    serve(server, host)
    async with host.client(name, server.url, is_async=True) as client:
        if name == "mistral_ai":
            await client.batch.jobs.get_async(job_id="job-1")
            assert await (await client.files.download_async(file_id="file-out")).aread() == results_of(host)
        else:
            await client.batches.retrieve("batch_1")
            assert await (await client.files.content("file-out")).read() == results_of(host)
    assert [call.usage for call in told(telemetry)] == host.usages
    assert [call.started_at_ns for call in told(telemetry)] == [CREATED_NS, BEGUN_NS, BEGUN_NS]


@needs_files
def test_a_list_of_jobs_tells_when_each_began_too(telemetry: Telemetry, server: ReplayServer) -> None:
    host = HOSTS["groq"]
    serve(server, host)
    path = host.job_path.rpartition("/")[0]
    server.answer_with(json_answer({"object": "list", "data": [host.job]}), method="GET", path=path)
    with host.client("groq", server.url) as client:
        client.batches.list()
        read("groq", client)
    assert [call.started_at_ns for call in told(telemetry)] == [CREATED_NS, BEGUN_NS, BEGUN_NS]


@pytest.mark.cell(provider="mistral_ai", surface="batches", mode="sync", shape="raw")
def test_a_download_of_mistrals_is_billed_however_it_is_read(telemetry: Telemetry, server: ReplayServer) -> None:
    host = HOSTS["mistral_ai"]
    serve(server, host)
    with host.client("", server.url) as client:
        poll("mistral_ai", client)
        response = client.files.download(file_id="file-out")
        assert list(response.iter_lines()) == results_of(host).decode().splitlines()
    assert [call.usage for call in told(telemetry)] == host.usages


def test_results_that_stand_in_a_job_of_mistrals_and_in_its_file_are_the_same(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    """A line without an id of its own is known by the file, or by the job that has none, and by its name there."""
    host = HOSTS["mistral_ai"]
    lines = [{key: value for key, value in line.items() if key != "id"} for line in host.lines]
    host = host._replace(lines=lines)
    with host.client("", server.url) as client:
        serve(server, host, outputs=lines)
        poll("mistral_ai", client)
        calls = told(telemetry)
        assert [call.usage for call in calls] == host.usages
        assert {call.request_model for call in calls} == {"mistral-small-latest"}
        assert calls[1].trace_id == identity("mistral_ai", "file-out/b")[0]
        otel_llmcost.uninstrument()
        otel_llmcost.instrument(TracerProvider())  # as another process, which knows nothing of these
        poll("mistral_ai", client)
        read("mistral_ai", client)
    assert {(call.trace_id, call.started_at_ns) for call in telemetry.calls()} == {
        (call.trace_id, call.started_at_ns) for call in calls
    }


def test_inline_results_that_are_long_are_read_behind_the_application(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    host = HOSTS["mistral_ai"]
    serve(server, host, outputs=[*host.lines, line_of("d", "3-61c18c3c", {**EMBEDDINGS, "data": ["x" * 100_000]})])
    with host.client("", server.url) as client, feature("nightly"):
        poll("mistral_ai", client)
    calls = telemetry.calls()
    assert len(calls) == 4
    assert {call.attribution.feature for call in calls} == {"nightly"}


def test_other_files_and_jobs_pass_untouched(telemetry: Telemetry, server: ReplayServer) -> None:
    host = HOSTS["mistral_ai"]
    body = b'{"messages": [{"role": "user", "content": "Hi"}]}\n' * 3
    server.answer_with(Answer(body=body, content_type="application/octet-stream"), path=host.file_path)
    server.answer_with(json_answer({"message": "no such job"}, 404), path=host.job_path)
    with host.client("", server.url) as client:
        assert read("mistral_ai", client) == body
        with pytest.raises(Exception, match=r"404|no such job"):
            poll("mistral_ai", client)
    assert telemetry.calls() == []
