"""`llmcost price -`: answers in, prices out, one JSON line each."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from otel_llmcost.cli.exits import ExitCode, say
from otel_llmcost.cli.options import TableOrJson, TableOrJsonOption
from otel_llmcost.cli.tables import printable
from otel_llmcost.cli.when import at_ns_of
from otel_llmcost.errors import ConfigError


def price(
    source: Annotated[str, typer.Argument(metavar="[FILE]", help="JSON lines; `-` reads stdin.")] = "",
    rates: Annotated[
        Path | None, typer.Option("--rates", help="Another rate table than the one of this set-up.")
    ] = None,
    usage: Annotated[
        Path | None, typer.Option("--usage", help="One answer of a provider, or the usage in it; `-` reads stdin.")
    ] = None,
    provider: Annotated[str, typer.Option("--provider", help="Who gave it.")] = "",
    model: Annotated[str, typer.Option("--model", help="The model that was asked for.")] = "",
    at: Annotated[
        str, typer.Option("--at", help="When the call began: a date or an ISO 8601 time; now otherwise.")
    ] = "",
    tier: Annotated[str, typer.Option("--tier", help="The tier that served: batch, flex, priority, fast …")] = "",
    form: TableOrJsonOption = TableOrJson.TABLE,
) -> None:
    """Price provider answers: JSON lines in, a JSON line out for each; or one answer, with its arithmetic shown.

    In: {"id", "provider", "model", "at", "context", "usage"}, where usage is the JSON that the provider answered.
    Out: {"id", "status", "total_usd", "rate_id", "lines"}, amounts as exact decimal text. A line that cannot be read
    gives {"id", "status": "error", "error", "line"}; the others are priced all the same, and the exit code is 1.
    """
    if usage is not None:
        if source:
            msg = "give FILE or --usage, not both"
            raise ConfigError(msg)
        if at:
            at_ns_of(at)
        case = {"provider": provider, "model": model, "at": at or _now(), "context": _context(tier)}
        _explain(case, usage, rates, form)
        return
    if not source:
        msg = "there is nothing to price; give FILE, `-`, or --provider, --model and --usage"
        raise ConfigError(msg)
    with nullcontext(sys.stdin.buffer) if source == "-" else _opened(Path(source)) as lines:
        faults = _write_prices(lines, rates)
    if faults:
        say(f"{faults} of the lines could not be priced: their status is error")
        raise typer.Exit(ExitCode.FINDINGS)


def _explain(case: dict[str, Any], usage: Path, rates: Path | None, form: TableOrJson) -> None:
    """Print the price of one answer; a fault in what was given is an error, an unknown price is none."""
    from otel_llmcost.cli.answers import read_answer
    from otel_llmcost.cli.opened import pricer_of
    from otel_llmcost.cli.options import data_dir_of
    from otel_llmcost.cli.price_view import lines_of
    from otel_llmcost.pricing.wire import call_of, priced_line

    if not case["provider"]:
        msg = "--provider is missing: say who gave the answer"
        raise ConfigError(msg)
    pricer = pricer_of(data_dir_of(None), rates)
    with nullcontext(sys.stdin.buffer) if str(usage) == "-" else _opened(usage) as file:
        content = file.read()
    try:
        case["usage"] = json.loads(content)
        call, fault = call_of(case, read_answer)
    except (ValueError, TypeError, AttributeError) as error:
        msg = f"{usage}: {_fault(case, error)}"
        raise ConfigError(msg) from error
    if fault:
        msg = f"{usage}: {fault}"
        raise ConfigError(msg)
    pricing = pricer.price(call)
    if form is TableOrJson.JSON:
        print(json.dumps(priced_line(None, pricing), indent=2))
    else:
        print("\n".join(map(printable, lines_of(call, pricing, pricer))))


def _context(tier: str) -> dict[str, str]:
    """Return what `--tier` says in the words of a line's context."""
    if tier == "batch":
        return {"processing": tier}
    return {"speed": tier} if tier == "fast" else {"service_tier": tier}


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


def priced_lines(lines: Iterator[bytes] | IO[bytes], rates: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield the price of every line that is not blank."""
    from otel_llmcost.cli.answers import read_answer
    from otel_llmcost.cli.opened import pricer_of
    from otel_llmcost.cli.options import data_dir_of
    from otel_llmcost.pricing import price_line

    pricer = pricer_of(data_dir_of(None), rates)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        case: Any = None
        try:
            case = json.loads(line)
            yield price_line(case, pricer, read_answer)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one line must not keep the others
            case_id = case.get("id") if isinstance(case, dict) else None
            yield {"id": case_id, "status": "error", "error": _fault(case, error), "line": number}


def _write_prices(lines: IO[bytes], rates: Path | None) -> int:
    """Write a line for each, at once, so that whoever waits for it gets it; return how many are faults."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    faults = 0
    for priced in priced_lines(lines, rates):
        faults += priced["status"] == "error"
        sys.stdout.write(encode(priced) + "\n")
        sys.stdout.flush()
    return faults


def _fault(case: object, error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return f"not JSON: {error}"
    if not isinstance(case, dict):
        return f"a {type(case).__name__} where an object should be"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return str(error) or type(error).__name__
