"""How a command ends: the exit codes, and one clear line for every error."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import typer

from otel_llmcost.cli import EXTRAS
from otel_llmcost.errors import ConfigError, ConfigFileError, LLMCostError, RateTableError

if TYPE_CHECKING:
    from collections.abc import Callable


class ExitCode(IntEnum):
    """What the exit code says."""

    OK = 0
    FINDINGS = 1
    """It ran, and found something to fix or left something out."""
    USAGE = 2
    """A wrong argument or setting; nothing was done."""
    UNREACHABLE = 3
    """The store or the spool cannot be used; run it again when it can."""
    INTERNAL = 70
    """A fault of ours."""
    INTERRUPTED = 130


DEBUG: Final = "LLMCOST_DEBUG"
"""Set to 1, it shows the traceback of every error."""


def exit_code_of(run: Callable[[], object]) -> int:
    """Run a command and return its exit code; an error becomes one line on stderr.

    Args:
        run: Returns an exit code, or anything else for success.
    """
    try:
        code = run()
    except typer.TyperException as error:
        return _told(_usage_fault(error), ExitCode.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except ConfigFileError as error:
        for fault in error.faults:
            say(fault)
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 - a traceback is no answer to a user
        return _told(*_fault_and_code(error))
    return code if isinstance(code, int) else ExitCode.OK


def say(message: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"llmcost: {' '.join(message.split())}\n")


def _told(message: str, code: ExitCode) -> ExitCode:
    """Say what went wrong, if anything is to be said, and return the code; under LLMCOST_DEBUG the traceback first."""
    if os.environ.get(DEBUG) == "1":
        import traceback

        traceback.print_exc()
    if message:
        say(message)
    return code


def _fault_and_code(error: Exception) -> tuple[str, ExitCode]:
    if isinstance(error, ConfigError | RateTableError):
        return str(error), ExitCode.USAGE
    if isinstance(error, LLMCostError | OSError):
        return str(error), ExitCode.UNREACHABLE
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed: pip install 'otel-llmcost[{EXTRAS}]'", ExitCode.USAGE
    fault = f"this should not happen: {type(error).__name__}: {error}; set {DEBUG}=1 to see where"
    return fault, ExitCode.INTERNAL


def _usage_fault(error: typer.TyperException) -> str:
    """Return what was wrong with the arguments, and where to read how they should be.

    Where no command was named the help has been shown, and there is nothing to say.
    """
    if not error.format_message():
        return ""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "llmcost"
    return f"{error.format_message().rstrip('.')}; see `{command} --help`"
