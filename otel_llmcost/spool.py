"""Segments on disk: how calls wait between the process that made them and the store.

A segment is a file of frames; a frame is one OTLP export request (traces or logs) with the time it was received.
Rule 1: one process appends to a segment and holds its lock; the name ends in `.open` as long as it does.
Rule 2: sealing syncs the file and renames it to `.segment`; nobody changes it afterwards.
Rule 3: an `.open` file that nobody holds locked belonged to a process that died: whoever drains seals it.
Rule 4: reading a frame twice does no harm, since a call is its key. So a reader may look into the open segments of
living processes, and acknowledged segments are kept for a while and read again after an unclean start.
Rule 5: what cannot be read is set aside in `corrupt/`, named and counted; the frames around it are not lost.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from otel_llmcost.errors import CorruptSegmentError, SpoolError, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

FsyncPolicy = Literal["always", "seal", "never"]
Signal = Literal["traces", "logs"]

MAGIC: Final = b"\xf1L"
_MAGIC_OF: Final[dict[Signal, bytes]] = {"traces": MAGIC + b"C1", "logs": MAGIC + b"G1"}
_SIGNAL_OF: Final = {magic: signal for signal, magic in _MAGIC_OF.items()}
_HEADER: Final = struct.Struct(">4sIIQ")  # magic, payload bytes, CRC-32 of time and payload, received_at_ns
_TIME: Final = struct.Struct(">Q")
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
KEEP_ACKNOWLEDGED_S: Final = 15 * 60


@dataclass(frozen=True, slots=True)
class Frame:
    """One OTLP request.

    Attributes:
        received_at_ns: Unix nanoseconds at which it was first received; it stays the same however often it is read.
        payload: The bytes of an ExportTraceServiceRequest, or an ExportLogsServiceRequest.
        signal: Which of them it is.
    """

    received_at_ns: int
    payload: bytes
    signal: Signal = "traces"


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Return `LLMCOST_DATA_DIR`, or the user's own data directory."""
    if given := environ.get("LLMCOST_DATA_DIR"):
        return Path(_expanded(given))
    if shared := environ.get("XDG_DATA_HOME"):
        return Path(shared) / "llmcost"
    return Path(environ.get("HOME") or _expanded("~").replace("~", "/")) / ".local" / "share" / "llmcost"


def _expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises where a container's user has no name


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    when = _TIME.pack(frame.received_at_ns)
    crc = zlib.crc32(frame.payload, zlib.crc32(when))
    return _HEADER.pack(_MAGIC_OF[frame.signal], len(frame.payload), crc, frame.received_at_ns) + frame.payload


# --- appending ---

_numbers: Final = itertools.count(1)
"""Tells the segments of one process apart, whichever writer opens them."""


class SegmentWriter:
    """Appends frames to a segment of its own, which it opens with the first one.

    Args:
        directory: The spool; made when needed, readable by its owner only.
        fsync: `always` after every frame, `seal` when a segment is finished, `never` leaves it to the kernel.
        max_segment_bytes: A segment that has reached it is sealed.
        max_spool_bytes: What all segments together may take; beyond it appending is refused.
    """

    def __init__(
        self,
        directory: Path,
        *,
        fsync: FsyncPolicy = "seal",
        max_segment_bytes: int = 4 * 1024 * 1024,
        max_spool_bytes: int = 1024 * 1024 * 1024,
    ) -> None:
        self._directory, self._fsync = directory, fsync
        self._max_segment_bytes, self._max_spool_bytes = max_segment_bytes, max_spool_bytes
        self._file: int | None = None
        self._path = directory
        self._size = 0
        self._opened_at_ns = 0

    def append(self, frame: Frame) -> None:
        """Append a frame; whole, or not at all.

        Raises:
            SpoolError: The directory cannot be written, the disk is full or the spool has reached its limit.
        """
        self.append_all((frame,))

    def append_all(self, frames: Sequence[Frame]) -> None:
        """Append frames in one write, which under `always` is synced once; all of them whole, or none.

        Args:
            frames: At least one.

        Raises:
            SpoolError: As for `append`.
        """
        data = b"".join(map(encode_frame, frames))
        if self._file is None:
            self._open(frames[0].received_at_ns)
        try:
            self._write(data)
            if self._fsync == "always":
                os.fsync(self._descriptor)
        except OSError as error:
            self._discard_tail()
            raise _unusable(self._path, error) from error
        self._size += len(data)
        if self._size >= self._max_segment_bytes:
            self.seal()

    @property
    def is_open(self) -> bool:
        """Whether there is an open segment."""
        return self._file is not None

    def age_ns(self, now_ns: int) -> int:
        """Return how long the open segment has been open, 0 without one."""
        return now_ns - self._opened_at_ns if self._file is not None else 0

    def seal(self) -> Path | None:
        """Finish the open segment, and return its path; None if there was none."""
        if self._file is None:
            return None
        descriptor, self._file = self._file, None
        try:
            if self._fsync != "never":
                os.fsync(descriptor)
            return _sealed(self._path, sync=self._fsync != "never")
        except OSError as error:
            raise _unusable(self._path, error) from error
        finally:
            os.close(descriptor)

    def forget(self) -> None:
        """Let go of the segment of the parent process, after a fork; the parent goes on with it."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    @property
    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file

    def _open(self, now_ns: int) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_budget()
            while self._file is None:
                self._path = self._directory / f"{now_ns:020d}-{os.getpid()}-{next(_numbers):06d}.open"
                self._file = _locked(self._path)
            if self._fsync == "always":
                _sync_directory(self._directory)  # a synced file that no directory names would be lost
        except OSError as error:
            self.forget()
            raise _unusable(self._directory, error) from error
        self._size, self._opened_at_ns = 0, now_ns

    def _check_budget(self) -> None:
        held = sum(map(_size_of, _listed(self._directory, ".segment", ".open")))
        if held >= self._max_spool_bytes:
            msg = (
                f"spool {self._directory} holds {held} bytes, its limit is {self._max_spool_bytes}: "
                "run `llmcost report` or a collector to drain it, or raise LLMCOST_SPOOL_MAX_BYTES"
            )
            raise SpoolFullError(msg)

    def _write(self, data: bytes) -> None:
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def _discard_tail(self) -> None:
        """Cut off what a failed write left, so that later frames follow the last whole one."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self.forget()  # the torn tail is found and set aside by whoever drains


