"""`llmcost demo`: a small real app spends a day's money on this machine, and one sees what each feature cost."""

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.options import Timezone
from otel_llmcost.errors import ConfigError, StoreRefusedError

if TYPE_CHECKING:
    from otel_llmcost.store import Store

BATCH_CALLS: Final = 10_000

_NEEDED: Final = ("openai", "anthropic", "opentelemetry.distro", "chdb", "clickhouse_connect")
_A_SECOND_NS: Final = 10**9
_A_DAY_NS: Final = 86_400 * 10**9
_TOLD_AFTER_NS: Final = 2 * 10**9
"""How long after their end the calls of the past are said to have arrived."""


def demo(
    days: Annotated[int, typer.Option("--days", min=0, max=365, help="Fill so many days of the past besides.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier runs of the demo first.")] = False,
    timezone: Timezone = "UTC",
    dsn: Annotated[
        str, typer.Option("--dsn", help="Another store; LLMCOST_DSN does not count here, it may hold real calls.")
    ] = "",
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            envvar="LLMCOST_DATA_DIR",
            show_default="a directory of its own",
            help="Where the demo keeps its calls: empty, or that of an earlier demo.",
        ),
    ] = None,
) -> None:
    """Run a small app against a pretended provider and show what each of its features cost.

    The app calls through the real openai and anthropic SDKs under opentelemetry-instrument; nothing leaves this
    machine and nothing is billed. Each run makes new calls, which add to those of earlier runs.
    """
    from otel_llmcost.cli import demo_view
    from otel_llmcost.cli.dashboard import page_of
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.cli.tables import console
    from otel_llmcost.cli.when import zone_of
    from otel_llmcost.pages import load_boards
    from otel_llmcost.pricing import Pricer, load_rate_table
    from otel_llmcost.reports import Window, dimension_of, incidents, spend

    zone_of(timezone)
    _check_installed()
    place = demo_dir_of(data_dir, os.environ)
    if fresh:
        forget(place)
    began_ns = time.time_ns()
    run = _run(place)
    with _hinting_at_fresh(), opened(dsn, place, Pricer(load_rate_table()), must_own=True) as store:
        if days:
            _fill(store, days, until_ns=began_ns)
        until_ns = time.time_ns() + _A_SECOND_NS
        window = Window(since_ns=began_ns - days * _A_DAY_NS, until_ns=until_ns, timezone=timezone)
        shown = demo_view.DemoResult(
            data_dir=place,
            dsn=dsn,
            days=days,
            answers=demo_view.answers_in(run, since_ns=began_ns),
            log=run,
            now=spend(store, [dimension_of("feature")], window),
            ever=spend(store, [dimension_of("feature")], Window(since_ns=0, until_ns=until_ns)).coverage.total,
            incidents=incidents(store, window, limit=2),
            page=place / "demo" / "dashboards.html",
        )
        shown.page.write_text(page_of(store, load_boards()), encoding="utf-8")
    demo_view.print_demo(shown, console())


def demo_dir_of(given: Path | None, environ: os._Environ[str]) -> Path:
    """Return the demo's own data directory, which is never one that holds real calls.

    Raises:
        ConfigError: The directory that was given holds calls of something else than the demo.
    """
    from otel_llmcost.spool import default_data_dir

    if given is None:
        return default_data_dir(environ).with_name("llmcost-demo").absolute()
    place = given.expanduser().absolute()
    if not (place / "demo").is_dir() and any((place / name).exists() for name in ("store", "spool")):
        msg = f"{place} holds calls that are not the demo's; give an empty directory by --data-dir"
        raise ConfigError(msg)
    return place


def forget(place: Path) -> None:
    """Remove what earlier runs of the demo left in its directory, and nothing else."""
    if (place / "demo").is_dir():
        for name in ("store", "spool", "demo"):
            shutil.rmtree(place / name, ignore_errors=True)


@contextmanager
def _hinting_at_fresh() -> Iterator[None]:
    """Say beside the store's own words that a demo's store may be thrown away."""
    try:
        yield
    except StoreRefusedError as error:
        msg = f"{error}; or forget the demo's earlier runs by --fresh"
        raise StoreRefusedError(msg) from error


def _check_installed() -> None:
    for package in _NEEDED:
        try:
            found = importlib.util.find_spec(package) is not None
        except ModuleNotFoundError:  # the parent of a dotted name is not there either
            found = False
        if not found:
            msg = f"the demo needs {package}: pip install 'otel-llmcost[demo]'"
            raise ConfigError(msg)


def _run(place: Path) -> Path:
    """Run the app, and return the log of what the pretended provider answered."""
    from rich.console import Console

    from otel_llmcost.demo.run import run_app

    err = Console(stderr=True)
    waiting = err.status("a small support product handles its tickets …") if err.is_terminal else nullcontext()
    try:
        with waiting:
            return run_app(data_dir=place).simulator_log
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        msg = f"the demo could not run: {error}"
        raise ConfigError(msg) from error


def _fill(store: "Store", days: int, *, until_ns: int) -> None:
    """Write the past `days` into the store, priced as every call is."""
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.demo.month import month
    from otel_llmcost.pricing import load_rate_table, price
    from otel_llmcost.store import PricedCall

    table, batch = load_rate_table(), list[PricedCall]()
    with SlowProgress(f"filling {days} days", days) as progress:
        for call in month(until_ns=until_ns, days=days):
            told_at_ns = call.started_at_ns + call.duration_ns + _TOLD_AFTER_NS
            batch.append(PricedCall(call=call, pricing=price(call, table), received_at_ns=told_at_ns))
            if len(batch) == BATCH_CALLS:
                store.write(batch)
                batch.clear()
                progress.advance_to(days - (until_ns - call.started_at_ns) // _A_DAY_NS)
        if batch:
            store.write(batch)
    store.derive()
