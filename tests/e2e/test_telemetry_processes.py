"""Programs that fork, are preloaded, run side by side or are told to stop: each call is there once."""

from __future__ import annotations

import re
import signal
import subprocess
import time
import urllib.request
from typing import IO

import pytest

from tests.e2e.conftest import APPS, BIN, DEADLINE_S, Place, answers, assert_billed, number_of


def first_lines(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline() for _ in range(count)]


def test_a_program_that_is_told_to_stop_leaves_every_call_behind_and_dies_of_the_signal(place: Place) -> None:
    with place.start("worker.py", place.provider.url) as worker:
        seen = first_lines(worker.stdout, 4)
        worker.send_signal(signal.SIGTERM)
        rest, err = worker.communicate(timeout=DEADLINE_S)

    assert worker.returncode == -signal.SIGTERM
    assert err == ""
    printed = "".join(seen) + rest
    answered = [call for call in place.calls() if call.usage]
    assert answers(map(number_of, answered)).startswith(printed)
    assert_billed(answered, range(len(answered)))
    assert len(answered) - printed.count("\n") <= 1
    assert [path.suffix for path in place.spool.iterdir() if path.suffix == ".open"] == []


def test_a_program_with_its_own_handler_of_the_signal_keeps_it(place: Place) -> None:
    with place.start("worker.py", place.provider.url, "own") as worker:
        first_lines(worker.stdout, 3)
        worker.send_signal(signal.SIGTERM)
        rest, _ = worker.communicate(timeout=DEADLINE_S)

    assert worker.returncode == 7
    assert "bye\n" in rest
    calls = [call for call in place.calls() if call.usage]
    assert_billed(calls, range(len(calls)))
    assert len(calls) >= 3


def test_two_programs_at_once_share_a_spool(place: Place) -> None:
    starts = [place.start("shop.py", place.provider.url, first, first + 20) for first in (0, 20)]
    for first, program in zip((0, 20), starts, strict=True):
        with program:
            out, err = program.communicate(timeout=DEADLINE_S)
        assert (program.returncode, out, err) == (0, answers(range(first, first + 20)), "")

    assert_billed(place.calls(), range(40))
    assert len(place.segments()) == 2


@pytest.mark.long
@pytest.mark.parametrize("way", ["fork", "multiprocessing"])
def test_the_calls_of_children_are_there_and_those_of_the_parent_once(place: Place, way: str) -> None:
    """A child made by multiprocessing ends by os._exit, past everything that is tied to the end of a program."""
    ran = place.run("forking.py", place.provider.url, way.replace("multiprocessing", "fork-process"))

    assert ran.returncode == 0, ran.stderr
    assert sorted(ran.stdout.split("\n")) == sorted(answers([0, 1, 10, 11, 12, 20, 21, 22]).split("\n"))
    assert_billed(place.calls(), [0, 1, 10, 11, 12, 20, 21, 22])


def test_children_that_are_forked_while_our_own_thread_imports_end_and_lose_no_call(place: Place) -> None:
    ran = place.run("forking.py", place.provider.url, "fork-at-work")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert_billed(place.calls(), [0, 1, 10, 11, 12, 20, 21, 22])


@pytest.mark.long
def test_children_that_multiprocessing_spawns_are_instrumented_like_their_parent(place: Place) -> None:
    ran = place.run("forking.py", place.provider.url, "spawn")

    assert ran.returncode == 0, ran.stderr
    assert_billed(place.calls(), [0, 1, 10, 11, 12, 20, 21, 22])


@pytest.mark.parametrize("preload", [True, False])
def test_gunicorn_with_several_workers_loses_no_call(place: Place, preload: bool) -> None:  # noqa: FBT001
    gunicorn = [str(BIN / "gunicorn"), "--workers=2", "--bind=127.0.0.1:0", "--no-control-socket", "wsgi:app"]
    command = [str(BIN / "opentelemetry-instrument"), *gunicorn, *(["--preload"] if preload else [])]
    with place.start(
        "wsgi.py", command=command, PYTHONPATH=str(APPS), PROVIDER_URL=place.provider.url, stdout=subprocess.DEVNULL
    ) as master:
        assert master.stderr is not None
        log = iter(master.stderr.readline, "")
        url = next(found[0] for line in log if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        ask = lambda number: urllib.request.urlopen(f"{url}/{number}", timeout=DEADLINE_S).read()
        workers = {ask(number) for number in range(1, 31)}
        last, until_s = 30, time.monotonic() + DEADLINE_S  # one may be ready long after the other
        while len(workers) < 2 and time.monotonic() < until_s:
            last += 1
            workers.add(ask(last))
        master.send_signal(signal.SIGTERM)
        _, err = master.communicate(timeout=DEADLINE_S)

    assert master.returncode == 0, err
    assert len(workers) == 2
    loads = 1 if preload else 2
    assert_billed(place.calls(), [0] * loads + list(range(1, last + 1)))
    served_by = {path.name.split("-")[1].encode() for path in place.segments()}
    assert served_by - workers == ({str(master.pid).encode()} if preload else set())
    assert served_by >= workers
