"""`llmcost backfill`: fill the ledger from traces, spend logs and results of batches that are there already."""

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
    from collections.abc import Callable, Iterator, Mapping

    from otel_llmcost.call import LLMCall
    from otel_llmcost.ledger.backfill import Part
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.providers.deferred import Job
    from otel_llmcost.store import Store

_NAMED: Final = 5


class Kind(StrEnum):
    """What a source is."""

    OTEL_TRACES = "otel-traces"
    OTLP = "otlp"
    LANGFUSE = "langfuse"
    LITELLM = "litellm"
    BATCH = "batch"


def backfill(
    kind: Annotated[Kind, typer.Argument(help="What the source is.")],
    source: Annotated[str, typer.Argument(help="A table, for otel-traces, else a file.")],
    source_dsn: Annotated[
        str, typer.Option("--source-dsn", show_default="the store itself", help="The server that has the table.")
    ] = "",
    provider: Annotated[str, typer.Option("--provider", help="For batch: whose batch it is.")] = "",
    model: Annotated[str, typer.Option("--model", help="For batch: the model, where the results do not say.")] = "",
    region: Annotated[str, typer.Option("--region", help="For batch: where it was processed.")] = "",
    job: Annotated[str, typer.Option("--job", help="For batch: what the provider calls the job.")] = "",
    at: Annotated[
        str, typer.Option("--at", help="For batch: when the job was created, where the results do not say their time.")
    ] = "",
    feature: Annotated[str, typer.Option("--feature", help="The feature of calls that have none.")] = "",
    team: Annotated[str, typer.Option("--team", help="Likewise the team.")] = "",
    tenant: Annotated[str, typer.Option("--tenant", help="Likewise the customer.")] = "",
    env: Annotated[str, typer.Option("--env", help="Likewise the environment.")] = "",
    from_start: Annotated[bool, typer.Option("--from-start", help="Read all of it, whatever was read before.")] = False,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Write the calls of a source into the ledger, each once, priced by the rates of its day."""
    from otel_llmcost.attribution import Attribution
    from otel_llmcost.cli.amounts import plural
    from otel_llmcost.cli.opened import connected, opened, pricer_of
    from otel_llmcost.cli.progress import SlowProgress
    from otel_llmcost.ledger.backfill import Progress
    from otel_llmcost.ledger.backfill import backfill as run

    place = data_dir_of(data_dir)
    pricer = pricer_of(place)
    said = {"provider": provider, "model": model, "region": region, "job": job, "at": at}
    batch = _batch(said, pricer) if kind is Kind.BATCH else None
    if batch is None and any(said.values()):
        msg = "--provider, --model, --region, --job and --at are for batch; other sources say that of each call"
        raise ConfigError(msg)
    payer = Attribution(feature=feature, team=team, tenant=tenant, environment=env)
    with ExitStack() as stack:
        store = stack.enter_context(opened(dsn, place, changes=True))
        is_elsewhere = source_dsn and kind is Kind.OTEL_TRACES
        asked = stack.enter_context(connected(source_dsn, place, cluster="")) if is_elsewhere else store
        parts = _parts(kind, source, asked, batch)
        named = " ".join((kind, source_dsn, source, *filter(None, said.values()), "into", store.location))
        progress = Progress(place / "backfill", named)
        if from_start:
            progress.forget()
        bar = stack.enter_context(SlowProgress("writing calls"))
        filled = run(store, parts, pricer, progress, payer=payer, on_progress=bar.advance_to)
        store.derive()
    for fault in filled.faults[:_NAMED]:
        say(f"cannot be read: {fault}")
    if len(filled.faults) > _NAMED:
        say(f"cannot be read: {len(filled.faults) - _NAMED} more")
    print(f"{source}: {plural(filled.calls, 'call')} in {store.location}, {filled.refused:,} refused")
    return ExitCode.FINDINGS if filled.faults or filled.refused else ExitCode.OK


def _batch(said: "Mapping[str, str]", pricer: "Pricer") -> "tuple[LLMCall, Job]":
    """Return what is said of every call of a batch, and of its job."""
    from otel_llmcost.call import LLMCall
    from otel_llmcost.cli.when import at_ns_of
    from otel_llmcost.pricing.provider import canonical_provider
    from otel_llmcost.providers.deferred import Job
    from otel_llmcost.providers.registry import PROVIDERS

    provider, known = said["provider"], {*PROVIDERS, *pricer.table.providers}
    provider = provider if provider in known else canonical_provider(provider)
    if provider not in known:
        fault = f"cannot be {provider!r}" if provider else "is missing"
        msg = f"--provider {fault}; say whose batch it is: {', '.join(sorted(PROVIDERS))}"
        raise ConfigError(msg)
    blank = LLMCall(
        trace_id="",
        span_id="",
        started_at_ns=0,
        provider=provider,
        provider_source="config",
        region=said["region"],
        scope_name="batch-results",
    )
    created_at_ns = at_ns_of(said["at"]) if said["at"] else 0
    return blank, Job(name=said["job"], model=said["model"], created_at_ns=created_at_ns)


def _parts(
    kind: Kind, source: str, asked: "Store", batch: "tuple[LLMCall, Job] | None"
) -> "Callable[[int], Iterator[Part]]":
    from otel_llmcost.ledger.backfill import batches, exports, otlp

    if kind is Kind.OTEL_TRACES:
        return partial(otlp.parts_of_table, asked, source)
    path = Path(source).expanduser().absolute()
    if not path.is_file():
        msg = f"there is no file {path}"
        raise ConfigError(msg)
    if batch is not None:
        return partial(batches.parts_of_results, asked, path, *batch)
    if kind is Kind.OTLP:
        return partial(otlp.parts_of_file, path)
    return partial(exports.parts_of_export, path, exports.of_langfuse if kind is Kind.LANGFUSE else exports.of_litellm)
