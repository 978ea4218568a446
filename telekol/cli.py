"""The ``telekol`` command: one subcommand per service, found by entry point.

Owns only the frame. It imports no service: a subcommand is loaded when it is named, so a
home gateway, installed with the gateway's parts alone, never loads the server's code.
"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from telekol import __version__
from telekol.errors import TelekolError

GROUP: Final = "telekol.commands"


class ServiceGroup(TyperGroup):
    """Lists the installed services and loads the one that is asked for.

    Typer ships its own copy of click and names its classes nowhere public, hence ``Any``.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Name every service, installed or not."""
        return sorted({*super().list_commands(ctx), *_services()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load one service's command line."""
        service = _services().get(cmd_name)
        if service is None:
            return super().get_command(ctx, cmd_name)
        try:
            command = typer.main.get_command(service.load())
        except ModuleNotFoundError as error:
            command = _absent(cmd_name, error)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=ServiceGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Tele-KOL: home monitoring for people with COPD.\n\n"
        "Each service is a subcommand. They are configured by environment variables named "
        "TELEKOL_..., listed in docs/settings.md. Not CE-marked, not an emergency service."
    ),
)


@app.callback(invoke_without_command=True)
def frame(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    """Frame of the command; the services are its subcommands."""
    if version:
        typer.echo(f"telekol {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; an error of ours is one message and exit status 2."""
    try:
        app()
    except TelekolError as error:
        Console(stderr=True).print(f"telekol: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)


def _services() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _absent(name: str, error: ModuleNotFoundError) -> Any:
    """Stand in for a service whose parts are not installed on this machine."""
    absent = typer.Typer(add_completion=False)

    @absent.command(help=f"(not installed: {error.name} is missing)")
    def explain() -> None:
        raise TelekolError(
            f"'{name}' needs the package {error.name!r}, which is not installed here; "
            f"install tele-kol[{name}]"
        )

    return typer.main.get_command(absent)
