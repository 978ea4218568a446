"""``telekol homes``: what is wrong in homes now, for people who mend it. Touches PostgreSQL.

Lists what the technical rule says of every home, also of kits that nobody has: those have no
patient, so no finding and no row on the board.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import psycopg
import typer

from alerts.technical import desk, words
from alerts.technical.desk import Standing
from telekol.errors import TelekolError
from telekol.settings import DatabaseSettings, load

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

CONNECT_TIMEOUT_S: Final = 5


@app.command()
def homes(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """List what is wrong in homes now, by the same rule as the board's technical cases.

    A kit that nobody has stands here too, marked so; that it is silent is no trouble then. Reads
    TELEKOL_DATABASE_URL.
    """
    found = _standing(load(DatabaseSettings).database_url.get_secret_value())
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo("Nothing is wrong in any home that is known here.")
    for one in found:
        typer.echo(_line(one))


def _standing(url: str) -> list[Standing]:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            return desk.standing(connection, datetime.now(UTC))
    except psycopg.OperationalError as error:
        raise TelekolError(f"the database is away: {str(error).strip()}") from None


def _line(one: Standing) -> str:
    said = words.stands(one.key.code, one.key.device, one.time.start)
    has = "with a patient" if one.home.patient_id else "with nobody"
    return f"{one.home.kit or '-'}  {one.key.gateway}  ({has})  {one.key.code}: {said.english}"


def _plain(one: Standing) -> dict[str, Any]:
    said = words.stands(one.key.code, one.key.device, one.time.start)
    return {
        "kit": one.home.kit,
        "gateway": one.key.gateway,
        "with_patient": one.home.patient_id is not None,
        "code": one.key.code,
        "device": one.key.device or None,
        "since": one.time.start.isoformat(),
        "reason_da": said.danish,
        "reason_en": said.english,
    }
