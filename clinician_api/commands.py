"""``telekol api``: serves the clinicians' board.

Touches the process: the server, its log and its signals.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
from rich.console import Console

from clinician_api.app import create_app
from clinician_api.hub import Hub
from clinician_api.settings import ApiSettings
from telekol import logs
from telekol.errors import TelekolError
from telekol.settings import load

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class BoardServer(uvicorn.Server):
    """A server that ends the open boards' streams first, or it would wait for them.

    Being asked to stop is no failure: uvicorn raises the signal again when it has stopped, and
    a supervisor would read that as a crash, so it is forgotten here.
    """

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then stop as usual."""
        self._hub.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take SIGTERM and SIGINT while serving; the process then ends with status 0."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def server(settings: ApiSettings) -> BoardServer:
    """Build the server; it is not started."""
    application = create_app(settings)
    config = uvicorn.Config(
        application,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,  # ours, on standard error; addresses in it hold ids and no names
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return BoardServer(config, application.state.house.hub)


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Overrides TELEKOL_API_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides TELEKOL_API_PORT.")] = None,
) -> None:
    """Serve the triage board, the patients' pages and the JSON API.

    Reads TELEKOL_DATABASE_URL, TELEKOL_API_SECRET and TELEKOL_API_DEMO_SIGN_IN. The database
    may be away when it starts: the pages say so until it is back.
    """
    settings = load(ApiSettings, api_host=host, api_port=port)
    logs.set_up("api", settings.log_level)
    with _bind(settings) as bound:
        address, bound_port = bound.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        Console(stderr=True).print(f"Board at http://{shown}:{bound_port}/", highlight=False)
        asyncio.run(server(settings).serve(sockets=[bound]))


def _bind(settings: ApiSettings) -> socket.socket:
    """Take the port before anything starts, so that a taken one is one clear message."""
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        return socket.create_server((settings.api_host, settings.api_port), family=family)
    except OSError as error:
        raise TelekolError(
            f"cannot listen on {settings.api_host}:{settings.api_port}: {error.strerror}. "
            "Stop what is using the port, or set TELEKOL_API_PORT to another."
        ) from None
