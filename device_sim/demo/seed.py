"""``python -m device_sim.demo.seed``: puts the invented patients of simulated homes in.

For a server that runs in containers, where nothing else of the demo is installed; safe to run
again. The homes are those of ``telekol sim``: gateway-0001 and up. Touches the database.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from device_sim.demo import seeding
from device_sim.patient import Physiology
from telekol.errors import TelekolError
from telekol.settings import DatabaseSettings, load

USUAL_WEIGHT_KG: Final = Physiology().weight_kg
"""What the simulator's patients weigh; the limits of weight are set around it."""


def main(
    homes: Annotated[int, typer.Option(min=1, max=500, help="How many simulated homes.")] = 1,
) -> None:
    """Put the invented patients, kits and limits of simulated homes into the database."""
    url = load(DatabaseSettings).database_url.get_secret_value()
    gateways = [f"gateway-{number:04d}" for number in range(1, homes + 1)]
    added = seeding.seed(url, seeding.homes_of(gateways, [USUAL_WEIGHT_KG] * homes))
    typer.echo(f"{len(added)} of {homes} homes were new.")


if __name__ == "__main__":
    try:
        typer.run(main)
    except TelekolError as error:
        raise SystemExit(str(error)) from None
