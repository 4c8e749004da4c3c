"""The demo app's own books: what each request was meant for, written before the request leaves.

They share nothing with otel_llmcost: an auditor joins them to the simulator's log by the request's own id and gets
the cost of every feature without asking us.
"""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Ledger:
    """A file of JSON lines `{"client_request_id", "feature", "tenant"}`. Threads may share one."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def headers(self, feature: str, tenant: str = "") -> dict[str, str]:
        """Return the headers of a request meant for `feature`; the SDK sends them again with each of its retries."""
        client_request_id = str(uuid.uuid4())
        line = {"client_request_id": client_request_id, "feature": feature, "tenant": tenant}
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        return {"X-Client-Request-Id": client_request_id}

    def close(self) -> None:
        """Close the file."""
        self._file.close()
