"""`llmcost erase`: remove the calls of a tenant or a user."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from otel_llmcost.cli.exits import ExitCode
from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError


def erase(
    tenant: Annotated[str, typer.Option("--tenant", help="Whose calls: a tenant.")] = "",
    user: Annotated[str, typer.Option("--user", help="Whose calls: an end user.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    actor: Annotated[str, typer.Option("--actor", show_default="the login name", help="Who, for the record.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> ExitCode:
    """Remove every call of a tenant or a user, for good, and correct all that was derived from them."""
    from otel_llmcost.cli.amounts import plural
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.cli.progress import SlowProgress

    if bool(tenant) == bool(user):
        msg = "give either --tenant or --user"
        raise ConfigError(msg)
    kind, value = ("tenant", tenant) if tenant else ("user", user)
    place = data_dir_of(data_dir)
    with opened(dsn, place, changes=True) as store:
        if not yes and not typer.confirm(f"Remove every call of {kind} {value} from {store.location} for good?"):
            return ExitCode.FINDINGS
        with SlowProgress("erasing"):
            erased = store.erase(kind, value, actor=actor or getpass.getuser(), reason=reason)
    aside = _erase_refused(place / "refused.jsonl", kind, value)
    print(f"removed {plural(erased.calls + aside, 'call')}, derived {plural(erased.hours, 'hour')} anew")
    return ExitCode.OK


def _erase_refused(path: Path, kind: str, value: str) -> int:
    """Remove the lines of calls that the store had refused, and return how many."""
    if not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["call"]["attribution"].get(kind) != value]
    if len(kept) < len(lines):
        part = path.with_suffix(".part")
        part.write_text("".join(kept), encoding="utf-8")
        part.replace(path)
    return len(lines) - len(kept)
