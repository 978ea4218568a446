"""``telekol alerts``: the process that judges readings."""

from __future__ import annotations

import typer

from alerts import service
from alerts.settings import AlertsSettings
from telekol import logs
from telekol.process import StopSignal
from telekol.settings import load

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def alerts() -> None:
    """Judge readings, answers and silence by rule sets; store findings, open and move cases.

    Reads TELEKOL_DATABASE_URL. Runs until stopped; several may run side by side. When the
    database is away it waits and tries again.
    """
    settings = load(AlertsSettings)
    logs.set_up("alerts", settings.log_level)
    stop = StopSignal()
    stop.install()
    service.run(settings, stop)
