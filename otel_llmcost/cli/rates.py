"""`llmcost rates`: what the rate table holds, how it differs from another, and a newer one."""

import csv
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from otel_llmcost.cli.options import DataDir, Dsn, Format, FormatOption, data_dir_of
from otel_llmcost.cli.rates_update import update
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from otel_llmcost.pricing import ModelRates, Pricer, RateCard, RateTable

rates: Final = typer.Typer(
    name="rates",
    help="What models cost: list and show prices, compare tables, build a newer one.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ProviderOption = Annotated[str, typer.Option("--provider", help="Only those of one provider, in any usual spelling.")]
_KEPT: Final = 3
"""The columns that even a narrow screen shows."""

_SHOWN: Final = ("input", "cache_read", "cache_write_5m", "output")


@rates.command(name="list")
def list_rates(provider: ProviderOption = "", form: FormatOption = Format.TABLE, data_dir: DataDir = None) -> None:
    """List every model with its standard prices of this moment, in USD for a million tokens."""
    pricer, at_ns = _pricer(data_dir), time.time_ns()
    rows = [(each, each.card("standard", at_ns)) for each in _models(pricer, provider)]
    if form is Format.JSON:
        _print_json([_json(each, [card] if card else []) for each, card in rows])
        return
    from otel_llmcost.cli.rates_view import date_of, rate_of_text

    heads = ("provider", "model", *_SHOWN, "tiers", "since")
    lines = [
        (
            each.provider,
            each.model,
            *(rate_of_text(card.rates[name]) if card and name in card.rates else "" for name in _meters()),
            " ".join(each.cards),
            date_of(card.effective_from_ns) if card else "",
        )
        for each, card in rows
    ]
    _print_rows(heads, lines, form, numbers=_SHOWN)


@rates.command()
def show(
    model: Annotated[str, typer.Argument(help="A model, or provider/model.")],
    at: Annotated[str, typer.Option("--at", help="Only what is in force then: a date or an ISO 8601 time.")] = "",
    provider: ProviderOption = "",
    form: FormatOption = Format.TABLE,
    data_dir: DataDir = None,
) -> None:
    """Show every price of a model: its history drawn, then its cards by tier, place and length of the prompt."""
    from otel_llmcost.cli.rates_view import history, model_json
    from otel_llmcost.cli.when import at_ns_of

    pricer, at_ns = _pricer(data_dir), at_ns_of(at) if at else None
    found = _found(pricer, model, provider)
    cards = {id(each): [card for card in each.all_cards() if at_ns is None or card.in_effect(at_ns)] for each in found}
    if form is Format.JSON:
        _print_json([model_json(each, cards[id(each)]) for each in found])
        return
    for each in found:
        if form is Format.TABLE:
            print(f"{each.provider}/{each.model}" + (f", also {', '.join(each.names)}" if each.names else ""))
            for line in history(each) if at_ns is None else ():
                print(line)
        heads = ("rate", "prices", "above", "tier", "place", "in force", "source")
        _print_rows(heads, [row for card in cards[id(each)] for row in _card_rows(card)], form)


@rates.command()
def diff(
    old: Annotated[str, typer.Argument(help="A table: a file, `shipped`, or the version of one that was kept.")],
    new: Annotated[str, typer.Argument(help="Another one, likewise.")],
    form: FormatOption = Format.TABLE,
    data_dir: DataDir = None,
) -> None:
    """Show what differs between two rate tables, model by model."""
    from otel_llmcost.cli.rates_view import change_json, change_lines
    from otel_llmcost.pricing.changes import compare

    place = data_dir_of(data_dir)
    one, other = (_table(name, place) for name in (old, new))
    changes = compare(one, other)
    if form is Format.JSON:
        _print_json({"old": one.version, "new": other.version, "models": [change_json(each) for each in changes]})
    elif form is Format.CSV:
        told = [(each.provider, each.model, each.kind, line.strip()) for each in changes for line in change_lines(each)]
        _print_rows(("provider", "model", "kind", "change"), told, form)
    else:
        for each in changes:
            print("\n".join(change_lines(each)))
        print(f"{len(changes)} models differ between {one.version} and {other.version}")


@rates.command()
def check(provider: ProviderOption = "", form: FormatOption = Format.TABLE, data_dir: DataDir = None) -> None:
    """Show what the rate table covers, and on how many prices in force its sources agree, by provider."""
    from otel_llmcost.pricing.coverage import coverage

    pricer = _pricer(data_dir)
    table, wanted = pricer.table, _known(pricer, provider)
    found = [each for each in coverage(table, time.time_ns()) if wanted in ("", each.provider)]
    heads = ("provider", "models", "names", "cards", "placed", "agreed", "decided", "single")
    lines = [tuple(getattr(each, head) for head in heads) for each in found]
    if form is Format.JSON:
        told = [dict(zip(heads, line, strict=True)) for line in lines]
        _print_json({"rate_table_version": table.version, "built_from": table.built_from, "providers": told})
        return
    _print_rows(heads, [tuple(map(str, line)) for line in lines], form, numbers=heads[1:])
    if form is Format.TABLE:
        built = ", ".join(f"{name} {version}" for name, version in table.built_from.items())
        print(f"rate table {table.version}, built from {built or 'unknown sources'}")


@rates.command(name="update")
def update_rates(
    yes: Annotated[bool, typer.Option("--yes", help="Keep the newer table without asking.")] = False,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Build a newer rate table from the installed genai-prices and litellm, show what changes, and ask.

    What changes is shown model by model, with its effect on the spend of the last 30 days.
    """
    update(dsn, data_dir_of(data_dir), is_agreed=yes)


def _pricer(data_dir: Any) -> "Pricer":
    from otel_llmcost.cli.opened import pricer_of

    return pricer_of(data_dir_of(data_dir))


def _models(pricer: "Pricer", provider: str) -> "Iterator[ModelRates]":
    wanted = _known(pricer, provider)
    for each in (*(pricer.overlay.models if pricer.overlay else ()), *pricer.table.models):
        if wanted in ("", each.provider):
            yield each


def _providers(pricer: "Pricer") -> list[str]:
    return sorted(
        {*(each.provider for each in (pricer.overlay.models if pricer.overlay else ())), *pricer.table.providers}
    )


def _known(pricer: "Pricer", provider: str) -> str:
    """Return a provider as the tables spell it, or nothing for nothing.

    Raises:
        ConfigError: Neither the table nor llmcost.yaml has a price of theirs.
    """
    from otel_llmcost.pricing import canonical_provider

    wanted, known = canonical_provider(provider), _providers(pricer)
    if provider and wanted not in known:
        msg = f"--provider: no price of {provider!r} is known; there are {', '.join(known)}"
        raise ConfigError(msg)
    return wanted


def _found(pricer: "Pricer", model: str, provider: str) -> "list[ModelRates]":
    """Return the models of that name; of one provider if `provider` or the name says which.

    Raises:
        ConfigError: There is none; the message names the nearest.
    """
    from otel_llmcost.pricing import canonical_provider
    from otel_llmcost.pricing.matching import EVERY_MODEL

    said, _, rest = model.partition("/")
    named = _known(pricer, provider) or canonical_provider(said if rest else "")
    asked = [(provider, model)] if provider else [(each, model) for each in _providers(pricer)]
    if rest and not provider:
        asked = [(said, rest), *asked]
    hits = [hit for one, name in asked if (hit := pricer.find(one, name)) is not None]
    hits = [hit for hit in hits if hit.model != EVERY_MODEL or hit.provider == named]  # which knows any misspelt name
    if hits:
        return list({id(hit): hit for hit in hits}.values())
    near = [f"{one}/{name}" for one, name in asked[:1] for name in pricer.table.nearest(one, name)]
    near = near or [f"{one}/{name}" for one, _ in asked for name in pricer.table.nearest(one, model)][:3]
    hint = f"; nearest names: {', '.join(near)}" if near else ""
    msg = f"no rate table knows a model {model}{hint}"
    raise ConfigError(msg)


def _table(name: str, place: Any) -> "RateTable":
    from otel_llmcost.config.pricer import path_of
    from otel_llmcost.pricing import load_rate_table

    return load_rate_table(path_of(name, place))


def _card_rows(card: "RateCard") -> "Iterator[tuple[str, ...]]":
    from otel_llmcost.cli.rates_view import rate_of_text, span_of
    from otel_llmcost.usage import UsageMeter

    sets = [("", card.rates), *((f"{each.op} {each.tokens:,}", each.rates) for each in card.context_tiers)]
    for above, told in sets:
        prices = ", ".join(f"{meter.value} {rate_of_text(told[meter])}" for meter in UsageMeter if meter in told)
        yield card.id, prices, above, card.tier, card.region, span_of(card), card.source


def _meters() -> "Sequence[Any]":
    from otel_llmcost.usage import UsageMeter

    return [UsageMeter(name) for name in _SHOWN]


def _json(rates: "ModelRates", cards: "Sequence[RateCard]") -> dict[str, Any]:
    from otel_llmcost.cli.rates_view import model_json

    return model_json(rates, cards)


def _print_json(told: object) -> None:
    print(json.dumps(told, indent=2, ensure_ascii=False))


def _print_rows(
    heads: "Sequence[str]", rows: "Iterable[Sequence[str]]", form: Format, numbers: "Sequence[str]" = ()
) -> None:
    if form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows)
        return
    from otel_llmcost.cli.tables import Column, console, table_of

    out, columns = console(), list(zip(*rows, strict=True)) or [()] * len(heads)
    told = [
        Column(header=head, values=values, is_number=head in numbers, rank=max(number - _KEPT + 1, 0))
        for number, (head, values) in enumerate(zip(heads, columns, strict=True))
    ]
    out.print(table_of(told, width=out.width))
