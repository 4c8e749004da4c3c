"""`llmcost migrate`: bring the schema of a store up to date."""

from typing import Annotated

import typer

from otel_llmcost.cli.options import DataDir, Dsn, data_dir_of


def migrate(
    plan: Annotated[bool, typer.Option("--plan", help="Show the SQL that would run, and run nothing.")] = False,
    roles: Annotated[
        bool, typer.Option("--roles", help="Show the SQL of roles and row policies, and run nothing.")
    ] = False,
    dsn: Dsn = "",
    data_dir: DataDir = None,
) -> None:
    """Create the tables of a store, or bring them up to date. Safe to run again at any time.

    Every other command that opens the store does this by itself; here it can be looked at before, or be run with
    rights that the others lack.
    """
    from otel_llmcost.cli.opened import connected

    with connected(dsn, data_dir_of(data_dir)) as store:
        if roles:
            print(store.roles())
            return
        todo = store.plan() if plan else store.migrate()
        location = store.location
    if not todo:
        print(f"{location} is up to date")
    for migration in todo:
        if plan:
            print(f"-- {migration.name}")
            print("\n".join(f"{statement};\n" for statement in migration.statements) or "-- not needed here\n")
        else:
            print(f"{location}: applied {migration.name}")
