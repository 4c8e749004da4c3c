"""Every result of a batch of the Gemini API is billed once and as a batch, however it is read and how often."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

import otel_llmcost
from otel_llmcost import feature
from otel_llmcost.usage import Usage
from tests.instrument import wire_google as wire
from tests.instrument.google_sdk import HAS_TRANSPORTS, LEAVES_SOCKETS, async_client, client
from tests.support.replay import Answer, ReplayServer, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.instrument.conftest import Telemetry

pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class .* from ClientSession is discouraged:DeprecationWarning"),
    pytest.mark.skipif(not HAS_TRANSPORTS, reason="this release has no batches of the Gemini API"),
    *LEAVES_SOCKETS,
]

MADE_S = 1_763_800_000  # 2025-11-22T08:26:40Z
BEGUN_S = 1_763_799_600  # 2025-11-22T08:20:00Z


def _id(name: str) -> str:
    """Return an id as Google makes them: the second in which the answer was made, and then anything."""
    return base64.urlsafe_b64encode(MADE_S.to_bytes(4, "little") + name.encode().ljust(12, b"-")).decode()


def _response(name: str) -> dict[str, Any]:
    return wire.content(responseId=_id(name))


RESULTS: list[dict[str, Any]] = [
    {"key": "a", "response": _response("a")},
    {"key": "b", "response": _response("b")},
    {"key": "c", "error": {"code": 8, "message": "no", "status": "RESOURCE_EXHAUSTED"}},
]
LINES = "".join(json.dumps(line) + "\n" for line in RESULTS).encode()


def _job(output: dict[str, Any], model: str = "models/gemini-3-flash-preview") -> dict[str, Any]:
    told = {"model": model, "state": "BATCH_STATE_SUCCEEDED", "createTime": "2025-11-22T08:20:00.5Z", "output": output}
    return {"name": "batches/1", "metadata": told, "done": True, "response": output}


INLINE = _job({"inlinedResponses": {"inlinedResponses": RESULTS}})
IN_A_FILE = _job({"responsesFile": "files/results"})
FILE = Answer(body=LINES, content_type="application/jsonl")


@pytest.fixture
def provider(server: ReplayServer) -> ReplayServer:
    """Answer for a job with inline results, one with a file, the list of both, and the file."""
    server.answer_with(json_answer(INLINE), method="GET", path="/v1beta/batches/1")
    server.answer_with(json_answer(IN_A_FILE), method="GET", path="/v1beta/batches/2")
    server.answer_with(json_answer({"operations": [IN_A_FILE, INLINE]}), method="GET", path="/v1beta/batches")
    server.answer_with(FILE, method="GET", path="/v1beta/files/results:download")
    return server


def _told(telemetry: Telemetry, names: str = "ab") -> None:
    """Assert that the answers are told once each, at the second in their ids, and the error without a usage."""
    calls = {call.response_id: call for call in telemetry.calls()}
    assert len(telemetry.calls()) == len(names) + 1
    for name in names:
        call = calls[_id(name)]
        identity = hashlib.sha256(f"gcp.gemini\0{_id(name)}".encode()).hexdigest()
        assert (call.trace_id, call.span_id) == (identity[:32], identity[32:48])
        assert (call.usage, call.started_at_ns, call.is_batch) == (wire.READ, MADE_S * 10**9, True)
        assert (call.operation, call.request_model) == ("generate_content", "gemini-3-flash-preview")
        assert (call.attribution.feature, call.attribution.workload) == ("nightly", "batch")
    (failed,) = (call for call in telemetry.calls() if call.error_type)
    assert (failed.usage, failed.error_type, failed.is_batch) == (None, "RESOURCE_EXHAUSTED", True)
    assert telemetry.spans() == ()


def _inline(asking: Any, _: Path) -> None:
    assert asking.batches.get(name="batches/1").dest.inlined_responses[0].response.text == "Já."


def _listed(asking: Any, _: Path) -> None:
    assert [job.name for job in asking.batches.list()] == ["batches/1", "batches/1"]


def _downloaded(asking: Any, _: Path) -> None:
    assert asking.files.download(file="files/results") == LINES


def _to_a_path(asking: Any, folder: Path) -> None:
    asking.files.download(file="files/results", destination=folder / "results")
    assert (folder / "results").read_bytes() == LINES
    (folder / "results").unlink()


def _to_a_file(asking: Any, _: Path) -> None:
    written = io.BytesIO()
    asking.files.download(file="files/results", destination=written)
    assert written.getvalue() == LINES


@pytest.mark.cell(provider="gcp.gemini", surface="batches", mode="sync", shape="plain")
@pytest.mark.parametrize("read", [_inline, _listed, _downloaded, _to_a_path, _to_a_file])
def test_every_result_is_billed_once_as_a_batch(
    read: Callable[[Any, Path], None], telemetry: Telemetry, provider: ReplayServer, tmp_path: Path
) -> None:
    with client(provider.url) as asking, feature("nightly"):
        for _ in range(2):
            asking.batches.get(name="batches/2")
            read(asking, tmp_path)
    _told(telemetry)


@pytest.mark.cell(provider="gcp.gemini", surface="batches", mode="async", shape="plain")
def test_an_async_client_reads_them_likewise(telemetry: Telemetry, provider: ReplayServer, tmp_path: Path) -> None:
    async def read() -> None:
        async with async_client(provider.url) as asking:
            with feature("nightly"):
                await asking.batches.get(name="batches/2")
                assert await asking.files.download(file="files/results") == LINES
                await asking.files.download(file="files/results", destination=tmp_path / "results")
                await asking.batches.get(name="batches/1")

    asyncio.run(read())
    calls = {call.response_id: call for call in telemetry.calls() if call.usage}
    assert {name: call.usage for name, call in calls.items()} == {_id("a"): wire.READ, _id("b"): wire.READ}
    assert (tmp_path / "results").read_bytes() == LINES


def test_embeddings_of_a_batch_have_their_model_and_time_from_the_job(
    telemetry: Telemetry, server: ReplayServer
) -> None:
    results = [{"response": {"embedding": {"values": [0.5]}, "tokenCount": "7"}}] * 2
    output = {"inlinedEmbedContentResponses": {"inlinedResponses": results}}
    server.answer_with(json_answer(_job(output, "models/gemini-embedding-001")), path="/v1beta/batches/1")
    with client(server.url) as asking:
        asking.batches.get(name="batches/1")
        otel_llmcost.uninstrument()
        otel_llmcost.instrument()
        asking.batches.get(name="batches/1")
    keys = {(call.trace_id, call.span_id, call.started_at_ns) for call in telemetry.calls()}
    assert len(keys) == 2  # the second process has told the same calls once more
    for call in telemetry.calls():
        assert (call.usage, call.operation) == (Usage(input_tokens=7), "embeddings")
        assert (call.request_model, call.started_at_ns) == ("gemini-embedding-001", BEGUN_S * 10**9)


@pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b'{"model": "x", "contents": []}\n', b""])
def test_a_file_that_is_no_result_of_a_batch_passes_untouched(
    body: bytes, telemetry: Telemetry, server: ReplayServer, tmp_path: Path
) -> None:
    server.answer_with(Answer(body=body, content_type="application/octet-stream"))
    with client(server.url) as asking:
        assert asking.files.download(file="files/picture") == body
        asking.files.download(file="files/picture", destination=tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes() == body
    assert telemetry.calls() == []
