"""``telekol backup`` and ``telekol restore``. Owns their options and what a person sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from migrations import backup
from migrations.backup_file import BackupError, Manifest, manifest_of
from migrations.settings import BackupSettings
from telekol import logs
from telekol.settings import load

backup_app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
restore_app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

File = Annotated[Path, typer.Argument(dir_okay=False, help="The dump; its manifest is beside it.")]


class Shown:
    """Shows how it gets on, one line for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("connecting", total=None)

    def step(self, words: str, total: int | None) -> None:
        """Begin a step."""
        self._progress.reset(self._task, description=words, total=total)

    def advance(self, parts: int = 1) -> None:
        """Get on within the step."""
        self._progress.advance(self._task, parts)


@backup_app.command()
def back_up(file: File) -> None:
    """Write a backup of the whole database to FILE, and its manifest to FILE.manifest.json.

    Reads TELEKOL_DATABASE_URL. Services may go on working: the backup is one moment of the
    database. The manifest holds the file's checksum and the count and checksum of every table.
    Both files hold what people measured: keep them as you keep the database. What is stored after
    the backup is not lost with the server: homes keep 30 days, and are asked to send it again.
    """
    settings = load(BackupSettings)
    logs.set_up("backup", settings.log_level)
    with _shown() as progress:
        manifest = backup.back_up(settings.database_url.get_secret_value(), file, progress)
    _say(f"Backed up to {file}", manifest)
    Console().print(f"Keep {manifest_of(file)} beside it.", soft_wrap=True)


@restore_app.command()
def restore(file: File) -> None:
    """Restore the backup FILE into an empty database, and compare every table with its manifest.

    Reads TELEKOL_DATABASE_URL. Refuses a database that holds anything, a file that is damaged, and
    a backup of a newer schema. Start the services when it is done, after `telekol migrate`: ingest
    sees from each gateway's numbers what the server lacks, and asks the homes to send it again.
    """
    settings = load(BackupSettings)
    logs.set_up("restore", settings.log_level)
    with _shown() as progress:
        manifest = backup.restore(settings.database_url.get_secret_value(), file, progress)
    _say(f"Restored the backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC", manifest)
    Console().print("Every table is as it was. Now run: telekol migrate")


@contextmanager
def _shown() -> Iterator[Shown]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield Shown(progress)
    except psycopg.OperationalError as error:
        raise BackupError(
            f"the database cannot be reached or went away: {str(error).strip()}. "
            "Check TELEKOL_DATABASE_URL and that the server is running"
        ) from None


def _say(what: str, manifest: Manifest) -> None:
    rows = sum(table.rows for table in manifest.tables.values())
    Console().print(
        f"{what}: {len(manifest.tables)} tables, {rows} rows, {manifest.size_bytes} bytes, "
        f"schema {manifest.revision}.",
        soft_wrap=True,
    )
