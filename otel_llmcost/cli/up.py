"""`llmcost up`: the collector in the foreground.

It owns the store, takes in what applications spool or send over OTLP, answers queries of other commands, and shows
what is being spent.
"""

import logging
import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from otel_llmcost.cli.options import DataDir, Dsn, Timezone, data_dir_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmcost_collector.service import Collector, Setup

    from otel_llmcost.cli.up_view import View
    from otel_llmcost.config.collector import Endpoint


PAGES_PORT: Final = 4321


def up(
    interval: Annotated[float, typer.Option("--interval", min=0.1, max=3600, help="Seconds between two looks.")] = 2.0,
    pages_port: Annotated[
        int, typer.Option("--pages-port", min=0, max=65_535, help="Where the dashboards are; 0 is a free port.")
    ] = PAGES_PORT,
    timezone: Timezone = "UTC",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Take in what applications spool or send over OTLP, price it and show today's spend, until Ctrl-C or SIGTERM.

    As long as it runs it owns the embedded store; other commands ask it. The dashboards are pages on this machine.
    """
    from llmcost_collector.service import Collector, read_setup

    from otel_llmcost.cli.opened import connected, opened, pricer_of
    from otel_llmcost.cli.tables import console
    from otel_llmcost.cli.up_view import Lines, Screen
    from otel_llmcost.cli.when import zone_of
    from otel_llmcost.pages.server import Pages, serving

    zone_of(timezone)
    place, out = data_dir_of(data_dir), console()
    setup, pricer = read_setup(os.environ, place, dsn), pricer_of(place)
    stop = Stop()
    view_of = Screen if out.is_terminal else Lines
    with _told_by_say(), opened(dsn, place, pricer, must_own=True) as store, connected(dsn, place) as read_only:
        read_only.forbid_writes()
        collector = Collector(_on_free_ports(setup), store)
        collector.start()
        _say_other_ports(collector, setup)
        try:
            with serving(Pages(read_only), pages_port) as pages:
                _say_other_port(pages, pages_port)
                with view_of(out, store, place / "spool", timezone, pages) as view:
                    view.show(0)
                    _watch(collector, stop, interval, view)
        finally:
            collector.stop()
    out.print("stopped; what applications spool meanwhile waits for the next run")


def _say_other_port(pages: str, wanted: int) -> None:
    from otel_llmcost.cli.exits import say

    if wanted and not pages.endswith(f":{wanted}/"):
        say(f"port {wanted} is taken by another program, so the pages are at {pages}; --pages-port chooses one")


def _say_other_ports(collector: "Collector", wanted: "Setup") -> None:
    from otel_llmcost.cli.exits import say

    for kind, at in collector.ports.items():
        name = f"{kind}_endpoint"
        endpoint: Endpoint | None = getattr(wanted.settings, name, None)
        if endpoint is not None and at != endpoint.port != 0:
            found = f"{endpoint} is taken by another program, so OTLP over {kind} goes to {endpoint.host}:{at}"
            say(f"{found}; LLMCOST_{name.upper()} chooses where")


def _watch(collector: "Collector", stop: "Stop", interval_s: float, view: "View") -> None:
    """Show what came in until told to stop; while the store is away there is nothing to ask it."""
    from otel_llmcost.errors import StoreUnreachableError

    while not stop.wait(interval_s):
        if not collector.progress.fault:
            with suppress(StoreUnreachableError):
                view.show(collector.progress.calls)


def _on_free_ports(setup: "Setup") -> "Setup":
    """Return the set-up with free ports in place of those that others have, unless they were asked for by name."""
    from otel_llmcost.config.collector import CollectorSettings, Endpoint

    usual, settings = CollectorSettings(), setup.settings
    free: dict[str, Any] = {}
    for name in ("grpc_endpoint", "http_endpoint"):
        endpoint: Endpoint | None = getattr(settings, name)
        if endpoint is not None and endpoint == getattr(usual, name) and _is_taken(endpoint.host, endpoint.port):
            free[name] = Endpoint(endpoint.host, 0)
    return replace(setup, settings=replace(settings, **free))


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


@contextmanager
def _told_by_say() -> "Iterator[None]":
    """Write what the collector logs to stderr, as the command writes everything else there."""
    from otel_llmcost.cli.exits import say

    class Said(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    log, handler = logging.getLogger("llmcost_collector"), Said(logging.WARNING)
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = True


class Stop:
    """Is set by Ctrl-C and SIGTERM, which do not end the process any more.

    A threading.Event would not do: set by a handler that interrupts its own `wait`, it waits for itself for ever.
    """

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)

    def wait(self, seconds: float) -> bool:
        """Wait so long at most, and return whether it is set."""
        until_s = time.monotonic() + seconds
        while not self.is_set and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _GLANCE_S))
        return self.is_set

    def _set(self, *_: object) -> None:
        self.is_set = True


_GLANCE_S: Final = 0.1
