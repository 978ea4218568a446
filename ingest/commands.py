"""``telekol ingest``: the process that stores what homes send."""

from __future__ import annotations

import typer

from ingest import service
from ingest.settings import IngestSettings
from telekol import logs
from telekol.process import StopSignal
from telekol.settings import load

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def ingest() -> None:
    """Store what homes send, each reading once, and answer with receipts.

    Reads TELEKOL_DATABASE_URL, TELEKOL_BROKER_URL and TELEKOL_INGEST_...; runs until stopped.
    A message that cannot be read goes to the quarantine table with the reason and its bytes.
    When the database is away it holds what it has; when the broker is away it tries again.
    """
    settings = load(IngestSettings)
    logs.set_up("ingest", settings.log_level)
    stop = StopSignal()
    stop.install()
    service.run(settings, stop)
