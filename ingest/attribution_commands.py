"""``telekol attribution``: readings that wait for somebody to say whose they are.

Touches the process. The same steps as the board's, for who has no board; each is kept for ever
with who and why.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from ingest.operators import By, Json, Reason, database, person, print_json, print_table, said
from telekol import corrections
from telekol.corrections import Said

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Say whose a reading is, or that it is nobody's, and take that back.\n\n"
        "A weight that cannot be the patient's waits here. Reads TELEKOL_DATABASE_URL. "
        "What is listed is health data."
    ),
)

Reading = Annotated[UUID, typer.Argument(help="Id of the reading, from `list`.")]
HadBy = Annotated[
    UUID | None, typer.Option("--from", help="Whose it is now; left out for one that waits.")
]
Most = Annotated[int, typer.Option(min=0, max=10_000, help="How many are listed.")]


@app.command("list")
def list_waiting(
    *,
    patient: Annotated[UUID | None, typer.Option(help="Only of this patient's kits.")] = None,
    most: Most = 200,
    as_json: Json = False,
) -> None:
    """List readings that wait for a person, the oldest first."""
    with database("attribution") as connection:
        found = corrections.waiting(connection, patient, most)
    if as_json:
        print_json({"waiting": found})
        return
    print_table("Whose are these?", found, "Nothing waits.")


@app.command()
def history(reading: Reading, *, as_json: Json = False) -> None:
    """List what was said of one reading: whose it is, and whether it holds."""
    with database("attribution") as connection:
        found = corrections.history(connection, reading)
    if as_json:
        print_json({"history": found})
        return
    print_table("What was said", found, "Nobody has said anything of it.")


@app.command()
def attribute(
    reading: Reading,
    *,
    to: Annotated[UUID, typer.Option(help="Whose it is.")],
    had_by: HadBy = None,
    reason: Reason,
    by: By = None,
) -> None:
    """Say whose a reading is. It counts from then on, and what follows is judged again."""
    with database("attribution") as connection:
        event = corrections.attribute(connection, reading, had_by, to, _said(by, reason))
    _done(event)


@app.command()
def refuse(reading: Reading, *, had_by: HadBy = None, reason: Reason, by: By = None) -> None:
    """Say that a reading is nobody's whom we know. It stays stored and counts nowhere."""
    with database("attribution") as connection:
        event = corrections.refuse(connection, reading, had_by, _said(by, reason))
    _done(event)


@app.command()
def undo(
    event: Annotated[
        int, typer.Argument(min=1, max=2**63 - 1, help="Number of the step, from `history`.")
    ],
    *,
    reason: Reason,
    by: By = None,
) -> None:
    """Take back what a person said last of a reading; it is whose it was before."""
    with database("attribution") as connection:
        _done(corrections.undo(connection, event, _said(by, reason)))


def _said(by: str | None, reason: str) -> Said:
    return Said(person(by), said(reason))


def _done(event: int) -> None:
    Console().print(f"Noted as {event}.", highlight=False)
