"""``telekol decode``: read one payload of a device as the gateway would.

Owns what is printed. Must not know a radio or a disk: it is for looking at bytes from a log, a
forum or a device on the table.

Invariant: a number is printed with the device's own digits, and what a flag refuses is told as
``refused`` and never as a reading.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated

import typer

from gateway.errors import ProfileError, UnknownProfileError
from gateway.profiles import PROFILES, Profile
from gateway.profiles.measurement import Measurement

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.command(epilog="Example: **telekol decode plx-spot-check 00cff34800**")
def decode(
    profile: Annotated[
        str | None,
        typer.Argument(help="Name of the layout; see --list.", show_default=False),
    ] = None,
    payload: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HEX", help="The bytes; case and spaces do not matter.", show_default=False
        ),
    ] = None,
    *,
    list_profiles: Annotated[
        bool, typer.Option("--list", help="List the layouts that can be read.")
    ] = False,
) -> None:
    """Decode the bytes of one measurement, and print it as JSON.

    Prints **readings** (quantity, value, unit), **device_time** (the device's own, without a
    zone) and **quality** (the names of its flags). If a flag says that the number cannot be
    the patient's, there is no reading and **refused** says why. Bytes that cannot be read are
    an error, with exit status 2.
    """
    if list_profiles:
        typer.echo("\n".join(known.name for known in PROFILES))
        return
    kind = _find(profile).kind
    typer.echo(json.dumps(_told(kind.from_bytes(_unhex(payload or []))), indent=2))


def _find(name: str | None) -> Profile:
    for profile in PROFILES:
        if profile.name == name:
            return profile
    names = ", ".join(profile.name for profile in PROFILES)
    raise UnknownProfileError(f"expected a profile: {names}; found {name or 'none'}")


def _unhex(parts: list[str]) -> bytes:
    text = "".join("".join(parts).split())
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ProfileError(
            f"expected bytes as pairs of hexadecimal digits, found {text!r}; "
            "an odd digit or another sign is among them"
        ) from None


def _told(measurement: Measurement) -> dict[str, object]:
    refused, device_time = measurement.refusal, measurement.device_time
    told: dict[str, object] = {
        "readings": [
            {"quantity": one.quantity, "value": _number(one.value), "unit": one.unit}
            for one in measurement.readings
            if refused is None
        ],
        "device_time": None if device_time is None else device_time.isoformat(),
        "quality": list(measurement.quality),
    }
    return told if refused is None else {**told, "refused": refused}


def _number(value: Decimal) -> int | float:
    """Give what JSON writes with the same digits: no device sends the 16 that a float lacks."""
    return int(value) if value == value.to_integral_value() else float(value)
