"""``telekol sim fleet``: thousands of gateways without radio.

Owns this command's options. Must not know MQTT.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from device_sim import pace
from device_sim.errors import FleetError, ScenarioError
from device_sim.fleet import registration
from device_sim.fleet.delivery import Trouble
from device_sim.fleet.gateway import FleetOrder, gateway_id
from device_sim.fleet.line import Address
from device_sim.fleet.running import Fleet
from device_sim.physiology.profile import Profile
from device_sim.scenario import files
from device_sim.scenario.model import HomePart, PatientPart, Scenario
from telekol.topics import GATEWAY_ID_PATTERN
from telekol.wire import OBSERVATIONS_PER_MESSAGE

_MQTT_PORT: Final = 1883

EVERYBODY: Final = Scenario(
    title_da="En flåde",
    title_en="A fleet",
    text_da="Tilfældige borgere, der måler hver dag.",
    text_en="Random patients who measure every day.",
    days=7,
    homes=(HomePart(patients=(PatientPart(type="random"),)),),
)
"""What a fleet lives when no scenario is named."""


def fleet(
    *,
    gateways: Annotated[int, typer.Option(min=1, max=100_000, help="How many gateways.")] = 100,
    broker: Annotated[
        str, typer.Option(metavar="URL", help="Where the MQTT broker is.")
    ] = "mqtt://127.0.0.1:1883",
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="The story; each gateway lives one of its homes, in turn. Left out: random "
            "patients who measure every day.",
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=400, help="Length, in place of the story's own.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Seconds of the story in a second: 3600 is an hour a second.")
    ] = 3600.0,
    seed: Annotated[int | None, typer.Option(help="Same seed, same patients and values.")] = None,
    connections: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Carry all gateways on so many MQTT connections. Left out: one each, as in life. "
            "A broker that lets a gateway speak only for itself needs one each.",
        ),
    ] = None,
    twice: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the messages that are sent twice.")
    ] = 0.02,
    overtaken: Annotated[
        float,
        typer.Option(min=0, max=1, help="Part of the messages that are sent after the next one."),
    ] = 0.05,
    batch: Annotated[
        int, typer.Option(min=1, max=OBSERVATIONS_PER_MESSAGE, help="Most readings in a message.")
    ] = OBSERVATIONS_PER_MESSAGE,
    resend_s: Annotated[
        float, typer.Option(min=0.1, help="Wait so long for a receipt before sending again.")
    ] = 15.0,
    drain_s: Annotated[
        float, typer.Option(min=0, help="Wait so long at the end for the last receipts.")
    ] = 60.0,
    oracle: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write every emitted reading here, as JSON lines."),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the summary here too, as JSON.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="What gateway ids begin with.")] = "fleet",
    seed_sql: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            allow_dash=True,
            help="Write the SQL that registers these gateways and their patients, and stop; - is "
            "the standard output.",
        ),
    ] = None,
) -> None:
    """Run thousands of gateways over MQTT, without radio: out of order, twice, late in batches.

    Every gateway speaks the real wire: its own boot id, numbered readings, and the same again until
    a receipt comes. The server must know them first, or it puts their readings in quarantine:

        telekol sim fleet --gateways 2000 --seed-sql fleet.sql
        psql "$TELEKOL_DATABASE_URL" -f fleet.sql
        telekol sim fleet --gateways 2000 --speed 86400 --oracle emitted.jsonl

    The story lies in the past and ends now, since a server dates readings from the future anew.
    It is told at --speed until it has caught up with the present.

    At the end a summary is printed as JSON. The exit status is 0 only if every reading has its
    receipt and none was refused. Some thousands of connections need `ulimit -n` above that, here
    and at the broker.
    """
    story = _story(scenario, days, seed)
    _check_prefix(prefix)
    if seed_sql is not None:
        _write_sql(seed_sql, story, gateways, prefix)
        return
    order = FleetOrder(
        address=_address(broker),
        scenario=story,
        pace=pace.fit(datetime.now(UTC), story.days, speed, story.start),
        gateways=gateways,
        prefix=prefix,
        connections=connections,
        trouble=Trouble(twice, overtaken, batch, resend_s),
        drain_s=drain_s,
        oracle=oracle,
    )
    found = asyncio.run(_run(order))
    text = json.dumps(found, indent=1)
    if summary is not None:
        summary.write_text(text + "\n", encoding="utf-8")
    typer.echo(text)
    sys.exit(1 if found["without_receipt"] or found["refused"] else 0)


async def _run(order: FleetOrder) -> dict[str, object]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await Fleet(order).run(stop)


def _story(scenario: str | None, days: int | None, seed: int | None) -> Scenario:
    story = EVERYBODY if scenario is None else files.load(scenario)
    changed = {"days": days, "seed": seed}
    given = {name: value for name, value in changed.items() if value is not None}
    try:
        return Scenario.model_validate(story.model_dump(by_alias=True) | given)
    except ValidationError as error:
        said = error.errors(include_url=False, include_context=False)[0]["msg"]
        raise ScenarioError(f"The story does not fit --days {days}: {said}.") from error


def _check_prefix(prefix: str) -> None:
    if not re.match(GATEWAY_ID_PATTERN, gateway_id(prefix, 1)):
        raise FleetError(
            f"Expected --prefix of lower-case letters, digits and hyphens, at most 50; "
            f"found {prefix!r}."
        )


def _address(url: str) -> Address:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme == "mqtt" and parts.hostname:
            return Address(parts.hostname, parts.port or _MQTT_PORT)
    raise FleetError(f"Expected --broker like mqtt://127.0.0.1:1883, found {url!r}.")


def _write_sql(path: Path, story: Scenario, gateways: int, prefix: str) -> None:
    text = "\n".join(registration.statements(_homes(story, gateways, prefix))) + "\n"
    if str(path) == "-":
        typer.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FleetError(
            f"Expected to write SQL to {path}; the system said: {error.strerror}. Give a file in a "
            "folder that you may write."
        ) from error


def _homes(story: Scenario, gateways: int, prefix: str) -> Iterator[tuple[str, Profile]]:
    for number in range(1, gateways + 1):
        gateway = gateway_id(prefix, number)
        home = story.homes[(number - 1) % len(story.homes)]
        yield gateway, home.patients[0].profile(story.seed, f"{gateway}/1")
