"""The short run of `make soak`: streams that nobody reads to the end leave nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CALLS = 3_000
SPARE = 1_000
"""Objects that the SDK and Python make by the way, some hundreds however many the calls: a third of one for each."""

_CODE = """
import dataclasses, json
from tests.bench.soak import soak
print(json.dumps(dataclasses.asdict(soak(%d))))
"""


def test_calls_of_which_a_tenth_end_early_leave_nothing_behind(tmp_path: Path) -> None:
    environ = {**os.environ, "LLMCOST_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _CODE % CALLS], env=environ, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert (found["recorded"], found["open_calls"], found["open_spans"]) == (CALLS, 0, 0)
    assert found["objects_after"] - found["objects_before"] < SPARE
