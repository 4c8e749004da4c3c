"""What is written to a segment is what is read, whatever a crash or a disk does to one place of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otel_llmcost.spool import MAGIC, Frame, Segment, encode_frame, read_segment

payloads = st.binary(max_size=80) | st.lists(st.sampled_from([MAGIC, MAGIC[:2], b"\0", b"x"])).map(b"".join)
frames = st.builds(Frame, st.integers(0, 2**64 - 1), payloads)


def read(data: bytes) -> Segment:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "1.segment"
        path.write_bytes(data)
        return read_segment(path)


@given(st.lists(frames))
def test_what_was_encoded_is_decoded(written: list[Frame]) -> None:
    segment = read(b"".join(map(encode_frame, written)))

    assert segment.frames == written
    assert segment.faults == []


@given(st.lists(frames, max_size=4), frames)
def test_a_tail_torn_anywhere_loses_the_last_frame_only(whole: list[Frame], last: Frame) -> None:
    sound = b"".join(map(encode_frame, whole))
    torn = encode_frame(last)
    for size in range(1, len(torn)):
        segment = read(sound + torn[:size])

        assert segment.frames == whole
        assert [fault.offset for fault in segment.faults] == [len(sound)]


@given(st.lists(frames, min_size=1, max_size=6), st.data())
def test_one_damaged_byte_loses_one_frame_and_names_its_place(written: list[Frame], data: st.DataObject) -> None:
    encoded = [encode_frame(each) for each in written]
    hit = data.draw(st.integers(0, len(encoded) - 1))
    begin = sum(map(len, encoded[:hit]))
    place = data.draw(st.integers(begin, begin + len(encoded[hit]) - 1))
    damaged = bytearray(b"".join(encoded))
    damaged[place] ^= data.draw(st.integers(1, 255))

    segment = read(bytes(damaged))

    assert segment.frames == written[:hit] + written[hit + 1 :]
    assert [fault.offset for fault in segment.faults] == [begin]


@given(st.lists(frames, min_size=1, max_size=6), st.binary(max_size=50), st.data())
def test_rubbish_between_frames_costs_none_of_them(written: list[Frame], rubbish: bytes, data: st.DataObject) -> None:
    encoded = [encode_frame(each) for each in written]
    before = data.draw(st.integers(0, len(encoded)))
    segment = read(b"".join([*encoded[:before], rubbish, *encoded[before:]]))

    assert segment.frames == written
    assert bool(segment.faults) == bool(rubbish)
