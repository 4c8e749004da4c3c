"""Where encoded calls go: into the spool, or to a collector with the spool as its safety net."""

from __future__ import annotations

import gzip
import itertools
import logging
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel_llmcost.spool import SegmentWriter, Spool

if TYPE_CHECKING:
    from otel_llmcost.spool import Frame
    from otel_llmcost.telemetry.settings import Settings

_log: Final = logging.getLogger("otel_llmcost")

SEAL_AFTER_NS: Final = 60 * 1_000_000_000
"""An open segment is sealed after that. Readers see what is in an open one, so this is no delay."""

RETRY_AFTER_S: Final = 5.0
TIMEOUT_S: Final = 5.0
MAX_SEGMENTS_AT_ONCE: Final = 16
_PERMANENT: Final = frozenset({400, 413, 422})
"""Answers to a request that would be refused again; others, such as 401 or 503, may be mended on the other side."""


class RefusedError(Exception):
    """The receiver will never take this frame."""


class Delivery(Protocol):
    """Takes frames for good."""

    def deliver(self, frame: Frame) -> None:
        """Take a frame, or raise SpoolError (keep it and try again) or RefusedError (never again)."""

    def tend(self, now_ns: int) -> bool:
        """Do some of what time has made due, and return whether there is more of it."""

    def forget(self) -> None:
        """Let go of what belongs to the parent process, after a fork."""

    def close(self) -> None:
        """Finish what is open."""


class ToSpool:
    """Appends frames to segments on disk.

    Args:
        settings: Directory, limits and sync policy.
    """

    def __init__(self, settings: Settings) -> None:
        self._writer = SegmentWriter(settings.spool_dir, fsync=settings.fsync, max_spool_bytes=settings.max_spool_bytes)

    def deliver(self, frame: Frame) -> None:
        """Append a frame."""
        self._writer.append(frame)

    def tend(self, now_ns: int) -> bool:
        """Seal a segment that has been open for long."""
        if self._writer.age_ns(now_ns) >= SEAL_AFTER_NS:
            self._writer.seal()
        return False

    def forget(self) -> None:
        """Leave the parent's segment to the parent."""
        self._writer.forget()

    def close(self) -> None:
        """Seal the open segment."""
        self._writer.seal()


class ToEndpoint:
    """Sends frames to an OTLP/HTTP receiver; while it does not answer they go to the spool, and from there later.

    Args:
        settings: Endpoint, headers, and those of the spool.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.endpoint}/v1/traces"
        self._headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", **dict(settings.headers)}
        self._spool_dir = settings.spool_dir
        self._net = ToSpool(settings)
        self._retry_at_s = 0.0
        self._owes = True  # an earlier process may have left something behind

    def deliver(self, frame: Frame) -> None:
        """Send a frame, or keep it in the spool."""
        if time.monotonic() >= self._retry_at_s and self._sent(frame):
            return
        self._owes = True
        self._net.deliver(frame)

    def tend(self, now_ns: int) -> bool:  # noqa: ARG002 - the receiver's state, not the time, says what is due
        """Send some of what waits in the spool, once the receiver answers again."""
        if not self._owes:
            return False
        if time.monotonic() < self._retry_at_s:
            return True
        self._net.close()
        with Spool(self._spool_dir) as spool:
            for segment in itertools.islice(spool.segments(), MAX_SEGMENTS_AT_ONCE):
                if segment.is_sealed:
                    if not all(self._sent_or_refused(frame) for frame in segment.frames):
                        return True
                    spool.acknowledge(segment, now_s=time.time())
            self._owes = spool.is_ours and any(segment.is_sealed for segment in spool.segments())
        return self._owes

    def forget(self) -> None:
        """Leave the parent's segment to the parent."""
        self._net.forget()

    def close(self) -> None:
        """Seal the open segment."""
        self._net.close()

    def _sent_or_refused(self, frame: Frame) -> bool:
        try:
            return self._sent(frame)
        except RefusedError:
            return True

    def _sent(self, frame: Frame) -> bool:
        """Send a frame and return whether it was taken; a receiver that failed is left alone for a while."""
        body = gzip.compress(frame.payload, compresslevel=1)
        request = urllib.request.Request(self._url, data=body, headers=self._headers)  # noqa: S310 - http(s) only
        try:
            with suppress_instrumentation(), urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _PERMANENT:
                msg = f"{self._url} refuses calls with status {error.code}"
                raise RefusedError(msg) from error
            reason: object = f"status {error.code}"
        except OSError as error:
            reason = getattr(error, "reason", error)
        if not self._retry_at_s:
            _log.warning(
                "LLMCOST_ENDPOINT %s does not take calls (%s); they wait in %s", self._url, reason, self._spool_dir
            )
        self._retry_at_s = time.monotonic() + RETRY_AFTER_S
        return False


def delivery_for(settings: Settings) -> Delivery:
    """Return where calls go under these settings."""
    return ToEndpoint(settings) if settings.endpoint else ToSpool(settings)

