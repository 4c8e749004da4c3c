"""OTLP in over both transports: what is taken is in the store at its price, what is not is told as the spec says."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_llmcost.attribution import Attribution
from tests.collector.conftest import running
from tests.collector.telling import COST, LOGS, METRICS, a_call, as_json, call, gzipped, other_spans, post, request_of

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.store import Store
    from tests.collector.conftest import Running

OK, INVALID = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED, STRANGER = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAUTHENTICATED


def segments(up: Running) -> list[Path]:
    """Return the segments of the journal, and those that were acknowledged."""
    return sorted((up.data_dir / "wal").glob("**/*.*e*"))


def test_calls_arrive_priced_over_every_transport_and_format(up: Running) -> None:
    calls = [a_call() for _ in range(5)]
    bodies = [request_of([each]) for each in calls]
    assert call(up.grpc, bodies[0]).code is OK
    assert call(up.grpc, bodies[1], compression=grpc.Compression.Gzip).code is OK
    assert post(up.http, bodies[2]).status == 200
    assert post(up.http, gzipped(bodies[3]), content_encoding="gzip").status == 200
    answer = post(up.http, as_json(bodies[4]), content_type="application/json")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"{}", "application/json")
    expected = [(each.trace_id, each.span_id, "search", "shop", Decimal(COST), "priced") for each in calls]
    assert up.stored(calls) == expected


def test_rollups_say_the_same_as_the_calls(up: Running) -> None:
    who = Attribution(feature="rolled up", session_id="s7")
    told = [a_call(attribution=who) for _ in range(3)]
    post(up.http, request_of(told))
    up.stored(told)
    up.collector._intake._next_derivation_s = 0.0  # after the last one it would rest twenty times as long as that took
    mine = "WHERE feature = 'rolled up'"
    up.until(lambda: len(up.rows(f"SELECT calls FROM session_spend {mine}")) > 0)
    assert list(up.rows(f"SELECT sum(calls), sum(list_cost) FROM spend_hourly {mine}")) == [(3, Decimal("0.0105"))]
    assert list(up.rows(f"SELECT session_id, calls FROM session_spend {mine}")) == [("s7", 3)]


def test_what_is_no_llm_call_is_answered_and_leaves_nothing(up: Running) -> None:
    before = segments(up)
    assert call(up.grpc, other_spans(10)).code is OK
    assert call(up.grpc, b"").code is OK
    assert call(up.grpc, b"whatever", METRICS).code is OK
    assert post(up.http, b"whatever", "/v1/metrics").status == 200
    assert segments(up) == before


def test_of_mixed_spans_only_the_calls_are_kept(up: Running) -> None:
    mine = a_call()
    post(up.http, other_spans(50) + request_of([mine]) + other_spans(50))
    assert len(up.stored([mine])) == 1
    up.until(lambda: up.collector._measured_now().bytes == 0)  # and put away: until then a segment moves
    kept = [segment.read_bytes() for segment in segments(up)]
    assert any(bytes.fromhex(mine.trace_id) in each for each in kept)
    assert not any(b"flask" in each for each in kept)


def test_spans_that_nobody_can_store_are_told_with_count_and_reason_and_the_others_are_taken(up: Running) -> None:
    good, no_trace, no_span, future = a_call(), a_call(), a_call(), a_call(started_at_ns=2**63)
    request = ExportTraceServiceRequest.FromString(request_of([good, no_trace, no_span, future]))
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[1].trace_id, spans[2].span_id = b"short", bytes(8)
    said = call(up.grpc, request.SerializeToString()).response.partial_success
    assert said.rejected_spans == 3
    assert "2 × identity" in said.error_message
    assert "1 × clock" in said.error_message
    assert post(up.http, request.SerializeToString()).response.partial_success == said
    told = post(up.http, as_json(request.SerializeToString()), content_type="application/json")
    assert json.loads(told.body)["partialSuccess"]["rejectedSpans"] == "3"
    assert up.stored([good])


def test_the_reasons_stay_short_whatever_was_sent(up: Running) -> None:
    request = ExportTraceServiceRequest.FromString(request_of([a_call()]))
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = os.urandom(1_000_000)
    assert len(call(up.grpc, request.SerializeToString()).response.partial_success.error_message) < 200


@pytest.mark.parametrize("body", [b"\x00", b"\xff" * 40, b"\x0a\x7f", request_of([a_call()])[:-3]])
def test_what_is_no_request_is_refused_for_good(up: Running, body: bytes) -> None:
    answer = call(up.grpc, body)
    assert (answer.code, answer.retry_after_s) == (INVALID, None)
    assert "ExportTraceServiceRequest" in answer.details
    over_http = post(up.http, body)
    assert (over_http.status, over_http.fault.code) == (400, 3)
    assert call(up.grpc, body, LOGS).code is INVALID


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"no json",
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "not hex"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}',
        b'{"a":' * 5_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_json_request_is_refused_for_good_in_json(up: Running, body: bytes) -> None:
    answer = post(up.http, body, content_type="application/json")
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == 3


def test_json_may_hold_keys_that_nobody_knows(up: Running) -> None:
    mine = a_call()
    body = json.loads(as_json(request_of([mine]))) | {"someday": {"more": 1}}
    assert post(up.http, json.dumps(body).encode(), content_type="application/json; charset=utf-8").status == 200
    assert up.stored([mine])


def test_http_says_what_it_takes(up: Running) -> None:
    body = request_of([a_call()])
    assert post(up.http, body, "/v2/traces").status == 404
    assert post(up.http, body, method="PUT").status == 405
    assert post(up.http, body, content_type="text/plain").status == 415
    assert post(up.http, body, content_encoding="br").status == 415
    assert post(up.http, b"no gzip", content_encoding="gzip").status == 400
    assert post(up.http, gzipped(body)[:-9], content_encoding="gzip").status == 400


def test_a_request_beyond_the_limit_is_refused_for_good_also_when_it_only_unpacks_to_it(
    tmp_path: Path, store: Store
) -> None:
    with running(tmp_path, store, LLMCOST_MAX_REQUEST_BYTES="100000") as up:
        bomb = bytes(50_000_000)
        assert post(up.http, bomb[:100_001]).status == 413
        assert post(up.http, gzipped(bomb), content_encoding="gzip").status == 413
        assert post(up.http, gzipped(bomb[:60_000]) * 2, content_encoding="gzip").status == 413
        for body, compression in ((bomb[:100_001], 0), (bomb, 2)):
            answer = call(up.grpc, body, compression=grpc.Compression(compression))
            assert (answer.code, answer.retry_after_s) == (EXHAUSTED, None)
        assert post(up.http, request_of([a_call()])).status == 200


def test_only_who_has_a_token_is_let_in(tmp_path: Path, store: Store) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("one\ntwo\n")
    with running(tmp_path / "data", store, LLMCOST_TOKEN_FILE=str(tokens), LLMCOST_TOKEN="three") as up:
        body = request_of([a_call()])
        for token in ("one", "two", "three"):
            assert call(up.grpc, body, token=token).code is OK
            assert post(up.http, body, authorization=f"Bearer {token}").status == 200
        for token in ("four", "on", ""):
            assert call(up.grpc, body, token=token).code is STRANGER
            assert call(up.grpc, body, METRICS, token=token).code is STRANGER
            answer = post(up.http, body, authorization=f"Bearer {token}")
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert post(up.http, body, authorization="Basic one").status == 401


@pytest.mark.long
def test_a_full_disk_budget_pushes_back_with_a_delay_and_drops_nothing(tmp_path: Path, store: Store) -> None:
    with running(tmp_path, store, LLMCOST_WAL_MAX_BYTES="1") as up:
        kept = a_call()
        up.collector._intake.stop(0)  # nothing is written any more
        up.collector._draining.join()
        up.until(lambda: post(up.http, request_of([kept])).status == 429)
        answer = post(up.http, request_of([a_call()]))
        assert (answer.status, answer.headers["retry-after"], answer.fault.code) == (429, "5", 8)
        over_grpc = call(up.grpc, request_of([a_call()]))
        assert (over_grpc.code, over_grpc.retry_after_s) == (EXHAUSTED, 5)
        assert post(up.http, other_spans(1)).status == 200
    with running(tmp_path, store) as again:
        assert again.stored([kept])
