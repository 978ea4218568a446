"""``telekol quarantine``: what could not be stored, and trying it again. Touches the process."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import psycopg
import typer
from psycopg import Connection
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from ingest import replay
from ingest.replay import SQL, STORED
from ingest.settings import QuarantineSettings
from telekol.errors import TelekolError
from telekol.settings import load

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

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Code = Annotated[str | None, typer.Option(help="Only this cause, e.g. unknown-kit.")]
Gateway = Annotated[str | None, typer.Option(help="Only what this gateway sent.")]
By = Annotated[str | None, typer.Option(help="Who does it; your user name if left out.")]


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
        "older_than": timedelta(hours=older_than_hours),
        "most": most,
    }
    with _database() as connection:
        counts = _rows(connection, "summary", values)
        newest = _rows(connection, "newest", values)
    if as_json:
        _print_json({"counts": counts, "newest": newest})
        return
    _print_table("In quarantine", counts, "Nothing is in quarantine.")
    if newest:
        _print_table("Newest", newest, "")


@app.command()
def show(
    entry: Annotated[int, typer.Argument(help="Number of the entry, from `list`.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one entry: its reason, what was done with it, and its bytes. They can be health data."""
    with _database() as connection:
        found = _rows(connection, "entry", {"id": entry})
        if not found:
            raise TelekolError(f"expected an entry, found none numbered {entry}; see `list --all`")
        history = _rows(connection, "history", {"id": entry})
    (shown,) = found
    payload = bytes(shown.pop("payload"))
    shown |= {"bytes": len(payload), "hex": payload.hex(), "text": _text(payload)}
    if as_json:
        _print_json({**shown, "history": history})
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
        _print_table("What was done", history, "")


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
    with _database() as connection:
        numbers = replay.waiting(connection, entries or None, code, gateway)
        unknown = sorted(set(entries or ()) - set(numbers))
        results = [replay.retry(connection, number, by or getpass.getuser()) for number in numbers]
    came = [result for result in results if result is not None]
    rows = [{"id": one.id, "state": one.state, "detail": one.detail} for one in came]
    if as_json:
        _print_json({"tried": rows, "not_waiting": unknown})
    else:
        _print_table("Tried again", rows, "Nothing waits that fits.")
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
    with _database() as connection:
        if not replay.dismiss(connection, entry, by or getpass.getuser(), reason.strip()):
            raise TelekolError(
                f"expected an entry that waits, found none numbered {entry}; "
                f"see `telekol quarantine show {entry}`"
            )
    Console().print(f"Entry {entry} is dismissed.")


@contextmanager
def _database() -> Iterator[Connection[Any]]:
    settings = load(QuarantineSettings)
    try:
        with psycopg.connect(
            settings.database_url.get_secret_value(),
            autocommit=True,
            application_name="telekol-quarantine",
            connect_timeout=5,
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise TelekolError(
            f"cannot reach the database: {str(error).strip()}. Check TELEKOL_DATABASE_URL and that "
            "the server is running."
        ) from None


def _rows(connection: Connection[Any], query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[query], values).fetchall()


def _text(payload: bytes) -> str | None:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    # A control sign could rewrite the operator's terminal.
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


def _print_table(title: str, rows: Sequence[dict[str, Any]], nothing: str) -> None:
    console = Console()
    if not rows:
        console.print(nothing)
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table, markup=False)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in str(value))
