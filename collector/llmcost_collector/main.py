"""`llmcost-collector`: the service."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Final

from otel_llmcost.config import VARIABLE
from otel_llmcost.errors import ConfigFileError, LLMCostError
from otel_llmcost.spool import default_data_dir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_log: Final = logging.getLogger("llmcost_collector")

USAGE: Final = 2
UNUSABLE: Final = 3
LEFT_OVER: Final = 1
"""Exit codes: a wrong setting; a store or an endpoint that cannot be used; segments that wait for the next start."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the collector until SIGTERM or SIGINT; SIGHUP reloads."""
    asked = _parser().parse_args(arguments)
    try:
        from llmcost_collector.service import Collector, read_setup
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(("otel_llmcost", "llmcost_collector")):
            raise
        sys.stderr.write(
            f"llmcost-collector: {error.name} is not installed: pip install 'otel-llmcost[collector,embedded]'\n"
        )
        return USAGE
    environ = dict(os.environ)
    if asked.config:
        environ[VARIABLE] = asked.config
    _log_to_stderr()
    try:
        setup = read_setup(environ, default_data_dir(environ).absolute())
    except LLMCostError as error:
        for fault in error.faults if isinstance(error, ConfigFileError) else [str(error)]:
            sys.stderr.write(f"llmcost-collector: {fault}\n")
        return USAGE
    if asked.check:
        sys.stdout.write("the configuration can be used\n")
        return 0
    signals = _signals()
    collector = Collector(setup)
    try:
        collector.start()
    except (LLMCostError, OSError) as error:
        sys.stderr.write(f"llmcost-collector: {error}\n")
        return UNUSABLE
    _log.info("ready", extra={"fields": {"ports": collector.ports, "data_dir": str(setup.data_dir)}})
    while signals.recv(1)[0] == signal.SIGHUP:
        collector.reload()
    _log.info("stopping", extra={"fields": {"within_s": setup.settings.shutdown_s}})
    if collector.stop():
        _log.info("stopped; nothing is left over")
        return 0
    _log.warning("stopped; what waits in %s is written at the next start", setup.data_dir / "wal")
    return LEFT_OVER


def _signals() -> socket.socket:
    """Return where the number of each signal arrives as a byte, whichever thread gets it and whenever that is.

    Blocking them would not do: what we import has started threads before, in which they stay open.
    """
    receiving, sending = socket.socketpair()
    sending.setblocking(False)
    signal.set_wakeup_fd(sending.detach())
    for each in _SIGNALS:
        signal.signal(each, lambda *_: None)
    return receiving


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmcost-collector", description="OTLP in, priced LLM calls in ClickHouse out."
    )
    parser.add_argument("--config", metavar="FILE", help=f"llmcost.yaml; {VARIABLE} otherwise")
    parser.add_argument("--check", action="store_true", help="only tell whether the configuration can be used")
    return parser


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _log.setLevel(logging.INFO)


class _Json(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields: Mapping[str, object] = getattr(record, "fields", {})
        line.update(fields)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


if __name__ == "__main__":
    sys.exit(main())
