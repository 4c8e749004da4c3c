"""Where encoded calls go: into the spool, or to a collector with the spool as its safety net."""

from __future__ import annotations

import gzip
import http.client
import itertools
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel_llmcost.errors import LLMCostError
from otel_llmcost.spool import SegmentWriter, Spool
from otel_llmcost.telemetry.log import warn

if TYPE_CHECKING:
    from otel_llmcost.spool import Frame, Segment
    from otel_llmcost.telemetry.settings import Settings

SEAL_AFTER_NS: Final = 60 * 1_000_000_000
"""An open segment is sealed after that. Readers see what is in an open one, so this is no delay."""

RETRY_AFTER_S: Final = 5.0
TIMEOUT_S: Final = 5.0
MAX_SEGMENTS_AT_ONCE: Final = 16
_PERMANENT: Final = frozenset({400, 413, 422})
"""Answers to a request that would be refused again; others, such as 401 or 503, may be mended on the other side."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for a failure: urllib would follow it with a GET, and the calls would be gone."""

    def redirect_request(self, *_: object) -> None:
        """Return None, which makes it an HTTPError."""


_opener: Final = urllib.request.build_opener(_NoRedirects)


class RefusedError(LLMCostError):
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
        retry_after_s: Seconds for which a receiver that failed is left alone.
    """

    def __init__(self, settings: Settings, *, retry_after_s: float = RETRY_AFTER_S) -> None:
        self._retry_after_s = retry_after_s
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
            sealed = (segment for segment in spool.segments() if segment.is_sealed)
            for segment in itertools.islice(sealed, MAX_SEGMENTS_AT_ONCE):
                if not self._shipped(segment, spool):
                    return True
            self._owes = not spool.is_ours or any(segment.is_sealed for segment in spool.segments())
        return self._owes

    def forget(self) -> None:
        """Leave the parent's segment to the parent."""
        self._net.forget()

    def close(self) -> None:
        """Seal the open segment."""
        self._net.close()

    def _shipped(self, segment: Segment, spool: Spool) -> bool:
        """Send a segment and return whether the spool is rid of it; one with a refused frame is set aside."""
        refusal: RefusedError | None = None
        for frame in segment.frames:
            try:
                if not self._sent(frame):
                    return False
            except RefusedError as error:
                refusal = error
        if refusal is None:
            spool.acknowledge(segment, now_s=time.time())
        else:
            warn("%s; calls that had waited are set aside as %s", refusal, spool.reject(segment))
        return True

    def _sent(self, frame: Frame) -> bool:
        """Send a frame and return whether it was taken; a receiver that failed is left alone for a while."""
        body = gzip.compress(frame.payload, compresslevel=1)
        try:
            request = urllib.request.Request(self._url, data=body, headers=self._headers)  # noqa: S310 - http(s) only
            with suppress_instrumentation(), _opener.open(request, timeout=TIMEOUT_S):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _PERMANENT:
                msg = f"{self._url} refuses calls with status {error.code}"
                raise RefusedError(msg) from error
            reason: object = f"status {error.code}"
        except OSError as error:
            reason = getattr(error, "reason", error)
        except (http.client.HTTPException, ValueError) as error:  # what answers speaks no HTTP, or the URL is no URL
            reason = repr(error)
        if not self._retry_at_s:
            warn("LLMCOST_ENDPOINT %s does not take calls (%s); they wait in %s", self._url, reason, self._spool_dir)
        self._retry_at_s = time.monotonic() + self._retry_after_s
        return False


def delivery_for(settings: Settings) -> Delivery:
    """Return where calls go under these settings."""
    return ToEndpoint(settings) if settings.endpoint else ToSpool(settings)
