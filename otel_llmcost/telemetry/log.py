"""How we say that something is wrong: one line in the application's log, whatever state its log is in."""

from __future__ import annotations

import logging
import time
from typing import Final

logger: Final = logging.getLogger("otel_llmcost")

REPEAT_S: Final = 60.0
"""What stays wrong with every call is said once in so many seconds, and costs the calls between nothing."""

MAX_REMEMBERED: Final = 256

_said_at_s: dict[tuple[str, ...], float] = {}


def warn(message: str, *arguments: object, with_traceback: bool = False) -> None:
    """Log a warning, unless the same was said within a minute. Never raises, as a handler or a closed stderr might.

    An error is logged by its text: a handler that keeps what it is given would keep the frames that the error came
    through, and a stream that was left in one of them would never end.
    """
    try:
        said = [str(each) if isinstance(each, BaseException) else each for each in arguments]
        if _is_due((message, *map(str, said))):
            logger.warning(message, *said, exc_info=with_traceback, stacklevel=2)
    except Exception:  # noqa: BLE001, S110 - there is nobody left to tell
        pass


def _is_due(line: tuple[str, ...]) -> bool:
    """Whether a line was not said within the last minute; it is taken as said now."""
    now_s = time.monotonic()
    said_at_s = _said_at_s.get(line)
    if said_at_s is not None and now_s - said_at_s < REPEAT_S:
        return False
    if len(_said_at_s) >= MAX_REMEMBERED:
        _said_at_s.clear()
    _said_at_s[line] = now_s
    return True
