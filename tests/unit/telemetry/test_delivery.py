"""Frames on their way to a receiver: what is sent, what is kept, what is given up and set aside."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.spool import Frame, Spool
from otel_llmcost.telemetry.delivery import RefusedError, ToEndpoint, ToSpool, delivery_for
from otel_llmcost.telemetry.settings import Settings
from tests.support.replay import Answer, ReplayServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE_NS = 60 * 1_000_000_000
OK = Answer()


@pytest.fixture
def receiver() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        server.answer_with(OK, path="/v1/traces")
        yield server


@pytest.fixture
def settings(tmp_path: Path, receiver: ReplayServer) -> Settings:
    return Settings(data_dir=tmp_path, endpoint=receiver.url)


def frame(number: int) -> Frame:
    return Frame(number, b"frame %d" % number)


def received(receiver: ReplayServer) -> list[bytes]:
    return [gzip.decompress(each.body) for each in receiver.requests if each.path == "/v1/traces"]


def waiting(settings: Settings) -> list[Frame]:
    with Spool(settings.spool_dir) as spool:
        return [each for segment in spool.segments() for each in segment.frames]


def spooled(settings: Settings, *numbers: int) -> None:
    """Leave a segment for each number, as earlier processes may have."""
    for number in numbers:
        earlier = ToSpool(settings)
        earlier.deliver(frame(number))
        earlier.close()


def endpoint(settings: Settings) -> ToEndpoint:
    return ToEndpoint(settings, retry_after_s=0)


def test_where_calls_go_is_what_the_settings_say(settings: Settings, tmp_path: Path) -> None:
    assert isinstance(delivery_for(settings), ToEndpoint)
    assert isinstance(delivery_for(Settings(data_dir=tmp_path)), ToSpool)


def test_an_open_segment_is_sealed_after_a_minute(settings: Settings) -> None:
    spool = ToSpool(settings)
    spool.deliver(frame(0))

    spool.tend(MINUTE_NS - 1)
    assert [path.suffix for path in settings.spool_dir.iterdir()] == [".open"]
    spool.tend(MINUTE_NS)
    assert [path.suffix for path in settings.spool_dir.iterdir()] == [".segment"]


def test_what_the_receiver_takes_does_not_touch_the_disk(settings: Settings, receiver: ReplayServer) -> None:
    to = endpoint(settings)
    to.deliver(frame(1))
    to.close()

    assert received(receiver) == [b"frame 1"]
    assert not settings.spool_dir.exists()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 401, 403, 404, 408, 429, 500, 502, 503, 504])
def test_what_may_be_taken_later_is_kept(settings: Settings, receiver: ReplayServer, status: int) -> None:
    """A redirection is one of them: followed as browsers do, it would end in a GET without the calls."""
    receiver.answer_with(Answer(status=status, headers={"location": "/login"}), path="/v1/traces")
    receiver.answer_with(Answer(body=b"please log in"), path="/login")
    to = endpoint(settings)
    to.deliver(frame(1))
    to.close()

    assert waiting(settings) == [frame(1)]
    assert [each.path for each in receiver.requests] == ["/v1/traces"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:no-port", "http://", "http://..", "http://[::1", "http://a b"])
def test_an_endpoint_that_no_request_can_reach_keeps_the_calls(tmp_path: Path, url: str) -> None:
    settings = Settings(data_dir=tmp_path, endpoint=url)
    to = endpoint(settings)
    to.deliver(frame(1))
    to.close()

    assert waiting(settings) == [frame(1)]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_will_never_be_taken_is_refused(settings: Settings, receiver: ReplayServer, status: int) -> None:
    receiver.answer_with(Answer(status=status), path="/v1/traces")

    with pytest.raises(RefusedError, match=f"{receiver.url}/v1/traces refuses calls with status {status}"):
        endpoint(settings).deliver(frame(1))
    assert not settings.spool_dir.exists()


def test_a_receiver_that_failed_is_left_alone_for_a_while(settings: Settings, receiver: ReplayServer) -> None:
    receiver.answer_with(Answer(status=503), path="/v1/traces")
    to = ToEndpoint(settings, retry_after_s=3600)
    for number in range(5):
        to.deliver(frame(number))
        assert to.tend(number)
    to.close()

    assert len(receiver.requests) == 1
    assert waiting(settings) == [frame(number) for number in range(5)]


def test_a_receiver_that_answers_again_gets_what_waited(settings: Settings, receiver: ReplayServer) -> None:
    receiver.answer_with(Answer(status=503), OK, path="/v1/traces")
    to = endpoint(settings)
    to.deliver(frame(1))
    to.deliver(frame(2))

    assert not to.tend(3)
    assert received(receiver) == [b"frame 1", b"frame 2", b"frame 1"]
    assert waiting(settings) == []


def test_a_receiver_that_fails_in_the_middle_of_a_backlog_loses_nothing(
    settings: Settings, receiver: ReplayServer
) -> None:
    spooled(settings, 1, 2, 3)
    receiver.answer_with(OK, Answer(status=503), OK, path="/v1/traces")
    to = endpoint(settings)

    assert to.tend(4)
    assert waiting(settings) == [frame(2), frame(3)]
    assert not to.tend(5)
    assert received(receiver) == [b"frame 1", b"frame 2", b"frame 2", b"frame 3"]


def test_a_long_backlog_is_shipped_bit_by_bit(settings: Settings, receiver: ReplayServer) -> None:
    spooled(settings, *range(20))
    to = endpoint(settings)

    assert to.tend(100)
    assert 0 < len(receiver.requests) < 20
    assert not to.tend(101)
    assert received(receiver) == [b"frame %d" % number for number in range(20)]


def test_the_open_segments_of_many_others_do_not_stand_in_the_way(settings: Settings, receiver: ReplayServer) -> None:
    others = [ToSpool(settings) for _ in range(20)]
    for number, other in enumerate(others):
        other.deliver(frame(number))
    spooled(settings, 100)

    endpoint(settings).tend(0)
    assert received(receiver) == [b"frame 100"]
    for other in others:
        other.close()


def test_whoever_comes_while_another_drains_comes_again(settings: Settings, receiver: ReplayServer) -> None:
    spooled(settings, 1)
    to = endpoint(settings)
    with Spool(settings.spool_dir):
        assert to.tend(0)
    assert receiver.requests == []

    assert not to.tend(1)
    assert received(receiver) == [b"frame 1"]


def test_a_backlog_that_is_refused_is_set_aside_and_told(
    settings: Settings, receiver: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    spooled(settings, 1, 2)
    receiver.answer_with(Answer(status=413), OK, path="/v1/traces")

    assert not endpoint(settings).tend(0)

    assert received(receiver) == [b"frame 1", b"frame 2"]
    (kept,) = (settings.spool_dir / "corrupt").iterdir()
    assert caplog.messages == [
        f"{receiver.url}/v1/traces refuses calls with status 413; calls that had waited are set aside as {kept}"
    ]
