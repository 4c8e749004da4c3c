"""When the tests run: one moment for all workers and for the processes that they start, though midnight passes."""

from __future__ import annotations

import os
import time
from typing import Final

NOW_NS: Final = int(os.environ.setdefault("TESTS_NOW_NS", str(time.time_ns())))
"""Unix nanoseconds, those of the first process that asked. What has to be of the last minute asks the clock."""
