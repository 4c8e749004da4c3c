"""The five rules of the spool, and what it does when the disk, the process or another reader gets in its way."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import CorruptSegmentError, SpoolError, SpoolFullError, StoreUnreachableError
from otel_llmcost.spool import (
    KEEP_ACKNOWLEDGED_S,
    MAGIC,
    Frame,
    SegmentWriter,
    Spool,
    default_data_dir,
    encode_frame,
    read_segment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW_S = 1_790_000_000
NOW_NS = NOW_S * 1_000_000_000


def frame(number: int, size: int = 40) -> Frame:
    return Frame(NOW_NS + number, f"{number:08d}".encode() * (size // 8))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


def sealed(directory: Path, *frames: Frame) -> Path:
    writer = SegmentWriter(directory)
    for each in frames:
        writer.append(each)
    path = writer.seal()
    assert path is not None
    return path


def waiting(directory: Path) -> list[Frame]:
    """Return every frame that a reader finds, and leave everything where it is."""
    with Spool(directory) as spool:
        return [each for segment in spool.segments() for each in segment.frames]


def drain(directory: Path, *, now_s: float = NOW_S) -> list[Frame]:
    """Take every sealed segment as whoever owns the store does."""
    taken = []
    with Spool(directory) as spool:
        for segment in spool.segments():
            taken += segment.frames
            spool.acknowledge(segment, now_s=now_s)
    return taken


def drain_until_the_store_goes(directory: Path, *, after: int, meanwhile=lambda: None) -> None:
    """Take `after` segments, then end as a drain does whose store does not answer any more."""
    with Spool(directory) as spool:
        for number, segment in enumerate(spool.segments()):
            if number == after:
                meanwhile()
                raise StoreUnreachableError
            spool.acknowledge(segment, now_s=NOW_S)


def names(directory: Path) -> list[str]:
    return sorted(path.suffix for path in directory.iterdir() if path.is_file() and path.name != "draining")


def in_a_process(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    told = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(told, capture_output=True, text=True, timeout=180, check=False)


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Have the kernel cut what is written to a file beyond `size` bytes, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


# --- rule 1: one process appends and holds the lock ---


def test_what_was_appended_is_read_in_order(directory: Path) -> None:
    frames = [frame(number) for number in range(20)]

    sealed(directory, *frames)

    assert waiting(directory) == frames


def test_an_open_segment_is_named_open_and_a_sealed_one_segment(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(1))
    assert names(directory) == [".open"]

    writer.seal()
    assert names(directory) == [".segment"]


def test_a_segment_that_has_reached_its_size_is_sealed_and_the_next_frame_opens_another(directory: Path) -> None:
    writer = SegmentWriter(directory, max_segment_bytes=200)
    for number in range(8):
        writer.append(frame(number, 80))

    assert names(directory) == [".segment"] * 4
    assert waiting(directory) == [frame(number, 80) for number in range(8)]


def test_nothing_is_made_before_the_first_frame(directory: Path) -> None:
    writer = SegmentWriter(directory)

    assert writer.seal() is None
    assert writer.age_ns(NOW_NS) == 0
    assert not directory.exists()


def test_the_age_of_a_segment_counts_from_its_first_frame(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(0))
    writer.append(Frame(NOW_NS + 5, b"later"))

    assert writer.age_ns(NOW_NS + 60) == 60
    writer.seal()
    assert writer.age_ns(NOW_NS + 60) == 0


def test_only_its_owner_may_read_a_spool(directory: Path) -> None:
    before = os.umask(0)
    try:
        path = sealed(directory, frame(1))
        drain(directory)
    finally:
        os.umask(before)

    assert {each.name: oct(each.stat().st_mode & 0o777) for each in directory.iterdir() if each.is_dir()} == {
        "acknowledged": "0o700",
        "corrupt": "0o700",
    }
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "acknowledged" / path.name).stat().st_mode & 0o777 == 0o600
    assert (directory / "draining").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fsync", ["always", "seal", "never"])
def test_every_sync_policy_keeps_every_frame(directory: Path, fsync) -> None:
    writer = SegmentWriter(directory, fsync=fsync)
    writer.append(frame(1))
    writer.append(frame(2))
    writer.seal()

    assert waiting(directory) == [frame(1), frame(2)]


FORK = """
import os, sys
from pathlib import Path
from otel_llmcost.spool import Frame, SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]))
writer.append(Frame(1, b"before the fork"))
child = os.fork()
if not child:
    writer.forget()
    writer.append(Frame(2, b"the child's"))
    writer.seal()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
