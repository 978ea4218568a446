"""``telekol rules publish``, ``use``, ``approve``: sets in the database. Touches the process."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from alerts.database_commands import database
from alerts.in_use import rule_store
from alerts.rulesets import loading

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a published rule set.")]
Version = Annotated[int | None, typer.Option(help="Which version; the newest if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def publish(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A shipped rule set or a file of yours.")
    ],
) -> None:
    """Store a rule set in the database, where it never changes. Running it again does nothing.

    Nobody uses it by that: see `telekol rules use`. A changed set needs a higher version.
    """
    rule_set = loading.load(name)
    with database("rules") as connection, connection.transaction():
        _, new = rule_store.publish(connection, rule_set)
    done = "published" if new else "was published before"
    typer.echo(f"{rule_set.name} version {rule_set.version} ({rule_set.fingerprint}) {done}.")


def published(*, as_json: Json = False) -> None:
    """List what is published, who approved it, and who uses it from when."""
    with database("rules") as connection:
        sets, uses = rule_store.listed(connection), rule_store.uses(connection)
    if as_json:
        typer.echo(json.dumps({"rule_sets": sets, "uses": uses}, indent=2, default=_plain))
        return
    console = Console()
    console.print(_table("Published", sets, ("name", "version", "fingerprint", "approved_by")))
    columns = ("name", "version", "programme_id", "team_id", "valid_from", "set_by")
    console.print(_table("In use", uses, columns))


def use(
    name: Name,
    *,
    version: Version = None,
    programme: Annotated[str | None, typer.Option(help="For this programme's patients.")] = None,
    team: Annotated[str | None, typer.Option(help="For this team's patients.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="From when on; from now if left out.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who does it; your user name if left out.")] = None,
) -> None:
    """Let a programme, a team, or everybody without one of those, use a rule set.

    What was measured before stays with the set that was in use then, also if it comes late.
    """
    moment = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    with database("rules") as connection, connection.transaction():
        chosen = rule_store.use(
            connection,
            name,
            by=by or getpass.getuser(),
            version=version,
            programme=programme,
            team=team,
            since=moment,
        )
    whom = f"programme {programme}" if programme else f"team {team}" if team else "all others"
    typer.echo(f"{name} version {chosen} is in use by {whom}.")


def approve(
    name: Name,
    *,
    by: Annotated[str, typer.Option(help="The physician who approves, by clinician id.")],
    version: Version = None,
) -> None:
    """Note that a physician approves a version of a rule set.

    Until then it is a template, and every finding made with it says so. Findings made before stay
    as they were found.
    """
    with database("rules") as connection, connection.transaction():
        chosen = rule_store.approve(connection, name, by, version)
    typer.echo(f"{name} version {chosen} is approved by {by}.")


def _table(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*("" if row[name] is None else _plain(row[name]) for name in columns))
    return table


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
