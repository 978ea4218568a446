"""``telekol gateway``: the command line of the home gateway."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import typer

from gateway import bond_commands, local_commands
from gateway.settings import EnrolmentSettings, GatewaySettings
from telekol import logs
from telekol.settings import load, variable_name

# At DEBUG these write every packet, over many lines and with the values in it.
_TALKATIVE: Final = ("bumble", "bleak")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(bond_commands.app, name="bonds")

local_commands.mount(app)


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
        None,
        help="mqtts://HOST:PORT, or mqtt:// on a closed network (TELEKOL_BROKER_URL).",
        show_default=False,
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

    Finds the devices of docs/devices.md by radio, keeps each reading on disk before the device
    may forget it, and sends it until the server has confirmed it. Runs until stopped by
    Ctrl-C or SIGTERM. An option given here wins over its environment variable.
    """
    given = {
        "gateway_id": gateway_id,
        "gateway_outbox": outbox,
        "gateway_radio": radio,
        "broker_url": broker_url,
        "gateway_device_timezone": device_timezone,
        "log_level": log_level,
    }
    if context.invoked_subcommand is not None:
        _hand_on(given)
        return
    settings = load(GatewaySettings, **given)
    logs.set_up("gateway", settings.log_level)
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)
    # Loaded here, so that --help does not wait for the radio's libraries.
    from gateway import service  # noqa: PLC0415

    service.run(settings)


def _hand_on(given: Mapping[str, object]) -> None:
    """Let a subcommand read the group's options where it reads its settings: never ignored."""
    for name, value in given.items():
        if value is not None:
            os.environ[variable_name(name)] = str(value)


@app.command(
    epilog="Example: **telekol gateway enrol --id gw-aarhus-017 "
    "--key /var/lib/telekol/gateway.key**"
)
def enrol(
    gateway_id: str | None = typer.Option(
        None, "--id", help="This gateway's id (TELEKOL_GATEWAY_ID).", show_default=False
    ),
    key: Path | None = typer.Option(
        None, help="Where its key is kept (TELEKOL_BROKER_TLS_KEY).", show_default=False
    ),
    *,
    renew: bool = typer.Option(
        False, "--renew", help="Make a new key beside the one that is there."
    ),
) -> None:
    """Make this gateway's key and the request for its certificate.

    The key stays here. Whoever keeps the CA signs the request; the certificate's common name is
    the gateway's id, and the broker lets it onto that gateway's topics alone.
    """
    settings = load(EnrolmentSettings, gateway_id=gateway_id, broker_tls_key=key)
    from gateway import enrolment  # noqa: PLC0415 - as below: --help does not wait for libraries

    made = enrolment.enrol(settings.gateway_id, settings.broker_tls_key, renew=renew)
    typer.echo(enrolment.next_steps(made, settings.broker_tls_key))