writer.append(Frame(3, b"the parent's"))
writer.seal()
"""


def test_parent_and_child_of_a_fork_each_have_a_segment_of_their_own(directory: Path) -> None:
    ran = in_a_process(FORK, directory)

    assert ran.returncode == 0, ran.stderr
    segments = [[each.payload for each in read_segment(path).frames] for path in sorted(directory.glob("*.segment"))]
    assert sorted(segments) == [[b"before the fork", b"the parent's"], [b"the child's"]]


# --- rule 2: a sealed segment does not change ---


def test_a_writer_goes_on_in_a_new_segment_after_sealing(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(1))
    first = writer.seal()
    assert first is not None
    bytes_before = first.read_bytes()

    writer.append(frame(2))
    writer.seal()

    assert first.read_bytes() == bytes_before == encode_frame(frame(1))
    assert len(list(directory.glob("*.segment"))) == 2


# --- rule 3: what a dead process left open is sealed by whoever drains ---

DIE = """
import os, signal, sys
from pathlib import Path
from otel_llmcost.spool import Frame, SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]))
writer.append(Frame(1, b"whole"))
if len(sys.argv) > 2:
    os.write(writer._descriptor, b"half a fra")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_segment_of_a_killed_process_is_sealed_and_taken(directory: Path) -> None:
    assert in_a_process(DIE, directory).returncode == -signal.SIGKILL
    assert names(directory) == [".open"]

    assert drain(directory) == [Frame(1, b"whole")]
    assert names(directory) == []


def test_a_frame_that_a_killed_process_began_is_set_aside_and_the_whole_ones_before_it_count(directory: Path) -> None:
    in_a_process(DIE, directory, "torn")

    with Spool(directory) as spool:
        (segment,) = spool.segments()
        spool.acknowledge(segment, now_s=NOW_S)

    assert segment.frames == [Frame(1, b"whole")]
    (fault,) = spool.set_aside
    assert (fault.offset, fault.reason) == (len(encode_frame(Frame(1, b"whole"))), "torn frame header")
    assert [path.name for path in (directory / "corrupt").iterdir()] == [segment.path.name]


# --- rule 4: reading twice does no harm ---


def test_the_open_segment_of_a_living_process_is_read_and_left_to_it(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(1))

    assert drain(directory) == [frame(1)]
    assert names(directory) == [".open"]

    writer.append(frame(2))
    writer.seal()
    assert drain(directory) == [frame(1), frame(2)]
    assert drain(directory) == []


def test_a_frame_that_a_living_process_is_just_writing_is_no_fault(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(1))
    os.write(writer._descriptor, encode_frame(frame(2))[:-3])

    with Spool(directory) as spool:
        (segment,) = spool.segments()
        spool.acknowledge(segment, now_s=NOW_S)

    assert segment.frames == [frame(1)]
    assert spool.set_aside == []
    assert list((directory / "corrupt").iterdir()) == []


def test_acknowledged_segments_come_back_after_an_unclean_end(directory: Path) -> None:
    sealed(directory, frame(1))
    sealed(directory, frame(2))
    with pytest.raises(StoreUnreachableError):
        drain_until_the_store_goes(directory, after=1)

    assert drain(directory) == [frame(1), frame(2)]
    assert drain(directory) == []


