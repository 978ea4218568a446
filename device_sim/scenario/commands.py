"""``telekol sim list``, ``show`` and ``run``: stories.

Owns these commands' options and what they print.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from device_sim import pace
from device_sim.control_server import ControlServer
from device_sim.emission import EmissionLog
from device_sim.errors import ScenarioError
from device_sim.physiology.living import HOME_ZONE
from device_sim.scenario import files
from device_sim.scenario.model import Scenario
from device_sim.scenario.stage import BrokerAddress, Stage, check, told
from device_sim.scenario.timeline import unfold

_MQTT_PORT: Final = 1883
HIGHEST_PORT: Final = 65535

Story = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A story of the gallery, or a TOML file.")
]


def list_stories() -> None:
    """List the gallery: each story's name and title."""
    for name in files.names():
        story = files.load(name)
        typer.echo(f"{name:20} {story.title_en}  ({story.title_da})")


def show(
    story: Story,
    *,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Print everything that happens, in order.")
    ] = False,
) -> None:
    """Tell a story: what it is, what the triage board shall show, and what happens when.

    Also checks a file of your own: what is wrong is said with its line.
    """
    found = files.load(story)
    check(found, has_broker=True)
    typer.echo(f"{found.title_en}\n\n{found.text_en}\n\n{found.title_da}\n\n{found.text_da}\n")
    first = pace.fit(datetime.now(UTC), found.days, 1, found.start).first_day
    happenings = unfold(found, first)
    devices = ", ".join(sorted({each.device for each in happenings if each.device}))
    count = len(found.homes)
    homes = "1 home" if count == 1 else f"{count} homes"
    typer.echo(f"{found.days} days from {first}, {homes}, {devices}.")
    if timeline:
        for each in happenings:
            at = each.at.astimezone(HOME_ZONE)
            typer.echo(f"{at:%Y-%m-%d %H:%M %Z} {each.home} {told(each)}")


def run(
    story: Story,
    *,
    speed: Annotated[
        float,
        typer.Option(help="Seconds of the story in a second: 86400 is a day a second, 1 is life."),
    ] = 86400.0,
    seed: Annotated[int | None, typer.Option(help="In place of the story's own.")] = None,
    base_port: Annotated[
        int,
        typer.Option(
            min=0, max=HIGHEST_PORT, help="Port of the first home, then upwards; 0: any free."
        ),
    ] = 9001,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Offer each home a line to this broker that the story can cut, as "
            "mqtt://127.0.0.1:1883.",
        ),
    ] = None,
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
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep the homes running after the story's end.")
    ] = False,
) -> None:
    """Play a story with homes on the virtual radio, for real gateway processes to read.

    The moniker for each gateway is printed, as with plain homes. The story lies in the past and
    its last day is today, unless it has a `start` of its own. It is told at --speed until it has
    caught up with the present, and from there as fast as life: a device that measured in the
    future would be taken for one with a wrong clock. Each device remembers what it measured, with
    the story's time, so the board shows the readings on the days they belong to, as late ones.

    Ends when everything is delivered. A story whose last day is today ends with the day, since the
    rest comes at its hour; Ctrl-C ends it before.
    """
    found = files.load(story)
    if seed is not None:
        found = found.model_copy(update={"seed": seed})
    with contextlib.closing(EmissionLog(emissions)) as log:
        asyncio.run(_run(found, speed, base_port, _address(broker), control, log, stay=stay))


async def _run(
    story: Scenario,
    speed: float,
    base_port: int,
    broker: BrokerAddress | None,
    control: int | None,
    log: EmissionLog,
    *,
    stay: bool,
) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    drawn = pace.fit(datetime.now(UTC), story.days, speed, story.start)
    stage = Stage(story, drawn, log, broker=broker, say=typer.echo)
    server = ControlServer(stage.homes, ended)
    try:
        await stage.start(base_port)
        if control is not None:
            typer.echo(f"control 127.0.0.1:{await server.start(control)}")
        typer.echo("ready")
        telling = asyncio.create_task(_tell(stage, story, speed, stay=stay))
        stopped = asyncio.create_task(ended.wait())
        await asyncio.wait({telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (telling, stopped):
            task.cancel()
        if telling.done() and not telling.cancelled():
            telling.result()
    finally:
        await server.close()
        await stage.close()


async def _tell(stage: Stage, story: Scenario, speed: float, *, stay: bool) -> None:
    # The clock of the story starts now, not when the homes began to start.
    now = datetime.now(UTC)
    await stage.play(pace.fit(now, story.days, speed, story.start))
    typer.echo("told")
    await stage.drained()
    typer.echo("delivered")
    if stay:
        await asyncio.Event().wait()


def _address(url: str | None) -> BrokerAddress | None:
    if url is None:
        return None
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme == "mqtt" and parts.hostname:
            return BrokerAddress(parts.hostname, parts.port or _MQTT_PORT)
    raise ScenarioError(f"Expected --broker like mqtt://127.0.0.1:1883, found {url!r}.")