def _locked(path: Path) -> int | None:
    """Create a file and lock it; None if a reader took it for an orphan in between, and perhaps has sealed it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    if _try_lock(descriptor) and path.exists():
        return descriptor
    os.close(descriptor)
    return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unusable(path: Path, error: OSError) -> SpoolError:
    if isinstance(error, SpoolError):
        return error
    return SpoolError(
        f"cannot write to spool {path}: {error.strerror or error}; set LLMCOST_DATA_DIR to a writable directory"
    )


def _sealed(path: Path, *, sync: bool) -> Path:
    """Rename an open segment to a sealed one."""
    target = path.with_suffix(".segment")
    path.rename(target)
    if sync:
        _sync_directory(path.parent)
    return target


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # sealed or taken meanwhile
        return 0


def _listed(directory: Path, *suffixes: str) -> list[Path]:
    """Return the files of a directory that end so, oldest name first; none if there is no directory."""
    try:
        return sorted(path for path in directory.iterdir() if path.suffix in suffixes)
    except FileNotFoundError:
        return []


# --- reading ---


@dataclass(slots=True)
class Segment:
    """A segment as it was read.

    Attributes:
        path: The file.
        frames: The frames that are whole.
        faults: What was between or behind them.
        is_sealed: Whether it can be acknowledged; the open segment of a living process cannot.
    """

    path: Path
    frames: list[Frame]
    faults: list[CorruptSegmentError] = field(default_factory=list)
    is_sealed: bool = True


def read_segment(path: Path) -> Segment:
    """Return the whole frames of a segment file, and what could not be read."""
    data = path.read_bytes()
    segment = Segment(path, [], is_sealed=path.suffix != ".open")
    position = 0
    while position < len(data):
        frame, reason = _frame_at(data, position)
        if frame is not None:
            segment.frames.append(frame)
            position += _HEADER.size + len(frame.payload)
            continue
        segment.faults.append(CorruptSegmentError(path, position, reason))
        position = _next_frame(data, position + 1)
    return segment


def _frame_at(data: bytes, position: int) -> tuple[Frame | None, str]:
    """Return the frame that begins at `position`, or why there is none."""
    if position + _HEADER.size > len(data):
        return None, "torn frame header"
    magic, size, crc, received_at_ns = _HEADER.unpack_from(data, position)
    if magic not in _SIGNAL_OF or size > MAX_FRAME_BYTES:
        return None, "not a frame"
    start = position + _HEADER.size
    payload = data[start : start + size]
    if len(payload) < size:
        return None, "torn frame"
    if zlib.crc32(payload, zlib.crc32(_TIME.pack(received_at_ns))) != crc:
        return None, "checksum does not match"
    return Frame(received_at_ns, payload, _SIGNAL_OF[magic]), ""


def _next_frame(data: bytes, position: int) -> int:
    """Return where the next whole frame begins at or after `position`, or the end of the data."""
    while (position := data.find(MAGIC, position)) >= 0:
        if _frame_at(data, position)[0] is not None:
            return position
        position += 1
    return len(data)


class Spool:
    """The reader's side: what waits in a spool directory, for whoever owns the store.

    One at a time drains a spool; for any other `segments` is empty. The file `draining` is locked meanwhile, and
    not empty while a drain is under way: found so at the start, the last one ended uncleanly.

    Args:
        directory: The spool; may not exist yet.
        keep_acknowledged_bytes: Acknowledged segments beyond so many bytes are removed early, oldest first.

    Attributes:
        set_aside: What could not be read, as it was found.
    """

    def __init__(self, directory: Path, *, keep_acknowledged_bytes: int | None = None) -> None:
        self._directory, self._keep_bytes = directory, keep_acknowledged_bytes
        self._acknowledged = directory / "acknowledged"
        self._corrupt = directory / "corrupt"
        self._marker: int | None = None
        self.set_aside: list[CorruptSegmentError] = []

    def __enter__(self) -> Self:
        """Start draining, and bring back what an unclean end may have lost.

        Raises:
            SpoolError: The directory cannot be used.
        """
        try:
            for directory in (self._directory, self._acknowledged, self._corrupt):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            marker = os.open(self._directory / "draining", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._directory, error) from error
        try:
            if _try_lock(marker):
                self._begin(marker)
                self._marker = marker
        except OSError as error:
            raise _unusable(self._directory, error) from error
        finally:
            if self._marker is None:
                os.close(marker)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop draining. Only an end without an error is a clean one."""
        if self._marker is None:
            return
        if error is None:
            os.ftruncate(self._marker, 0)
        os.close(self._marker)
        self._marker = None

    def _begin(self, marker: int) -> None:
        if os.fstat(marker).st_size:
            for path in _listed(self._acknowledged, ".segment"):
                path.rename(self._directory / path.name)
        os.write(marker, str(os.getpid()).encode())

    @property
    def is_ours(self) -> bool:
        """Whether this is the one that drains."""
        return self._marker is not None

    def held(self) -> tuple[int, int]:
        """Return the bytes that wait, and when the oldest segment was opened in Unix nanoseconds, 0 for none."""
        waiting = _listed(self._directory, ".segment", ".open")
        opened_ns = waiting[0].name.partition("-")[0] if waiting else ""
        return sum(map(_size_of, waiting)), int(opened_ns) if opened_ns.isdecimal() else 0

    def segments(self, *, sealed_only: bool = False) -> Iterator[Segment]:
        """Read every sealed segment, and unless told otherwise what is whole of the open ones, oldest first."""
        if not self.is_ours:
            return
        try:
            self._seal_orphans()
        except OSError as error:
            raise _unusable(self._directory, error) from error
        for path in _listed(self._directory, ".segment", *(() if sealed_only else (".open",))):
            try:
                yield read_segment(path)
            except FileNotFoundError:  # sealed meanwhile: the next round finds it under its new name
                continue
            except OSError as error:
                raise _unusable(path, error) from error

    def acknowledge(self, segment: Segment, *, now_s: float) -> None:
        """Put away a segment whose calls are in the store; what could not be read of it is set aside.

        Args:
            segment: As `segments` gave it; an open one stays where it is.
            now_s: Unix seconds; segments acknowledged long before are removed.

        Raises:
            SpoolError: The directory cannot be used; the segment is still there.
        """
        if not segment.is_sealed:
            return
        try:
            if segment.faults:
                shutil.copyfile(segment.path, self._corrupt / segment.path.name)
            os.utime(segment.path, (now_s, now_s))
            segment.path.rename(self._acknowledged / segment.path.name)
            self._forget_acknowledged(now_s - KEEP_ACKNOWLEDGED_S)
        except OSError as error:
            raise _unusable(segment.path, error) from error
        self.set_aside.extend(segment.faults)

    def _forget_acknowledged(self, before_s: float) -> None:
        held = 0
        for path in reversed(_listed(self._acknowledged, ".segment")):
            state = path.stat()
            held += state.st_size
            if state.st_mtime < before_s or (self._keep_bytes is not None and held > self._keep_bytes):
                path.unlink()

    def reject(self, segment: Segment) -> Path:
        """Set a whole segment aside that nobody will ever take, and return where it is now.

        Raises:
            SpoolError: The directory cannot be used; the segment is still there.
        """
        try:
            return segment.path.rename(self._corrupt / segment.path.name)
        except OSError as error:
            raise _unusable(segment.path, error) from error

    def _seal_orphans(self) -> None:
        for path in _listed(self._directory, ".open"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # its writer has just sealed it
                continue
            try:
                if _try_lock(descriptor) and path.exists():
                    _sealed(path, sync=True)
            finally:
                os.close(descriptor)
