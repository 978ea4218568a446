"""``telekol sim faults`` and ``telekol sim devices``: what can fail, and what there is.

Owns how the two tables are printed. Must not know what is behind them.
"""

from __future__ import annotations

import json
import textwrap
from typing import Annotated, Final

import typer

from device_sim.errors import SimulatorError
from device_sim.faults import FAULTS, Fault, described, possible
from device_sim.kit import KINDS, traits_by_kind

WIDTH: Final = 96


def faults(
    name: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="As one JSON list, for programs.")
    ] = False,
) -> None:
    """List the faults that a simulated device can have, and what the server must then show.

    A fault is switched on over the control port, for example {"command": "fault", "home":
    "gateway-0001", "device": "scale", "name": "wrong-person", "weight_kg": 18}, and off with
    {"command": "heal", ...}.
    """
    chosen = [fault for fault in described(traits_by_kind()) if name in {None, fault["name"]}]
    if not chosen:
        raise SimulatorError(f"Expected a fault: {', '.join(FAULTS)}; found {name!r}.")
    if as_json:
        typer.echo(json.dumps(chosen, indent=2))
        return
    for fault in chosen:
        typer.echo(_told(fault["name"], FAULTS[fault["name"]], fault["devices"]))


def devices() -> None:
    """List the kinds of device a home can have, with what they measure."""
    for name, kind in KINDS.items():
        typer.echo(f"{name:20} {kind.says}")
        typer.echo(f"{'':20}measures {', '.join(sorted(kind.quantities))}")
        typer.echo(_wrapped("faults " + ", ".join(possible(kind.traits)), 20))


def _told(name: str, fault: Fault, kinds: list[str]) -> str:
    parameters = ", ".join(f"{key} ({value:g})" for key, value in fault.parameters.items())
    technical = "; somebody must be told" if fault.is_technical else ""
    lines = [
        name,
        _wrapped(fault.does, 4),
        *([_wrapped(f"parameters: {parameters}", 4)] if parameters else []),
        _wrapped(f"the server shows: {fault.server_shows}", 4),
        _wrapped(f"readings: {fault.readings.value}{technical}", 4),
        _wrapped(f"devices: {', '.join(kinds)}", 4),
    ]
    return "\n".join(lines)


def _wrapped(text: str, indent: int) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_on_hyphens=False,
    )
