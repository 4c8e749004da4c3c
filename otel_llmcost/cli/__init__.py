"""The command line, `llmcost`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["main"]

EXTRAS: Final = "cli,collector,embedded"
"""What all commands need; the demo and `rates update` say themselves what they need besides."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from otel_llmcost.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("otel_llmcost"):
            raise
        sys.stderr.write(f"llmcost: {error.name} is not installed: pip install 'otel-llmcost[{EXTRAS}]'\n")
        sys.exit(2)
    sys.exit(run(sys.argv[1:]))
