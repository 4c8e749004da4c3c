"""How we say that something is wrong: one line in the application's log, whatever state its log is in."""

from __future__ import annotations

import logging
from typing import Final

logger: Final = logging.getLogger("otel_llmcost")


def warn(message: str, *arguments: object, with_traceback: bool = False) -> None:
    """Log a warning. Never raises, as logging itself does once the application has closed its stderr.

    An error is logged by its text: a handler that keeps what it is given would keep the frames that the error came
    through, and a stream that was left in one of them would never end.
    """
    try:
        said = (str(each) if isinstance(each, BaseException) else each for each in arguments)
        logger.warning(message, *said, exc_info=with_traceback, stacklevel=2)
    except Exception:  # noqa: BLE001, S110 - there is nobody left to tell
        pass
