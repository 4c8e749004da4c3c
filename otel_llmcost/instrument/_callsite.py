"""Where in the application a call was made: the frame to name when no feature is named."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_LIBRARIES: Final = tuple(
    {
        os.path.realpath(path) + os.sep
        for name, path in sysconfig.get_paths().items()
        if name.endswith(("lib", "stdlib"))
    }
)
_OURS: Final = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), room) + os.sep  # noqa: PTH118, PTH120
    for room in ("instrument", "telemetry")
)
_OURS_TOO: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "_decorate.py")  # noqa: PTH118, PTH120
MAX_DEPTH: Final = 100
MAX_KNOWN: Final = 100_000

_is_application: dict[str, bool] = {}


def call_site() -> str:
    """Return the innermost frame of the application as `module:function:line`; empty if there is none near."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is the same with a detour
    for _ in range(MAX_DEPTH):
        if frame is None:
            return ""
        if _belongs_to_application(frame):
            module = frame.f_globals.get("__name__", "?")
            return f"{module}:{frame.f_code.co_qualname}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _belongs_to_application(frame: FrameType) -> bool:
    filename = frame.f_code.co_filename  # whose hash is remembered; that of a code object is worked out each time
    known = _is_application.get(filename)
    if known is None:
        known = frame.f_globals.get("__name__") == "__main__" or not _is_library(filename)
        if len(_is_application) < MAX_KNOWN:  # an application that makes up file names without end is not to leak here
            _is_application[filename] = known
    return known


def _is_library(filename: str) -> bool:
    path = os.path.realpath(filename)
    return filename.startswith("<") or path.startswith((*_LIBRARIES, *_OURS)) or path == _OURS_TOO
