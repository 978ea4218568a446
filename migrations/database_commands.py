"""``telekol database``: what an administrator does to the database beside migrating it."""

from __future__ import annotations

import psycopg
import typer
from rich.console import Console

from migrations import logins
from migrations.settings import LoginSettings
from telekol import logs
from telekol.errors import TelekolError
from telekol.settings import load

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def database() -> None:
    """Prepare the database for the services that sign in to it."""


@app.command("logins")
def make_logins() -> None:
    """Make a login for each service, in the role that `telekol migrate` made for it.

    Reads TELEKOL_DATABASE_URL, of somebody who may make roles, and the passwords in
    TELEKOL_INGEST_PASSWORD, TELEKOL_ALERTS_PASSWORD, TELEKOL_API_PASSWORD and
    TELEKOL_OPERATOR_PASSWORD. Run it after `migrate`, and again to change a password or after a
    restore; a login whose password is not given is left alone. The services then sign in as
    telekol_ingest_login, telekol_alerts_login, telekol_api_login and telekol_operator_login.
    """
    settings = load(LoginSettings)
    logs.set_up("database", settings.log_level)
    passwords = settings.passwords()
    if not passwords:
        raise TelekolError(
            "expected one or more of TELEKOL_INGEST_PASSWORD, TELEKOL_ALERTS_PASSWORD, "
            "TELEKOL_API_PASSWORD and TELEKOL_OPERATOR_PASSWORD, found none of them"
        )
    try:
        with psycopg.connect(
            settings.database_url.get_secret_value(), autocommit=True, connect_timeout=10
        ) as connection:
            logins.make(connection, passwords)
    except psycopg.OperationalError as error:
        raise TelekolError(
            f"cannot reach the database: {str(error).strip()}. "
            "Check TELEKOL_DATABASE_URL and that the server is running."
        ) from None
    names = ", ".join(logins.name_of(who) for who in passwords)
    Console().print(f"Logins are ready: {names}.", highlight=False)
