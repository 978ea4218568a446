"""``telekol sim``: homes without hardware, each behind an HCI moniker; and its subcommands.

Owns the command line of the simulator. Must not know how homes work inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from device_sim.cohort_command import cohort
from device_sim.control_server import ControlServer
from device_sim.emission import EmissionLog
from device_sim.fleet.commands import fleet
from device_sim.home import Home
from device_sim.kit import DEFAULT_KIT, KINDS, named
from device_sim.listing_commands import devices as list_devices
from device_sim.listing_commands import faults
from device_sim.real_adapter import RealAdapter
from device_sim.scenario.commands import list_stories, run, show

HIGHEST_PORT: Final = 65535


class Plan(NamedTuple):
    """What the options say."""

    homes: int
    seed: int
    interval_s: float
    base_port: int
    control: int | None
    devices: tuple[str, ...] = DEFAULT_KIT
    hci: str | None = None


app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def sim(
    context: typer.Context,
    *,
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
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind of device that each home has, given once for each; see `sim devices`. "
            "Without it, oximeter and scale."
        ),
    ] = None,
    hci: Annotated[
        str | None,
        typer.Option(
            help="Put one device on a real Bluetooth controller, for example usb:0, instead of a "
            "virtual radio, for a phone or a bought gateway to read. Needs one --device."
        ),
    ] = None,
) -> None:
    """Everything outside the gateway, in software: radio, devices, patients, homes, whole fleets.

    Without a subcommand, homes run until Ctrl-C. Each has a pulse oximeter, a scale and a patient;
    its gateway's Bluetooth controller is offered on TCP, and the moniker to give to the gateway is
    printed, one line for each home. Everybody and everything is invented.

    **Homes on a virtual radio**, which a real gateway process reads:

        telekol sim                                       one home that measures each minute

        telekol sim --homes 10 --interval-s 5 --emissions emissions.jsonl

        telekol sim --interval-s 0 --control 9100         nothing but on command

    The commands on the control port are JSON lines, such as {"command": "measure", "home":
    "gateway-0001", "device": "oximeter", "values": {"spo2": 84}}; `device_sim/control.py`
    describes them all.

    **Other devices, and faults**: `telekol sim devices` and `telekol sim faults` list them.

        telekol sim --device cuff --device nonin-3230 --control 9100

    **A real controller** for one device, which a phone or a bought gateway can read:

        telekol sim --hci usb:0 --device scale

    **Stories**, each with what the triage board shall show: `telekol sim list`, `telekol sim show
    sudden-fall`, `telekol sim run sudden-fall`. A story is a TOML file that you can write yourself.

    **Fleets** of thousands of gateways over MQTT, without radio: `telekol sim fleet`.

    **Patient-years in files**, with their truth, to score rules by: `telekol sim cohort`.

    docs/simulator.md tells more: the patients, where their numbers come from, the scenario files.
    """
    if context.invoked_subcommand is not None:
        return
    if base_port and base_port + homes - 1 > HIGHEST_PORT:
        raise typer.BadParameter(
            f"Expected {homes} ports from {base_port} up, but {HIGHEST_PORT} is the highest.",
            param_hint="--base-port",
        )
    kit = tuple(device or DEFAULT_KIT)
    named(kit)
    if hci is not None:
        _check_one_device(device or [], homes)
    plan = Plan(homes, seed, interval_s, base_port, control, kit, hci)
    with contextlib.closing(EmissionLog(emissions)) as log:
        asyncio.run(_run(plan, log))


def _check_one_device(devices: list[str], homes: int) -> None:
    """Refuse what one controller cannot carry."""
    if len(devices) != 1 or homes != 1:
        raise typer.BadParameter(
            f"Expected one home and one --device, found {homes} and {len(devices)}: a controller "
            f"has one identity. Choose one of {', '.join(KINDS)}; another controller can carry "
            "another device.",
            param_hint="--hci",
        )
    if not KINDS[devices[0]].is_on_air:
        raise typer.BadParameter(
            f"Expected a device of Bluetooth Low Energy; {devices[0]} speaks over a serial port or "
            "hands in documents, which it does without --hci.",
            param_hint="--device",
        )


app.command("list")(list_stories)
app.command("show")(show)
app.command("run")(run)
app.command("fleet")(fleet)
app.command("cohort")(cohort)
app.command("faults")(faults)
app.command("devices")(list_devices)


async def _run(plan: Plan, log: EmissionLog) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(stop, ended.set)
    homes: dict[str, Home] = {}
    control = ControlServer(homes, ended)
    try:
        for number in range(1, plan.homes + 1):
            home = _home(number, plan, log)
            homes[home.gateway_id] = home
            await home.start(plan.base_port and plan.base_port + number - 1)
            typer.echo(f"home {home.gateway_id} {home.moniker}")
            for line in _serial_ports(home):
                typer.echo(line)
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


def _home(number: int, plan: Plan, log: EmissionLog) -> Home:
    radio = RealAdapter(plan.hci) if plan.hci else None
    return Home(number, log, seed=plan.seed, devices=plan.devices, radio=radio)


def _serial_ports(home: Home) -> list[str]:
    """Tell where the devices are that no radio carries."""
    return [
        f"port {home.gateway_id} {name} {device.where}"
        for name, device in home.devices.items()
        if device.where != device.address
    ]
