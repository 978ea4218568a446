"""``telekol sim``: homes without hardware, each behind an HCI moniker.

Owns the command line of the simulator. Must not know how homes work inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from device_sim.control_server import ControlServer
from device_sim.emission import EmissionLog
from device_sim.home import Home

HIGHEST_PORT: Final = 65535


class Plan(NamedTuple):
    """What the options say."""

    homes: int
    seed: int
    interval_s: float
    base_port: int
    control: int | None


app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.command()
def sim(
    homes: Annotated[int, typer.Option(min=1, max=500, help="How many homes.")] = 1,
    seed: Annotated[int, typer.Option(help="Same seed, same patients and values.")] = 1,
    interval_s: Annotated[
        float,
        typer.Option(min=0, help="Seconds between measurements of a home; 0: only on command."),
    ] = 60.0,
    base_port: Annotated[
        int,
        typer.Option(
            min=0, max=HIGHEST_PORT, help="Port of the first home, then upwards; 0: any free."
        ),
    ] = 9001,
    control: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=HIGHEST_PORT,
            help="Take commands as JSON lines on this port of 127.0.0.1; 0: any free.",
        ),
    ] = None,
    emissions: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Append every measurement's life to this JSON-lines file."
        ),
    ] = None,
) -> None:
    """Run simulated homes: virtual Bluetooth devices behind real HCI, no hardware needed.

    Each home has a pulse oximeter, a scale and a patient. Its gateway's Bluetooth controller
    is offered on TCP; the moniker to give to the gateway is printed, one line per home.

    **Examples**

    One home that measures each minute:

        telekol sim

    Ten homes, measuring each five seconds, everything sent written down:

        telekol sim --homes 10 --interval-s 5 --emissions emissions.jsonl

    Nothing measured but on command (see `device_sim/control.py` for the commands):

        telekol sim --interval-s 0 --control 9100
    """
    if base_port and base_port + homes - 1 > HIGHEST_PORT:
        raise typer.BadParameter(
            f"Expected {homes} ports from {base_port} up, but {HIGHEST_PORT} is the highest.",
            param_hint="--base-port",
        )
    with contextlib.closing(EmissionLog(emissions)) as log:
        asyncio.run(_run(Plan(homes, seed, interval_s, base_port, control), log))


async def _run(plan: Plan, log: EmissionLog) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(stop, ended.set)
    homes: dict[str, Home] = {}
    control = ControlServer(homes, ended)
    try:
        for number in range(1, plan.homes + 1):
            home = Home(number, log, seed=plan.seed)
            homes[home.gateway_id] = home
            await home.start(plan.base_port and plan.base_port + number - 1)
            typer.echo(f"home {home.gateway_id} {home.moniker}")
        if plan.control is not None:
            typer.echo(f"control 127.0.0.1:{await control.start(plan.control)}")
        typer.echo("ready")
        if plan.interval_s:
            for home in homes.values():
                home.start_measuring(plan.interval_s)
        await ended.wait()
    finally:
        await control.close()
        for home in homes.values():
            await home.close()
