"""``telekol keys``: makes and rotates the keys of civil registration numbers."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from migrations.settings import KeySettings
from telekol import civil_registration, civil_registration_store, logs
from telekol.errors import TelekolError
from telekol.settings import load

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def keys() -> None:
    """Make and rotate the keys that civil registration numbers are sealed under."""


@app.command()
def make(file: Annotated[Path, typer.Argument(help="Where the new file of keys goes.")]) -> None:
    """Make a file with new keys. It is never overwritten; keep a copy apart from the database's."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise TelekolError(f"cannot make {file}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as written:
        written.write(civil_registration.new_file(datetime.now(UTC).year))
    Console().print(f"New keys are in {file}.")


@app.command()
def rotate() -> None:
    """Seal every number anew under the newest keys.

    Reads TELEKOL_DATABASE_URL and TELEKOL_CIVIL_REGISTRATION_KEYS. May be stopped and run again.
    """
    settings = load(KeySettings)
    logs.set_up("keys", settings.log_level)
    ring = civil_registration.read(settings.civil_registration_keys)
    try:
        with psycopg.connect(
            settings.database_url.get_secret_value(), autocommit=True
        ) as connection:
            rotated = civil_registration_store.rotate(connection, ring)
    except psycopg.OperationalError as error:
        raise TelekolError(
            f"cannot reach the database: {str(error).strip()}. What was sealed anew is kept; "
            "run this again."
        ) from None
    free = ", ".join(rotated.free) or "none"
    Console().print(f"{rotated.rows} numbers sealed anew. Keys that may be taken out: {free}.")
