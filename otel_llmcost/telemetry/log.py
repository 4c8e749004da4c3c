"""How we say that something is wrong: one line in the application's log, whatever state its log is in."""

from __future__ import annotations

import logging
from typing import Final

logger: Final = logging.getLogger("otel_llmcost")


def warn(message: str, *arguments: object, with_traceback: bool = False) -> None:
    """Log a warning. Never raises, as logging itself does once the application has closed its stderr."""
    try:
        logger.warning(message, *arguments, exc_info=with_traceback, stacklevel=2)
    except Exception:  # noqa: BLE001, S110 - there is nobody left to tell
        pass
