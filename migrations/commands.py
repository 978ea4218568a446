"""``telekol migrate``: brings the database to the version this code needs."""

from __future__ import annotations

from importlib import resources
from typing import Annotated

import typer
from alembic import command
from alembic.config import Config
from psycopg.errors import InsufficientPrivilege
from rich.console import Console
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from migrations.settings import MigrateSettings, sqlalchemy_url
from telekol import logs
from telekol.errors import TelekolError
from telekol.settings import load

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def migrate(
    revision: Annotated[
        str, typer.Argument(help="Where to go: 'head' is the newest, 'base' is empty.")
    ] = "head",
    *,
    down: Annotated[
        bool, typer.Option("--down", help="Go back to REVISION. Data of newer tables is lost.")
    ] = False,
) -> None:
    """Bring the database to the version this code needs.

    Reads TELEKOL_DATABASE_URL. Safe to run again, and by several machines at once. Tables of
    readings become hypertables when the server has TimescaleDB; without it they are plain.
    """
    settings = load(MigrateSettings)
    logs.set_up("migrate", settings.log_level)
    try:
        run(sqlalchemy_url(settings), revision, down=down)
    except OperationalError as error:
        raise TelekolError(
            f"cannot reach the database: {str(error.orig).strip()}. "
            "Check TELEKOL_DATABASE_URL and that the server is running."
        ) from None
    except (InsufficientPrivilege, ProgrammingError) as error:
        said = error.orig if isinstance(error, ProgrammingError) else error
        if not isinstance(said, InsufficientPrivilege):
            raise
        hint = said.diag.message_hint or (
            "Let an administrator do that, or migrate as the database's owner with CREATEROLE"
        )
        raise TelekolError(f"may not migrate: {said.diag.message_primary}. {hint}") from None
    Console().print(f"Database is at {revision}.")


def run(url: str, revision: str = "head", *, down: bool = False) -> None:
    """Migrate the database at a SQLAlchemy `url` up (or `down`) to `revision`."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")))
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if down else command.upgrade)(config, revision)
    finally:
        engine.dispose()
