"""What the operators' commands share: the database, tables for a person, JSON for a program.

Touches PostgreSQL and the terminal. Owns how rows are shown; what is asked is in each command.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

import psycopg
import typer
from psycopg import Connection
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from ingest.settings import OperatorSettings
from telekol.errors import TelekolError
from telekol.settings import load

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
By = Annotated[str | None, typer.Option(help="Who does it; your user name if left out.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever looks at it later.")]


@contextmanager
def database(command: str) -> Iterator[Connection[Any]]:
    """Connect with the address in TELEKOL_DATABASE_URL.

    Raises
    ------
    TelekolError
        If the database is away, or refuses what the command does.
    """
    settings = load(OperatorSettings)
    try:
        with psycopg.connect(
            settings.database_url.get_secret_value(),
            autocommit=True,
            application_name=f"telekol-{command}",
            connect_timeout=5,
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise TelekolError(
            f"cannot reach the database: {str(error).strip()}. Check TELEKOL_DATABASE_URL and that "
            "the server is running."
        ) from None
    except (psycopg.DataError, UnicodeEncodeError) as error:
        # A number that is too long, or bytes that are no text.
        raise TelekolError(
            f"expected words and numbers that the database knows, found some that cannot be kept: "
            f"{str(error).splitlines()[0]}"
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise TelekolError(
            f"{error.diag.message_primary}. Sign in as an operator: telekol_operator_login in "
            "TELEKOL_DATABASE_URL"
        ) from None


def rows(connection: Connection[Any], query: bytes, values: Mapping[str, Any]) -> list[Any]:
    """Ask a named query; each row is a dictionary."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def age(hours: float) -> timedelta:
    """Give a time span that a person asked for.

    Raises
    ------
    TelekolError
        If it is none, as nan, or longer than a calendar.
    """
    try:
        return timedelta(hours=hours)
    except (ValueError, OverflowError):
        raise TelekolError(f"expected a number of hours, found {hours:g}") from None


def person(by: str | None) -> str:
    """Name who does it."""
    return by or getpass.getuser()


def said(reason: str) -> str:
    """Give a reason as it is kept.

    Raises
    ------
    TelekolError
        If there is none.
    """
    if not reason.strip():
        raise TelekolError("expected a reason, found nothing; say why, for who looks at it later")
    return reason.strip()


def print_json(value: object) -> None:
    """Print for a program."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


def print_table(title: str, found: Sequence[Mapping[str, Any]], nothing: str) -> None:
    """Print for a person."""
    console = Console()
    if not found:
        console.print(nothing)
        return
    table = Table(title=title, title_justify="left")
    for name in found[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table, markup=False)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    # A control sign could rewrite the operator's terminal.
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in str(value))
