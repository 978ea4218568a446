"""``telekol gaps``: which numbers of which home never came. Touches the process."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console

from ingest.operators import (
    By,
    Json,
    Reason,
    age,
    database,
    person,
    print_json,
    print_table,
    rows,
    said,
)
from telekol import queries
from telekol.errors import TelekolError

_SQL: Final = queries.load("ingest", "gap_commands.sql")

_MOST: Final = 2**63 - 2
"""Numbers of a home are PostgreSQL's bigint; a range needs one above its last."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Look at numbers that gateways gave to readings and that are not here.\n\n"
        "Ingest asks the homes for them by itself. Reads TELEKOL_DATABASE_URL."
    ),
)


@app.command("list")
def list_gaps(
    *,
    gateway: Annotated[str | None, typer.Option(help="Only of this gateway.")] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also what may lie in the home still, or was explained."),
    ] = False,
    older_than_hours: Annotated[
        float, typer.Option(min=0, max=87_600, help="Only what is missing for so long.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """List gaps: gateway, life of its outbox (boot), from, to, since when, asked again when."""
    values = {
        "gateway": gateway,
        "older_than": age(older_than_hours),
        "everything": everything,
    }
    with database("gaps") as connection:
        found = rows(connection, _SQL["gaps"], values)
    if as_json:
        print_json({"gaps": found})
        return
    print_table("Missing", found, "Nothing is missing.")


@app.command()
def explain(
    gateway: Annotated[str, typer.Argument(help="The gateway.")],
    boot: Annotated[UUID, typer.Argument(help="The life of its outbox, from `list`.")],
    first: Annotated[int, typer.Argument(min=1, max=_MOST, help="First number of the run.")],
    last: Annotated[int, typer.Argument(min=1, max=_MOST, help="Last number of the run.")],
    *,
    reason: Reason,
    by: By = None,
) -> None:
    """Say why numbers will never come. They stay missing and are no trouble any more."""
    if last < first:
        raise TelekolError(f"expected a last number of {first} or more, found {last}")
    run = {"gateway": gateway, "boot": boot, "first": first, "last": last}
    with database("gaps") as connection:
        (missing,) = rows(connection, _SQL["missing"], run)
        if not missing["exists"]:
            raise TelekolError(
                f"expected a gap of {gateway} between {first} and {last}, found none; "
                "see `telekol gaps list --all`"
            )
        connection.execute(_SQL["explain"], {**run, "reason": said(reason), "by": person(by)})
    Console().print(f"{first} to {last} of {gateway} are explained.", highlight=False)
