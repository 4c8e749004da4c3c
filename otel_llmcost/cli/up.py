"""`llmcost up`: one process that owns the store, takes in what applications spool, and shows what is being spent."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.options import DataDir, Dsn, Timezone, data_dir_of

if TYPE_CHECKING:
    from otel_llmcost.cli.up_view import View
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.store import Store

DERIVING_SHARE: Final = 20
"""Deriving may take one part in so many of the time."""

LONGEST_WAIT_S: Final = 60.0
"""How long a store that went away is left alone at most."""


def up(
    interval: Annotated[float, typer.Option("--interval", min=0.1, max=3600, help="Seconds between two drains.")] = 2.0,
    timezone: Timezone = "UTC",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Take in what applications spool, price it and show today's spend, until Ctrl-C or SIGTERM.

    As long as it runs it owns the embedded store: no other command can open that.
    """
    from otel_llmcost.cli.opened import opened, pricer_of
    from otel_llmcost.cli.tables import console
    from otel_llmcost.cli.up_view import Lines, Screen
    from otel_llmcost.cli.when import zone_of

    zone_of(timezone)
    place, stop, out = data_dir_of(data_dir), Stop(), console()
    pricer = pricer_of(place)
    view_of = Screen if out.is_terminal else Lines
    with opened(dsn, place, pricer) as store, view_of(out, store, place / "spool", timezone) as view:
        view.show(0)
        Intake(store, place, pricer).run(stop, interval, view)
    out.print("stopped; what applications spool meanwhile waits for the next run")


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


@dataclass(slots=True)
class Intake:
    """Takes in what applications spool.

    Attributes:
        store: Where to.
        place: The data directory with the spool.
        pricer: The rates.
        calls: How many calls came in so far.
        is_stale: Whether calls came in since the last derivation.
        next_derivation_s: Monotonic seconds before which no other one begins.
    """

    store: "Store"
    place: Path
    pricer: "Pricer"
    calls: int = 0
    is_stale: bool = False
    next_derivation_s: float = 0.0

    def run(self, stop: Stop, interval_s: float, view: "View") -> None:
        """Take in turn by turn until told to stop; a store that went away is asked again, ever less often."""
        from otel_llmcost.cli.exits import say
        from otel_llmcost.errors import SpoolError, StoreUnreachableError

        wait_s = interval_s
        while not stop.wait(wait_s):
            try:
                self._turn()
                view.show(self.calls)
                wait_s = interval_s
            except (StoreUnreachableError, SpoolError) as error:
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                say(f"{error}; trying again in {wait_s:.0f} s")
        if self.is_stale:
            self.store.derive()

    def _turn(self) -> None:
        from otel_llmcost.cli.opened import drained, say_faults

        if (self.place / "spool").exists():
            done = drained(self.store, self.place, self.pricer, shows_progress=False)
            say_faults(done)
            self.calls += done.calls
            self.is_stale = self.is_stale or done.calls > 0
        began_s = time.monotonic()
        if self.is_stale and began_s >= self.next_derivation_s:
            self.store.derive()
            took_s = time.monotonic() - began_s
            self.is_stale, self.next_derivation_s = False, began_s + DERIVING_SHARE * took_s
