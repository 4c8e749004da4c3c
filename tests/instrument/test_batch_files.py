"""A result of a batch that an SDK has read, and that is backfilled from a file too, is one call in either order."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from otel_llmcost.call import LLMCall
from otel_llmcost.ledger.backfill import Progress, backfill
from otel_llmcost.ledger.backfill.batches import parts_of_results
from otel_llmcost.pricing import Pricer
from otel_llmcost.providers.deferred import Job
from otel_llmcost.store import PricedCall, connect
from tests.instrument import google_sdk, test_batch_hosts, test_deferred, wire, wire_google
from tests.support.replay import Answer, ReplayServer
from tests.support.stores import migrated
from tests.unit.pricing.tables import card, model, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from otel_llmcost.store import Store
    from tests.instrument.conftest import Telemetry

pytest.importorskip("clickhouse_connect", reason="the oldest SDKs are tested without a store")

HOUR_NS = 3_600 * 10**9
MADE_S = int(time.time()) // 3_600 * 3_600 - 86_400 + 1_800  # half past an hour of yesterday
MADE = dt.datetime.fromtimestamp(MADE_S, dt.UTC).isoformat()
RATES = card({"input": "1", "cache_read": "1", "cache_write_5m": "1", "cache_write_1h": "1", "output": "1"})
BATCH_RATES = RATES | {"tier": "batch"}
PRICER = Pricer(
    table_of(
        model("openai", "gpt-5-2025-08-07", BATCH_RATES),
        model("openai", "text-embedding-3-small", BATCH_RATES),
        model("anthropic", "claude-sonnet-4-5-20250929", BATCH_RATES),
        model("gcp.gemini", "gemini-3-flash-preview", BATCH_RATES),
        *(model(host, "gpt-5-2025-08-07", BATCH_RATES) for host in test_batch_hosts.HOSTS),
        *(model(host, "text-embedding-3-small", BATCH_RATES) for host in test_batch_hosts.HOSTS),
    )
)
"""A dollar a million of whatever it is: what calls cost is how many tokens they had."""


class Case(NamedTuple):
    """How results are read by an SDK, and what has to be said of the same ones in a file.

    Attributes:
        lines: The file.
        tokens: Those of all results together.
        read: Has the SDK read them from a server.
        provider: Whose they are.
        job: What has to be said.
    """

    lines: Sequence[dict[str, Any]]
    tokens: int
    read: Callable[[ReplayServer, bytes], None]
    provider: str
    job: Job


def _openai(server: ReplayServer, body: bytes) -> None:
    server.answer_with(Answer(body=body, content_type="application/octet-stream"))
    with test_deferred._openai(server) as client:
        client.files.content("file-1")


def _anthropic(server: ReplayServer, body: bytes) -> None:
    path = "/v1/messages/batches/msgbatch_1"
    job = test_deferred.BATCH | {"created_at": MADE, "results_url": f"{server.url}{path}/results"}
    server.answer_with(Answer(body=json.dumps(job).encode()), path=path)
    server.answer_with(Answer(body=body, content_type="application/x-jsonl"), path=f"{path}/results")
    with test_deferred._anthropic(server) as client:
        assert len(list(client.messages.batches.results("msgbatch_1"))) == 3


def _gemini(server: ReplayServer, body: bytes) -> None:
    answer = Answer(body=body, content_type="application/jsonl")
    server.answer_with(answer, method="GET", path="/v1beta/files/results:download")
    with google_sdk.client(server.url) as client:
        client.files.download(file="files/results")


def _at_host(name: str, server: ReplayServer, body: bytes) -> None:
    """Ask for the job, which says when it began, and read the file of its results."""
    host = test_batch_hosts.HOSTS[name]
    test_batch_hosts.serve(server, host, created_at=MADE if name == "together" else MADE_S)
    answer = Answer(body=body, content_type="application/octet-stream")
    server.answer_with(answer, method="GET", path=host.file_path)
    with host.client(name, server.url) as client:
        test_batch_hosts.poll(name, client)
        assert test_batch_hosts.read(name, client) == body


def _host_case(name: str) -> Case:
    """Return results of which the second, without an id of its own, says no time, and the third failed."""
    embedded = {"custom_id": "b", "response": {"status_code": 200, "body": wire.embeddings()}, "error": None}
    return Case(
        [
            test_batch_hosts.line_of("a", "req_1", wire.chat(created=MADE_S)),
            embedded,
            test_batch_hosts.line_of("c", "req_3", None, "no"),
        ],
        1_200 + 340 + 9,
        partial(_at_host, name),
        name,
        Job(name="file-out", created_at_ns=MADE_S * 10**9),
    )


_IN_ID = base64.urlsafe_b64encode(MADE_S.to_bytes(4, "little") + b"-" * 12).decode()
_CONTENT_USAGE = {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 7}
CASES = {
    "openai": Case(
        [
            {"id": "batch_req_1", "custom_id": "a", "response": {"body": wire.chat(created=MADE_S)}, "error": None},
            {
                "id": f"batch_req_{MADE_S:08x}aaaaaaaaaaaaaaaaaaaaaaaa",
                "custom_id": "b",
                "response": {"body": wire.embeddings()},
                "error": None,
            },
            {
                "id": f"batch_req_{MADE_S:08x}bbbbbbbbbbbbbbbbbbbbbbbb",
                "custom_id": "c",
                "response": None,
                "error": {"code": "batch_expired"},
            },
        ],
        1_200 + 340 + 9,
        _openai,
        "openai",
        Job(),
    ),
    "anthropic": Case(
        [
            {"custom_id": "a", "result": {"type": "succeeded", "message": wire.message(id="msg_a")}},
            {"custom_id": "b", "result": {"type": "succeeded", "message": wire.message(id="msg_b")}},
            {"custom_id": "c", "result": {"type": "expired"}},
        ],
        2 * (20 + 300 + 1_000 + 50),
        _anthropic,
        "anthropic",
        Job(name="msgbatch_1", created_at_ns=MADE_S * 10**9),
    ),
    "gemini": Case(
        [{"key": "a", "response": wire_google.content(responseId=_IN_ID, usageMetadata=_CONTENT_USAGE)}],
        100 + 20 + 7,
        _gemini,
        "gcp.gemini",
        Job(name="files/results"),
    ),
    **{name: _host_case(name) for name in test_batch_hosts.HOSTS},
}


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    return migrated(tmp_path_factory)


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with connect(dsn) as store:
        store._engine.command("TRUNCATE TABLE llm_calls_log")
        yield store


def by_the_sdk(case: Case, store: Store, telemetry: Telemetry, server: ReplayServer) -> None:
    """Have the SDK read the results, and write what is told of them."""
    case.read(server, b"".join(json.dumps(line).encode() + b"\n" for line in case.lines))
    calls = telemetry.calls()
    now_ns = time.time_ns()
    prices = PRICER.price_all(calls)
    pairs = zip(calls, prices, strict=True)
    store.write([PricedCall(call=call, pricing=pricing, received_at_ns=now_ns) for call, pricing in pairs])


def by_backfill(case: Case, store: Store, tmp_path: Path, *, at_ns: int | None = None) -> None:
    """Write the results that stand in a file; `at_ns` is the time that is said instead of the right one."""
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in case.lines))
    blank = LLMCall(trace_id="", span_id="", started_at_ns=0, provider=case.provider)
    job = case.job if at_ns is None else replace(case.job, created_at_ns=at_ns)
    filled = backfill(
        store, partial(parts_of_results, store, path, blank, job), PRICER, Progress(tmp_path / "progress", "test")
    )
    assert (filled.calls, filled.faults) == (len(case.lines), [])


@pytest.mark.parametrize("name", CASES)
def test_a_result_that_an_sdk_read_and_one_in_a_file_are_one_call(
    name: str, store: Store, telemetry: Telemetry, server: ReplayServer, tmp_path: Path
) -> None:
    case = CASES[name]
    if case.provider == "gcp.gemini" and not google_sdk.HAS_TRANSPORTS:
        pytest.skip("this release has no batches of the Gemini API")
    keys = "SELECT trace_id, span_id, toUnixTimestamp64Nano(started_at), is_batch FROM llm_calls ORDER BY ALL"
    spent = "SELECT count(), sum(list_cost) FROM llm_calls"
    expected = ((len(case.lines), Decimal(case.tokens) / 10**6),)
    by_the_sdk(case, store, telemetry, server)
    told = store.query(keys).rows
    assert store.query(spent).rows == expected
    by_backfill(case, store, tmp_path)
    assert (store.query(keys).rows, store.query(spent).rows) == (told, expected)
    by_backfill(case, store, tmp_path, at_ns=(MADE_S * 10**9) - 5 * HOUR_NS)  # whoever says a wrong time bills nothing
    assert (store.query(keys).rows, store.query(spent).rows) == (told, expected)

    store._engine.command("TRUNCATE TABLE llm_calls_log")
    by_backfill(case, store, tmp_path)
    assert (store.query(keys).rows, store.query(spent).rows) == (told, expected)
    by_the_sdk(case, store, telemetry, server)
    assert (store.query(keys).rows, store.query(spent).rows) == (told, expected)

    store._engine.command("TRUNCATE TABLE llm_calls_log")
    by_backfill(case, store, tmp_path, at_ns=(MADE_S * 10**9) - 5 * HOUR_NS)  # nor does whoever reads them afterwards
    wrong = store.query(keys).rows
    by_the_sdk(case, store, telemetry, server)
    assert (store.query(keys).rows, store.query(spent).rows) == (wrong, expected)
