"""`llmcost catalog`: who owns features and what they may spend, from `llmcost.yaml` into the store."""

import getpass
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from otel_llmcost.config.catalogue import Limit
    from otel_llmcost.ledger.catalogue import Seen

catalog: Final = typer.Typer(
    name="catalog",
    help="Who owns features and what they may spend: write a first catalogue, load one.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@catalog.command()
def init(dsn: Dsn = "", data_dir: DataDir = None) -> None:
    """Write features that were seen, and limits that fit their age, into llmcost.yaml."""
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.config import FILE_NAME, find_config, load_config
    from otel_llmcost.ledger.catalogue import first_budget, first_limit, seen

    place = data_dir_of(data_dir)
    path = find_config(os.environ, data_dir=place) or Path.cwd() / FILE_NAME
    said = load_config(os.environ, place).catalogue
    known = {feature.name for feature in (said.features or ())} if said else set[str]()
    limited = {limit.scope_text for limit in (said.limits or ())} if said else set[str]()
    with opened(dsn, place) as store:
        if not store.is_read_only:
            store.derive()
        found = seen(store, datetime.now(UTC).date())
    features = [each for each in found if each.feature not in known]
    limits = [first_limit(each) for each in found if f"feature={each.feature}" not in limited]
    if "" not in limited and (budget := first_budget(found)):
        limits.append(budget)
    _add(path, "features", [_feature_line(each) for each in features])
    _add(path, "limits", [_limit_line(each) for each in limits])
    print(f"{path}: added {len(features)} features and {len(limits)} limits; look at them, then `llmcost catalog load`")


@catalog.command(name="load")
def load_catalogue(
    since: Annotated[str, typer.Option("--from", help="The day from which entries without one hold.")] = "today",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Bring features, limits and tags of llmcost.yaml into the store, from a day on."""
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.config import load_config
    from otel_llmcost.config.catalogue import Catalogue
    from otel_llmcost.ledger.catalogue import load

    place = data_dir_of(data_dir)
    config = load_config(os.environ, place)
    if config.path is None or config.catalogue in (None, Catalogue()):
        msg = "there is no llmcost.yaml with a catalogue; `llmcost catalog init` writes one"
        raise ConfigError(msg)
    with opened(dsn, place, changes=True) as store:
        changed = load(store, config.catalogue, today=_day(since), actor=getpass.getuser())
        store.derive()
        print(f"{store.location}: " + ", ".join(f"{count} {name} changed" for name, count in changed.items()))


def _day(text: str) -> date:
    if text == "today":
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"--from cannot be {text!r}; write a date such as 2026-11-01"
        raise ConfigError(msg) from error


def _feature_line(feature: "Seen") -> str:
    import json

    team = json.dumps(feature.team) if feature.team else ""
    return f"  {json.dumps(feature.feature)}: {{team: {team}, owner: }}"


def _limit_line(limit: "Limit") -> str:
    import json

    from otel_llmcost.money import to_text

    scope = ", ".join(f"{name}: {json.dumps(value)}" for name, value in limit.scope)
    parts = [f"scope: {{{scope}}}"] if scope else []
    parts.append(f"window: {limit.window}")
    amounts = {"warn": limit.warn, "cap": limit.cap}
    parts += [f"{name}: {to_text(amount)}" for name, amount in amounts.items() if amount is not None]
    return f"  - {{{', '.join(parts)}, reason: {json.dumps(limit.reason)}}}"


def _add(path: Path, section: str, lines: list[str]) -> None:
    """Add lines at the end of a section of the file, which is made where it is missing; nothing else is touched."""
    import yaml

    if not lines:
        return
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text.splitlines()
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    places = {key.value: value for key, value in top.value} if isinstance(top, yaml.MappingNode) else {}
    if section not in places:
        whole += [*([""] if whole else []), f"{section}:", *lines]
    elif places[section].flow_style:
        msg = f"{path}: {section} is written in braces or brackets; write an entry a line, so that more can be added"
        raise ConfigError(msg)
    else:
        end = places[section].end_mark
        at = end.line + (end.column > 0)
        while at > 0 and not whole[at - 1].strip():
            at -= 1
        whole[at:at] = lines
    part = path.with_suffix(".part")
    part.write_text("\n".join(whole) + "\n", encoding="utf-8")
    part.replace(path)
