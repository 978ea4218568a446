"""``telekol quarantine``: what could not be stored, and trying it again. Touches the process."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.console import Console

from ingest import replay
from ingest.operators import By, Json, age, database, person, print_json, print_table, rows
from ingest.replay import SQL, STORED
from telekol.errors import TelekolError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Look at what could not be stored, and try it again after a fix.\n\n"
        "Nothing here is ever lost: an entry keeps its bytes, and every try is noted with who made "
        "it. Reads TELEKOL_DATABASE_URL. The bytes can be health data."
    ),
)

_OPEN: Final = ["open", "still-refused"]
_TEXT_MOST: Final = 4000
"""Signs of a payload that a person is shown; --json has all of it."""

Code = Annotated[str | None, typer.Option(help="Only this cause, e.g. unknown-kit.")]
Gateway = Annotated[str | None, typer.Option(help="Only what this gateway sent.")]


@app.command("list")
def list_entries(
    *,
    code: Code = None,
    gateway: Gateway = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was stored or dismissed since.")
    ] = False,
    older_than_hours: Annotated[
        float, typer.Option(min=0, help="Only what has lain for so long.")
    ] = 0.0,
    most: Annotated[int, typer.Option(min=0, help="How many of the newest are listed.")] = 20,
    as_json: Json = False,
) -> None:
    """Count what is in quarantine, by cause and gateway, and list the newest."""
    values = {
        "code": code,
        "gateway": gateway,
        "states": None if everything else _OPEN,
        "older_than": age(older_than_hours),
        "most": most,
    }
    with database("quarantine") as connection:
        counts = rows(connection, SQL["summary"], values)
        newest = rows(connection, SQL["newest"], values)
    if as_json:
        print_json({"counts": counts, "newest": newest})
        return
    print_table("In quarantine", counts, "Nothing is in quarantine.")
    if newest:
        print_table("Newest", newest, "")


@app.command()
def show(
    entry: Annotated[int, typer.Argument(help="Number of the entry, from `list`.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one entry: its reason, what was done with it, and its bytes. They can be health data."""
    with database("quarantine") as connection:
        found = rows(connection, SQL["entry"], {"id": entry})
        if not found:
            raise TelekolError(f"expected an entry, found none numbered {entry}; see `list --all`")
        history = rows(connection, SQL["history"], {"id": entry})
    (shown,) = found
    payload = bytes(shown.pop("payload"))
    shown |= {"bytes": len(payload), "hex": payload.hex(), "text": _text(payload)}
    if as_json:
        print_json({**shown, "history": history})
        return
    console = Console()
    for name, value in shown.items():
        if name not in ("hex", "text"):
            console.print(f"{name}: {value}", markup=False, highlight=False)
    console.print("The bytes can be health data. Do not copy them into a ticket.", style="yellow")
    text = shown["text"] if shown["text"] is not None else shown["hex"]
    console.print(text[:_TEXT_MOST], markup=False, highlight=False)
    if shown["text"] is not None:
        console.print(f"hex: {shown['hex'][:_TEXT_MOST]}", markup=False, highlight=False)
    if history:
        print_table("What was done", history, "")


@app.command()
def retry(
    entries: Annotated[list[int] | None, typer.Argument(help="Numbers of entries.")] = None,
    *,
    code: Code = None,
    gateway: Gateway = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Try again after a fix: named entries, all of a cause, all of a gateway, or everything.

    After a gateway's kit was registered: `telekol quarantine retry --gateway ID`. What is stored
    is judged like any reading that comes late. Exit status 1 if anything is still refused.
    """
    if not (entries or code or gateway or everything):
        raise TelekolError("expected entries, --code, --gateway or --all; found none of them")
    with database("quarantine") as connection:
        numbers = replay.waiting(connection, entries or None, code, gateway)
        unknown = sorted(set(entries or ()) - set(numbers))
        results = [replay.retry(connection, number, person(by)) for number in numbers]
    came = [result for result in results if result is not None]
    tried = [{"id": one.id, "state": one.state, "detail": one.detail} for one in came]
    if as_json:
        print_json({"tried": tried, "not_waiting": unknown})
    else:
        print_table("Tried again", tried, "Nothing waits that fits.")
        if unknown:
            Console(stderr=True).print(f"Not waiting: {', '.join(map(str, unknown))}")
    if any(one.state != STORED for one in came):
        raise typer.Exit(1)


@app.command()
def dismiss(
    entry: Annotated[int, typer.Argument(help="Number of the entry.")],
    *,
    reason: Annotated[str, typer.Option(help="Why it is done with.")],
    by: By = None,
) -> None:
    """Say that an entry needs nothing more. It stays, with your reason."""
    if not reason.strip():
        raise TelekolError("expected a reason, found nothing; say why the entry is done with")
    with database("quarantine") as connection:
        if not replay.dismiss(connection, entry, person(by), reason.strip()):
            raise TelekolError(
                f"expected an entry that waits, found none numbered {entry}; "
                f"see `telekol quarantine show {entry}`"
            )
    Console().print(f"Entry {entry} is dismissed.")


def _text(payload: bytes) -> str | None:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    # A control sign could rewrite the operator's terminal.
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)
