"""LLMCOST_ENDPOINT: calls go to a receiver, and while it does not take them they wait in the spool."""

from __future__ import annotations

import socket

from tests.e2e.conftest import DEADLINE_S, Place, assert_billed, calls_received
from tests.support import ports
from tests.support.replay import Answer, ReplayServer

REFUSED = "LLMCOST_ENDPOINT {url}/v1/traces does not take calls ({reason}); they wait in {spool}"


def test_calls_reach_the_receiver_and_none_waits_on_disk(place: Place, collector: ReplayServer) -> None:
    ran = place.shop(3, LLMCOST_ENDPOINT=collector.url + "/", LLMCOST_HEADERS="authorization=Bearer abc, x-tenant=t")

    assert ran.stderr == ""
    assert_billed(calls_received(collector), range(3))
    assert place.calls() == []
    (received,) = collector.requests
    assert received.headers["content-type"] == "application/x-protobuf"
    assert (received.headers["authorization"], received.headers["x-tenant"]) == ("Bearer abc", "t")


def test_calls_of_which_no_receiver_knew_are_shipped_by_the_next_program(place: Place, collector: ReplayServer) -> None:
    with ports.held(1) as (port,):
        url = f"http://127.0.0.1:{port}"
        ran = place.shop(3, LLMCOST_ENDPOINT=url)
    reason = "[Errno 111] Connection refused"
    assert ran.stderr == REFUSED.format(url=url, reason=reason, spool=place.spool) + "\n"
    assert_billed(place.calls(), range(3))

    assert place.shop(2, first=3, LLMCOST_ENDPOINT=collector.url).stderr == ""

    assert_billed(calls_received(collector), range(5))
    assert place.calls() == []


def test_calls_spooled_without_an_endpoint_are_shipped_once_there_is_one(place: Place, collector: ReplayServer) -> None:
    place.shop(3)

    place.shop(2, first=3, LLMCOST_ENDPOINT=collector.url)

    assert_billed(calls_received(collector), range(5))


def test_calls_that_a_receiver_may_take_later_are_kept(place: Place, collector: ReplayServer) -> None:
    collector.answer_with(Answer(status=503), path="/v1/traces")

    ran = place.shop(3, LLMCOST_ENDPOINT=collector.url)

    assert ran.stderr == REFUSED.format(url=collector.url, reason="status 503", spool=place.spool) + "\n"
    assert_billed(place.calls(), range(3))


def test_calls_that_a_receiver_will_never_take_are_told_and_counted(place: Place, collector: ReplayServer) -> None:
    collector.answer_with(Answer(status=400), path="/v1/traces")

    ran = place.shop(3, LLMCOST_ENDPOINT=collector.url)

    told = f"{collector.url}/v1/traces refuses calls with status 400"
    assert ran.stderr == f"{told}\n3 calls could not be kept: {told}\n"
    assert place.calls() == []


def test_a_port_that_speaks_no_http_keeps_the_calls(place: Place) -> None:
    """As 4317 does, the port of OTLP over gRPC."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_S)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with place.start("shop.py", place.provider.url, 0, 3, LLMCOST_ENDPOINT=url) as program:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00 not the protocol you asked for\r\n\r\n")
            _, err = program.communicate(timeout=DEADLINE_S)

    assert program.returncode == 0
    assert err.startswith(f"LLMCOST_ENDPOINT {url}/v1/traces does not take calls (BadStatusLine(")
    assert err.count("\n") == 1
    assert_billed(place.calls(), range(3))