KILLED_WHILE_DRAINING = """
import os, signal, sys
from pathlib import Path
from otel_llmcost.spool import Spool
with Spool(Path(sys.argv[1])) as spool:
    for segment in spool.segments():
        spool.acknowledge(segment, now_s=0)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_acknowledged_segments_come_back_after_the_drainer_was_killed(directory: Path) -> None:
    sealed(directory, frame(1))
    sealed(directory, frame(2))
    assert in_a_process(KILLED_WHILE_DRAINING, directory).returncode == -signal.SIGKILL

    assert drain(directory) == [frame(1), frame(2)]


def test_acknowledged_segments_do_not_come_back_after_a_clean_end(directory: Path) -> None:
    sealed(directory, frame(1))
    drain(directory)

    assert drain(directory) == []


def test_acknowledged_segments_are_kept_for_a_quarter_of_an_hour(directory: Path) -> None:
    first = sealed(directory, frame(1))
    drain(directory, now_s=NOW_S)
    second = sealed(directory, frame(2))
    drain(directory, now_s=NOW_S + KEEP_ACKNOWLEDGED_S)
    kept = directory / "acknowledged"
    assert sorted(path.name for path in kept.iterdir()) == sorted([first.name, second.name])

    third = sealed(directory, frame(3))
    drain(directory, now_s=NOW_S + KEEP_ACKNOWLEDGED_S + 1)
    assert sorted(path.name for path in kept.iterdir()) == sorted([second.name, third.name])


def test_while_one_drains_a_second_gets_nothing(directory: Path) -> None:
    sealed(directory, frame(1))
    with Spool(directory) as first, Spool(directory) as second:
        assert first.is_ours
        assert not second.is_ours
        assert list(second.segments()) == []
        assert [segment.frames for segment in first.segments()] == [[frame(1)]]

    assert waiting(directory) == [frame(1)]


def test_the_second_drainer_does_not_make_the_end_of_the_first_a_clean_one(directory: Path) -> None:
    sealed(directory, frame(1))
    sealed(directory, frame(2))
    with pytest.raises(StoreUnreachableError):
        drain_until_the_store_goes(directory, after=1, meanwhile=lambda: waiting(directory))

    assert drain(directory) == [frame(1), frame(2)]


def test_writers_and_a_drainer_in_a_race_lose_nothing(directory: Path) -> None:
    """An orphan is told by its lock, which a writer has only an instant after it made the file."""
    faults: list[BaseException] = []
    done = threading.Event()
    seen: set[bytes] = set()

    def write(first: int) -> None:
        try:
            for number in range(first, first + 200):
                writer = SegmentWriter(directory, fsync="never")
                writer.append(frame(number))
                writer.seal()
        except BaseException as error:  # noqa: BLE001 - a thread must hand its failure to the test
            faults.append(error)

    def take() -> None:
        try:
            while not done.is_set():
                seen.update(each.payload for each in drain(directory))
        except BaseException as error:  # noqa: BLE001 - a thread must hand its failure to the test
            faults.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1000)]
    drainer = threading.Thread(target=take)
    for thread in (drainer, *writers):
        thread.start()
    for thread in writers:
        thread.join(180)
    done.set()
    drainer.join(180)
    seen.update(each.payload for each in drain(directory))

    assert faults == []
    assert len(seen) == 400


# --- rule 5: what cannot be read is set aside, named and counted ---


def test_a_damaged_frame_is_named_and_the_frames_around_it_are_kept(directory: Path) -> None:
    path = sealed(directory, frame(1), frame(2), frame(3))
    second = len(encode_frame(frame(1)))
    data = bytearray(path.read_bytes())
    data[second + 30] ^= 0xFF
    path.write_bytes(data)

    with Spool(directory) as spool:
        (segment,) = spool.segments()
        spool.acknowledge(segment, now_s=NOW_S)

    assert segment.frames == [frame(1), frame(3)]
    (fault,) = spool.set_aside
    assert isinstance(fault, CorruptSegmentError)
    assert str(fault) == f"{path}: checksum does not match at byte {second}"
    assert (directory / "corrupt" / path.name).read_bytes() == data


def test_a_file_of_rubbish_is_set_aside_whole_and_does_not_hold_up_the_others(directory: Path) -> None:
    sealed(directory, frame(1))
    (directory / "00000000000000000000-1-000001.segment").write_bytes(os.urandom(5000))

    assert drain(directory) == [frame(1)]
    assert [path.stat().st_size for path in (directory / "corrupt").iterdir()] == [5000]


@pytest.mark.parametrize("size", [2**32 - 1, 64 * 1024 * 1024, 41])
def test_a_length_that_cannot_be_is_a_fault_and_not_a_huge_read(directory: Path, size: int) -> None:
    path = sealed(directory, frame(1), frame(2))
    data = bytearray(path.read_bytes())
    data[4:8] = size.to_bytes(4, "big")
    path.write_bytes(data)

    segment = read_segment(path)

    assert segment.frames == [frame(2)]
    assert [fault.offset for fault in segment.faults] == [0]


def test_the_mark_of_a_frame_inside_a_payload_is_no_frame(directory: Path) -> None:
    tricky = Frame(NOW_NS, MAGIC * 9)
    path = sealed(directory, tricky, frame(2))
    assert read_segment(path).frames == [tricky, frame(2)]

    data = bytearray(path.read_bytes())
    data[8] ^= 1
    path.write_bytes(data)
    assert read_segment(path).frames == [frame(2)]


def test_a_rejected_segment_is_kept_aside_and_not_offered_again(directory: Path) -> None:
    path = sealed(directory, frame(1))
    with Spool(directory) as spool:
        (segment,) = spool.segments()
        kept = spool.reject(segment)

    assert kept == directory / "corrupt" / path.name
    assert read_segment(kept).frames == [frame(1)]
    assert waiting(directory) == []


def test_other_files_in_the_spool_are_left_alone(directory: Path) -> None:
    sealed(directory, frame(1))
    (directory / "README").write_text("keep me")

    assert drain(directory) == [frame(1)]
    assert (directory / "README").read_text() == "keep me"


# --- a full disk, a full spool, a directory that cannot be used ---


def test_a_write_that_the_disk_cuts_short_leaves_only_whole_frames(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(1))
    with no_file_longer_than(len(encode_frame(frame(1))) + 10):
        with pytest.raises(SpoolError, match=r"cannot write to spool .*; set LLMCOST_DATA_DIR to a writable directory"):
            writer.append(frame(2))
        assert waiting(directory) == [frame(1)]
    writer.append(frame(3))
    path = writer.seal()

    assert path is not None
    assert read_segment(path).faults == []
    assert waiting(directory) == [frame(1), frame(3)]


def test_a_disk_that_takes_nothing_at_all_is_an_error_and_the_next_try_succeeds(directory: Path) -> None:
    writer = SegmentWriter(directory)
    with no_file_longer_than(0), pytest.raises(SpoolError):
        writer.append(frame(1))
    writer.append(frame(1))
    writer.seal()

    assert waiting(directory) == [frame(1)]


def test_a_spool_at_its_limit_takes_no_new_segment_and_says_what_to_do(directory: Path) -> None:
    writer = SegmentWriter(directory, max_segment_bytes=1, max_spool_bytes=100)
    writer.append(frame(1))
    writer.append(frame(2))

    with pytest.raises(SpoolError, match=r"holds 120 bytes, its limit is 100: run .* or raise LLMCOST_SPOOL_MAX_BYTES"):
        writer.append(frame(3))

    assert drain(directory) == [frame(1), frame(2)]
    writer.append(frame(3))
    assert drain(directory) == [frame(3)]


def test_a_file_where_the_spool_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    wrong = tmp_path / "data" / "spool"

    with pytest.raises(SpoolError, match=f"{wrong}.*Not a directory; set LLMCOST_DATA_DIR"):
        SegmentWriter(wrong).append(frame(1))
    with pytest.raises(SpoolError, match=f"{wrong}.*Not a directory"), Spool(wrong):
        pass


def test_a_spool_that_vanishes_is_made_again(directory: Path) -> None:
    writer = SegmentWriter(directory)
    writer.append(frame(1))
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()

    with pytest.raises(SpoolError):
        writer.seal()
    writer.append(frame(2))
    writer.seal()
    assert waiting(directory) == [frame(2)]


def test_a_spool_that_is_not_there_yet_is_empty(directory: Path) -> None:
    assert waiting(directory) == []


# --- where it is ---


def test_the_data_directory_is_the_one_named_or_the_users_own(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert default_data_dir({"LLMCOST_DATA_DIR": f"{home}/given", "HOME": home}) == tmp_path / "given"
    assert default_data_dir({"XDG_DATA_HOME": f"{home}/xdg", "HOME": home}) == tmp_path / "xdg" / "llmcost"
    assert default_data_dir({"HOME": home}) == tmp_path / ".local" / "share" / "llmcost"


def test_a_user_who_is_not_known_here_still_has_a_data_directory() -> None:
    """A container may run under a number that no user has, without HOME; `~nobody-we-know` is the same trouble."""
    assert default_data_dir({"LLMCOST_DATA_DIR": "~nobody-we-know/data"}).name == "data"
    assert default_data_dir({}).parts[-3:] == (".local", "share", "llmcost")


def test_frames_appended_together_are_all_there_in_one_segment_each_with_its_signal(tmp_path: Path) -> None:
    frames = [Frame(NOW_NS, b"a trace"), Frame(NOW_NS + 1, b"a log", "logs")]
    writer = SegmentWriter(tmp_path, fsync="always")
    writer.append_all(frames)
    path = writer.seal()
    assert path is not None
    assert read_segment(path).frames == frames


def test_a_full_spool_is_told_apart_from_one_that_cannot_be_written(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, max_spool_bytes=1)
    writer.append(Frame(NOW_NS, b"fits, since nothing was there"))
    writer.seal()
    with pytest.raises(SpoolFullError, match="its limit is 1"):
        writer.append(Frame(NOW_NS, b"one too many"))


def test_open_segments_are_passed_over_by_whoever_asks_for_sealed_ones_only(tmp_path: Path) -> None:
    sealed, still_open = SegmentWriter(tmp_path), SegmentWriter(tmp_path)
    sealed.append(Frame(NOW_NS, b"sealed"))
    sealed.seal()
    still_open.append(Frame(NOW_NS + 1, b"open"))
    with Spool(tmp_path) as spool:
        assert [len(segment.frames) for segment in spool.segments(sealed_only=True)] == [1]
        assert len(list(spool.segments())) == 2
        size, opened_ns = spool.held()
    assert (size > 0, opened_ns) == (True, NOW_NS)


def test_acknowledged_segments_beyond_their_bytes_go_before_their_time_the_oldest_first(tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        writer = SegmentWriter(tmp_path)
        writer.append(Frame(NOW_NS + number, bytes(100)))
        paths.append(writer.seal())
    with Spool(tmp_path, keep_acknowledged_bytes=250) as spool:
        for segment in spool.segments():
            spool.acknowledge(segment, now_s=NOW_NS / 1e9)
    kept = sorted(path.name for path in (tmp_path / "acknowledged").iterdir())
    assert kept == [path.name for path in paths[1:] if path is not None]
