"""Full disks, wrong settings, terminals and closed streams: the program goes on, and one line says what is wrong."""

from __future__ import annotations

import ctypes
import os
import pty
import subprocess

import pytest

from tests.e2e.conftest import Place, answers, assert_billed

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


def without_privilege() -> None:
    """Take from a child the right of root to write everywhere."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


# --- disks ---


def test_calls_that_a_full_disk_keeps_out_are_kept_until_there_is_space(place: Place) -> None:
    ran = place.run("full_disk.py", place.provider.url, "limit")

    assert (ran.returncode, ran.stdout) == (0, answers(range(3)) + "flushed: False\nanswer 3\nflushed: True\n")
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert ran.stderr.startswith(f"cannot write to spool {place.spool}/")
    assert "File too large; set LLMCOST_DATA_DIR to a writable directory" in ran.stderr
    assert_billed(place.calls(), range(4))


def test_calls_that_a_full_disk_has_kept_out_to_the_end_are_counted(place: Place) -> None:
    ran = place.run("full_disk.py", place.provider.url, "limit", "never")

    assert (ran.returncode, ran.stdout) == (0, answers(range(3)) + "flushed: False\n")
    first, last = ran.stderr.splitlines()
    assert first.startswith(f"cannot write to spool {place.spool}/")
    assert last == f"3 calls could not be kept: {first}"
    assert place.calls() == []


def test_a_disk_that_is_really_full(place: Place) -> None:
    """On a file system of 256 KB of its own, where the kernel lets us make one."""
    place.data_dir.mkdir()
    inside = (
        'mount -t tmpfs -o size=256k tmpfs "$LLMCOST_DATA_DIR" && "$@" && cp -r "$LLMCOST_DATA_DIR/spool" "$HOME/kept"'
    )
    isolated = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*isolated, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")

    command = [*isolated, inside, "sh", *place.command("full_disk.py", place.provider.url, "ballast")]
    ran = place.run("", command=command)

    assert (ran.returncode, ran.stdout) == (0, answers(range(3)) + "flushed: False\nanswer 3\nflushed: True\n")
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert "No space left on device; set LLMCOST_DATA_DIR to a writable directory" in ran.stderr
    assert_billed(place.calls(place.home / "kept"), range(4))


def test_a_spool_at_its_limit_is_told_with_the_fix_and_its_calls_are_counted(place: Place) -> None:
    place.shop(3)
    ran = place.shop(2, first=3, LLMCOST_SPOOL_MAX_BYTES="100")

    first, last = ran.stderr.splitlines()
    assert "its limit is 100: run `llmcost report` or a collector to drain it" in first
    assert last == f"2 calls could not be kept: {first}"
    assert_billed(place.calls(), range(3))


# --- a data directory that cannot be used ---


def test_an_unwritable_data_directory_is_named(place: Place) -> None:
    place.data_dir.mkdir(mode=0o500)

    ran = place.shop(3, preexec_fn=without_privilege)

    first, last = ran.stderr.splitlines()
    assert first == (
        f"cannot write to spool {place.spool}: Permission denied; set LLMCOST_DATA_DIR to a writable directory"
    )
    assert last == f"3 calls could not be kept: {first}"


def test_a_data_directory_that_is_a_file_is_named(place: Place) -> None:
    place.data_dir.write_text("a file")

    ran = place.shop(3)

    first, last = ran.stderr.splitlines()
    assert (
        first == f"cannot write to spool {place.spool}: Not a directory; set LLMCOST_DATA_DIR to a writable directory"
    )
    assert last == f"3 calls could not be kept: {first}"


def test_a_spool_full_of_rubbish_takes_new_calls(place: Place) -> None:
    place.spool.mkdir(parents=True)
    (place.spool / "0-1-000001.segment").write_bytes(os.urandom(1000))
    (place.spool / "0-1-000002.open").write_bytes(b"\xf1LC1")
    (place.spool / "draining").write_bytes(b"999999")

    assert place.shop(3).stderr == ""
    assert_billed(place.calls(), range(3))


# --- settings ---


def test_every_setting_that_cannot_be_read_is_told_once_and_its_default_taken(place: Place) -> None:
    wrong = {
        "LLMCOST_ENDPOINT": "collector:4320",
        "LLMCOST_HEADERS": "authorization",
        "LLMCOST_TRUST_INCOMING": "perhaps",
        "LLMCOST_MAX_QUEUE_SIZE": "-1",
        "LLMCOST_SPOOL_MAX_BYTES": "1GB",
        "LLMCOST_SPOOL_FSYNC": "sometimes",
        "LLMCOST_MAX_FEATURES": "0",
        "LLMCOST_MAX_TENANTS": "many",
        "LLMCOST_SUMMARY": "2",
    }

    ran = place.shop(3, **wrong)

    lines = ran.stderr.splitlines()
    assert sorted(line.partition("=")[0] for line in lines) == sorted(wrong)
    assert all(f"={wrong[line.partition('=')[0]]!r} is not " in line and "; taking " in line for line in lines)
    assert_billed(place.calls(), range(3))


# --- the line at the end ---


def on_a_terminal(place: Place, calls: int = 3, **variables: str) -> str:
    """Run the shop with a terminal for its errors, and return what the terminal shows."""
    ours, its = pty.openpty()
    try:
        ran = place.run("shop.py", place.provider.url, 0, calls, stderr=its, **variables)
        assert (ran.returncode, ran.stdout) == (0, answers(range(calls)))
        os.write(its, b"END")
        shown = b""
        while not shown.endswith(b"END"):
            shown += os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(its)
    return shown.removesuffix(b"END").decode()


@pytest.mark.parametrize(("calls", "told"), [(1, "1 call"), (3, "3 calls")])
def test_a_terminal_shows_one_line_at_the_end(place: Place, calls: int, told: str) -> None:
    line = f"llmcost: {told}, 100% named, in {place.spool} (`llmcost report` prices them)\r\n"
    assert on_a_terminal(place, calls) == line


def test_the_line_can_be_turned_off(place: Place) -> None:
    assert on_a_terminal(place, LLMCOST_SUMMARY="off") == ""


def test_without_a_terminal_nothing_is_printed(place: Place) -> None:
    assert place.shop(3).stderr == ""


def test_a_program_whose_errors_go_nowhere_ends_as_ever(place: Place) -> None:
    ran = place.run("shop.py", place.provider.url, 0, 3, stderr=None, preexec_fn=lambda: os.close(2))

    assert (ran.returncode, ran.stdout) == (0, answers(range(3)))
    assert_billed(place.calls(), range(3))


def test_a_program_that_closed_its_errors_notices_nothing_even_of_trouble(place: Place) -> None:
    place.data_dir.write_text("a file")

    ran = place.run("closed_errors.py", place.provider.url)

    assert (ran.returncode, ran.stdout) == (0, answers(range(3)) + "flushed: False\n" + answers(range(3, 6)))
    assert "Traceback" not in ran.stderr
