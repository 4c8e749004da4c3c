"""`llmcost backfill`: fill the ledger from traces and spend logs that are there already."""

from contextlib import ExitStack
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.exits import ExitCode, say
from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_llmcost.ledger.backfill import Part
    from otel_llmcost.store import Store

_NAMED: Final = 5


class Kind(StrEnum):
    """What a source is."""

    OTEL_TRACES = "otel-traces"
    OTLP = "otlp"
    LANGFUSE = "langfuse"
    LITELLM = "litellm"


def backfill(
    kind: Annotated[Kind, typer.Argument(help="What the source is.")],
    source: Annotated[str, typer.Argument(help="A table, for otel-traces, else a file.")],
    source_dsn: Annotated[
        str, typer.Option("--source-dsn", show_default="the store itself", help="The server that has the table.")
    ] = "",
    from_start: Annotated[bool, typer.Option("--from-start", help="Read all of it, whatever was read before.")] = False,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Write the calls of a source into the ledger, each once, priced by the rates of its day."""
    from otel_llmcost.cli.amounts import plural
    from otel_llmcost.cli.opened import connected, opened, pricer_of
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.ledger.backfill import Progress
    from otel_llmcost.ledger.backfill import backfill as run

    place = data_dir_of(data_dir)
    pricer = pricer_of(place)
    with ExitStack() as stack:
        store = stack.enter_context(opened(dsn, place, changes=True))
        asked = stack.enter_context(connected(source_dsn, place, cluster="")) if source_dsn else store
        parts = _parts(kind, source, asked)
        progress = Progress(place / "backfill", f"{kind} {source_dsn} {source} into {store.location}")
        if from_start:
            progress.forget()
        bar = stack.enter_context(SlowProgress("writing calls"))
        filled = run(store, parts, pricer, progress, on_progress=bar.advance_to)
        store.derive()
    for fault in filled.faults[:_NAMED]:
        say(f"cannot be read: {fault}")
    if len(filled.faults) > _NAMED:
        say(f"cannot be read: {len(filled.faults) - _NAMED} more")
    print(f"{plural(filled.calls, 'call')} of {source} are in {store.location}, {filled.refused:,} were refused")
    return ExitCode.FINDINGS if filled.faults or filled.refused else ExitCode.OK


def _parts(kind: Kind, source: str, asked: "Store") -> "Callable[[int], Iterator[Part]]":
    from otel_llmcost.ledger.backfill import exports, otlp

    if kind is Kind.OTEL_TRACES:
        return partial(otlp.parts_of_table, asked, source)
    path = Path(source).expanduser().absolute()
    if not path.is_file():
        msg = f"there is no file {path}"
        raise ConfigError(msg)
    if kind is Kind.OTLP:
        return partial(otlp.parts_of_file, path)
    return partial(exports.parts_of_export, path, exports.of_langfuse if kind is Kind.LANGFUSE else exports.of_litellm)
