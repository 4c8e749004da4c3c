"""Where in the application a call was made: the frame to name when no feature is named."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType


def _places(*kinds: str) -> tuple[str, ...]:
    """Return the directories of this interpreter that are called so, each with a separator behind it."""
    paths = sysconfig.get_paths()
    return tuple({os.path.realpath(paths[kind]) + os.sep for kind in kinds})


_STANDARD: Final = _places("stdlib", "platstdlib")
_PACKAGES: Final = _places("purelib", "platlib")
_OURS: Final = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), room) + os.sep  # noqa: PTH118, PTH120
    for room in ("instrument", "telemetry")
)
_OURS_TOO: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "_decorate.py")  # noqa: PTH118, PTH120
_NO_CALLER: Final = frozenset({"opentelemetry", "wrapt"})
"""Packages that stand between an SDK and its caller, where others instrument it too."""

MAX_DEPTH: Final = 100
MAX_KNOWN: Final = 100_000

_APPLICATION, _INSTALLED, _NEITHER = range(3)
_kinds: dict[str, int] = {}


def call_site() -> str:
    """Return the innermost frame of the application as `module:function:line`; empty if there is none near."""
    innermost = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is the same with a detour
    frame: FrameType | None = innermost
    for _ in range(MAX_DEPTH):
        if frame is None:
            break
        if _kind_of(frame) == _APPLICATION:
            return _place_of(frame)
        frame = frame.f_back
    return _installed_site(innermost)


def _installed_site(frame: FrameType | None) -> str:
    """Return the innermost frame outside of the SDK: an application that is installed lies among the libraries."""
    sdk = ""
    for _ in range(MAX_DEPTH):
        if frame is None:
            break
        package = frame.f_globals.get("__name__", "?").partition(".")[0]
        if _kind_of(frame) == _INSTALLED and package not in _NO_CALLER:
            if sdk and package != sdk:
                return _place_of(frame)
            sdk = package
        frame = frame.f_back
    return ""


def _place_of(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}:{frame.f_lineno}"


def _kind_of(frame: FrameType) -> int:
    filename = frame.f_code.co_filename  # whose hash is remembered; that of a code object is worked out each time
    known = _kinds.get(filename)
    if known is None:
        known = _APPLICATION if frame.f_globals.get("__name__") == "__main__" else _kind_of_file(filename)
        if len(_kinds) < MAX_KNOWN:  # an application that makes up file names without end is not to leak here
            _kinds[filename] = known
    return known


def _kind_of_file(filename: str) -> int:
    path = os.path.realpath(filename)
    if filename.startswith("<") or path.startswith(_OURS) or path == _OURS_TOO:
        return _NEITHER
    if path.startswith(_PACKAGES):  # which may lie within the directory of the standard library
        return _INSTALLED
    return _NEITHER if path.startswith(_STANDARD) else _APPLICATION
