"""``telekol demo``: the whole house on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from device_sim.demo import interruption
from device_sim.demo.broker import BrokerKind
from device_sim.demo.conductor import Conductor, Plan, write
from device_sim.demo.house import House, Size
from device_sim.demo.place import Place, choose_ports
from telekol.errors import TelekolError
from telekol.process import StopSignal

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

SERVICES = ("postgres", "broker", "ingest", "alerts", "api", "sim")


@app.command()
def demo(
    *,
    homes: Annotated[int, typer.Option(min=1, max=100, help="How many simulated homes.")] = 5,
    duration: Annotated[
        float | None,
        typer.Option(min=1, metavar="SECONDS", help="End by itself after this long, and report."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the report here, as JSON.")
    ] = None,
    interval: Annotated[
        float,
        typer.Option(min=2, metavar="SECONDS", help="Between two measurements of a home."),
    ] = 10.0,
    kill: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE@AT+FOR",
            help="Kill a service AT seconds into the demo and keep it away FOR seconds, "
            "e.g. ingest@20+10. A service is postgres, broker, ingest, alerts, api, sim or "
            "gateway-0001. May be given several times.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the board, if it is free.")
    ] = 8077,
    broker: Annotated[
        BrokerKind, typer.Option(help="auto is Mosquitto when installed, else iotcore's wheel.")
    ] = BrokerKind.AUTO,
    seed: Annotated[int, typer.Option(help="Same seed, same patients and values.")] = 1,
    folder: Annotated[
        Path,
        typer.Option(help="Where the demo keeps its data: new, empty or a demo's."),
    ] = Path(".demo"),
    reset: Annotated[
        bool, typer.Option("--reset", help="Remove the data of earlier demos, and stop.")
    ] = False,
) -> None:
    """Run the whole house on this machine: database, broker, services and simulated homes.

    Needs no root, no Docker and no Bluetooth. Prints one address to open. Ctrl-C stops every
    process it started; the data stays for the next start. All patients are invented.

    **Examples**

        telekol demo

        telekol demo --homes 10 --duration 60 --report report.json

        telekol demo --duration 60 --kill ingest@20+10

    With --duration the exit status is 0 only if every reading that a device emitted is stored
    exactly once.
    """
    place = Place(folder)
    if reset:
        there = place.folder.exists()
        place.remove()
        typer.echo(f"Removed {folder}." if there else f"There is no {folder}; nothing to remove.")
        return
    if report is not None and duration is None:
        raise TelekolError("--report needs --duration: the report is made when the demo ends")
    if report is not None and not report.absolute().parent.is_dir():
        raise TelekolError(f"expected --report in a folder that exists, found {report}")
    plan = Plan(duration, interval, [interruption.parse(text) for text in kill or []])
    _check_interruptions(plan, homes)
    with place:
        sys.exit(_run(place, plan, Size(homes, seed, broker), port, report))


def _run(place: Place, plan: Plan, size: Size, port: int, report_file: Path | None) -> int:
    console = Console()
    stop = StopSignal()
    stop.install()
    console.print("[bold]Tele-KOL[/bold] on this machine; everything here is invented.")
    ports = choose_ports(port, size.homes)
    if ports.api != port:
        console.print(f"  Port {port} is taken; the board is on {ports.api} instead.")
    with House(place, ports, size, console) as house:
        place.announce(house.address, broker=house.broker_url, database=house.url)
        console.print(f"\n  Open [bold cyan]{house.address}[/bold cyan]  (Ctrl-C stops it)\n")
        conductor = Conductor(house, plan, console, stop)
        try:
            conductor.play()
            if plan.duration_s is None or stop.is_set():
                console.print(
                    f"Stopping. The data stays in {place.folder.name}/; the next demo goes on "
                    "with it, and --reset removes it."
                )
                return 0
            return _report(conductor, console, report_file)
        finally:
            conductor.close()


def _report(conductor: Conductor, console: Console, file: Path | None) -> int:
    content = conductor.finish()
    if file is not None:
        write(file, content)
    console.print_json(json.dumps(content))
    complete = content["missing"] == 0 and content["duplicates"] == 0
    return 0 if complete else 1


def _check_interruptions(plan: Plan, homes: int) -> None:
    known = {*SERVICES, *(f"gateway-{n:04d}" for n in range(1, homes + 1))}
    for broken in plan.interruptions:
        if broken.service not in known:
            raise TelekolError(
                f"expected a service to kill out of {', '.join(sorted(known))}; "
                f"found {broken.service!r}"
            )
        if plan.duration_s is not None and broken.at_s >= plan.duration_s:
            raise TelekolError(
                f"expected {broken.service} to be killed before the demo ends after "
                f"{plan.duration_s:g} s, found {broken.at_s:g} s; nothing would be tested"
            )
