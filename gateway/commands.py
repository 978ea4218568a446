"""``telekol gateway``: the command line of the home gateway."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import typer

from gateway import bond_commands
from gateway.settings import GatewaySettings
from telekol import logs
from telekol.settings import load

# At DEBUG these write every packet, over many lines and with the values in it.
_TALKATIVE: Final = ("bumble", "bleak")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(bond_commands.app, name="bonds")


@app.callback(
    invoke_without_command=True,
    epilog="Example: **telekol gateway --id gw-aarhus-017 --outbox outbox.db "
    "--broker-url mqtt://127.0.0.1:1883 --radio tcp-client:127.0.0.1:6402**",
)
def run(
    context: typer.Context,
    gateway_id: str | None = typer.Option(
        None, "--id", help="This gateway's id (TELEKOL_GATEWAY_ID).", show_default=False
    ),
    outbox: Path | None = typer.Option(
        None, help="File that keeps readings (TELEKOL_GATEWAY_OUTBOX).", show_default=False
    ),
    radio: str | None = typer.Option(
        None,
        help="platform, usb:0, hci-socket:0 or tcp-client:HOST:PORT (TELEKOL_GATEWAY_RADIO; "
        "platform if not set).",
        show_default=False,
    ),
    broker_url: str | None = typer.Option(
        None, help="mqtt://HOST:PORT (TELEKOL_BROKER_URL).", show_default=False
    ),
    device_timezone: str | None = typer.Option(
        None,
        help="Time zone devices show (TELEKOL_GATEWAY_DEVICE_TIMEZONE; Europe/Copenhagen if "
        "not set).",
        show_default=False,
    ),
    log_level: str | None = typer.Option(
        None, help="DEBUG, INFO, WARNING or ERROR (TELEKOL_LOG_LEVEL).", show_default=False
    ),
) -> None:
    """Read the devices of one home and send their readings.

    Finds pulse oximeters and scales by radio, keeps each reading on disk before the device
    may forget it, and sends it until the server has confirmed it. Runs until stopped by
    Ctrl-C or SIGTERM. An option given here wins over its environment variable.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load(
        GatewaySettings,
        gateway_id=gateway_id,
        gateway_outbox=outbox,
        gateway_radio=radio,
        broker_url=broker_url,
        gateway_device_timezone=device_timezone,
        log_level=log_level,
    )
    logs.set_up("gateway", settings.log_level)
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)
    # Loaded here, so that --help does not wait for the radio's libraries.
    from gateway import service  # noqa: PLC0415

    service.run(settings)
