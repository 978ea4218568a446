"""``telekol gateway submit``, ``enter`` and ``condition``: commands that ask the running gateway.

Owns what is printed and the exit status. Must not open the outbox: one process writes it.
"""

from __future__ import annotations

import json
import os
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from gateway.door.client import Reply, ask
from gateway.door.spirometry_document import LIMIT_BYTES, read_document, schema
from gateway.errors import DocumentError, GatewayError
from telekol.errors import SettingsError
from telekol.settings import variable_name

_OUTBOX = variable_name("gateway_outbox")

OutboxOption = Annotated[
    Path | None,
    typer.Option("--outbox", help=f"The running gateway's outbox ({_OUTBOX}).", show_default=False),
]


def mount(app: typer.Typer) -> None:
    """Add the commands to ``telekol gateway``."""
    app.command(epilog="Example: **telekol gateway submit session.json**")(submit)
    app.command(epilog="Example: **telekol gateway enter spo2=91 pulse_rate=88 body_weight=72,4**")(
        enter
    )
    app.command()(condition)


def submit(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Spirometry documents.", show_default=False)
    ] = None,
    *,
    outbox: OutboxOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the files; no gateway is asked.")
    ] = False,
    print_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of a document and stop.")
    ] = False,
) -> None:
    """Hand in spirometry documents (docs/spirometry-document.md).

    Handed in twice, a session is one. Prints a line of JSON for each file; exits with 1 if one
    was refused, and with 2 if no gateway runs.
    """
    if print_schema:
        typer.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
        return
    if not files:
        raise typer.BadParameter("expected at least one file")
    place = None if check else _outbox(outbox)
    results = [_submit_one(file, place) for file in files]
    sys.exit(0 if all(results) else 1)


def _submit_one(file: Path, outbox: Path | None) -> bool:
    try:
        with file.open("rb") as opened:
            payload = opened.read(LIMIT_BYTES + 1)
    except OSError as error:
        return _say(file.name, None, {"error": f"cannot be read: {error.strerror}"})
    if outbox is not None:
        reply = ask(outbox, "POST", "/spirometry", payload)
        return _say(file.name, reply.status, reply.content)
    try:
        read_document(payload)
    except DocumentError as error:
        return _say(file.name, None, {"errors": [str(one) for one in error.troubles]})
    return _say(file.name, HTTPStatus.OK, {"errors": []})


def _say(name: str, status: HTTPStatus | None, content: dict[str, Any]) -> bool:
    is_good = status is not None and status < HTTPStatus.BAD_REQUEST
    told = {"file": name, "taken": is_good, **content}
    typer.echo(json.dumps(told, ensure_ascii=False), err=not is_good)
    return is_good


def enter(
    readings: Annotated[
        list[str],
        typer.Argument(metavar="QUANTITY=NUMBER", help="As spo2=91 or pef=5,2L/s."),
    ],
    *,
    outbox: OutboxOption = None,
    at: Annotated[
        str | None,
        typer.Option(help="When it was measured, as 2026-03-14T08:30; now if not given."),
    ] = None,
    by: Annotated[str, typer.Option(help="Who types: patient or nurse.")] = "patient",
    instrument: Annotated[str, typer.Option(help="What it was read off.")] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Keep unusual but possible numbers.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            help="Names this act of typing: the same key again is the same readings. Made up if "
            "not given.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Type in readings, as the patient or a visiting nurse.

    Decimal comma or point. An unusual number is asked back; **--confirm** keeps it if it is
    possible. Exits with 1 if something was asked back, and with 2 if no gateway runs.
    """
    form = {
        "key": key or str(uuid4()),
        "by": by,
        "instrument": instrument,
        "confirmed": confirm,
        "readings": dict(_pair(one) for one in readings),
    }
    if at is not None:
        form["at"] = at
    reply = ask(_outbox(outbox), "POST", "/readings", json.dumps(form).encode())
    sys.exit(0 if _say_typed(reply) else 1)


def _pair(text: str) -> tuple[str, str]:
    name, equals, number = text.partition("=")
    if not equals:
        raise GatewayError(f"expected QUANTITY=NUMBER as spo2=91, found {text!r}")
    return name.strip(), number.strip()


def _say_typed(reply: Reply) -> bool:
    is_good = reply.status < HTTPStatus.BAD_REQUEST
    for trouble in (*reply.content.get("errors", ()), *reply.content.get("conflicts", ())):
        # Danish first: it is for people in care.
        typer.echo(trouble["danish"], err=True)
        typer.echo(trouble["english"], err=True)
    if "error" in reply.content:
        typer.echo(reply.content["error"], err=True)
    if is_good:
        typer.echo(json.dumps(reply.content, ensure_ascii=False))
    return is_good


def condition(*, outbox: OutboxOption = None) -> None:
    """Say how the running gateway is: how many readings wait, and for how long."""
    reply = ask(_outbox(outbox), "GET", "/condition")
    typer.echo(json.dumps(reply.content, indent=2, ensure_ascii=False))
    sys.exit(0 if reply.status is HTTPStatus.OK else 1)


def _outbox(given: Path | None) -> Path:
    if given is None and os.environ.get(_OUTBOX):
        given = Path(os.environ[_OUTBOX])
    if given is None:
        raise SettingsError(f"{_OUTBOX} is not set: name the running gateway's outbox, or --outbox")
    return given.expanduser().absolute()
