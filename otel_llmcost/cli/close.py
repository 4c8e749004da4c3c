"""`llmcost close`: close the books of a month."""

import getpass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of
from otel_llmcost.errors import ConfigError

if TYPE_CHECKING:
    from otel_llmcost.ledger.books import Booked


def close(
    month: Annotated[str, typer.Argument(help="The month (UTC), such as 2026-10.")],
    take_back: Annotated[
        bool, typer.Option("--reopen", help="Open it again; only the last closed month can be.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    actor: Annotated[str, typer.Option("--actor", show_default="the login name", help="Who, for the record.")] = "",
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Close the books of a month: they never change any more, and no correction is posted to its calls.

    What comes of it later, such as a call that arrives late, is booked in the next month that is closed.
    """
    from otel_llmcost.cli.opened import opened
    from otel_llmcost.ledger import books

    first, who = _month(month), actor or getpass.getuser()
    with opened(dsn, data_dir_of(data_dir), changes=True) as store:
        if take_back:
            books.reopen(store, first, actor=who, reason=reason)
            print(f"{month} is open again")
            return
        booked = books.close(store, first, actor=who, reason=reason, today=datetime.now(UTC).date())
    print(f"{month} is closed")
    for each in booked:
        print(_line(each, first))


def _line(booked: "Booked", month: date) -> str:
    from otel_llmcost.cli.amounts import money, plural

    of = "in it" if booked.month == month else f"of {booked.month:%Y-%m}, in no books before"
    return (
        f"{plural(booked.calls, 'call')} {of}: {money(booked.list_cost)} list, {money(booked.effective_cost)} effective"
    )


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        msg = f"the month cannot be {text!r}; write it like 2026-10"
        raise ConfigError(msg) from error
