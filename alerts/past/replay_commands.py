"""``telekol replay``: recomputes stored findings from what was stored. Touches the process."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from psycopg import Connection
from rich.console import Console
from rich.progress import track
from rich.table import Table

from alerts.answers import replay as answer_replay
from alerts.database_commands import database
from alerts.in_use.rule_store import RuleSets
from alerts.past import replay_store
from alerts.past.replay import Difference, Report, replay
from telekol.errors import TelekolError

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

MOST_TOLD: Final = 1_000
"""Differences that are kept and listed; all are counted. One fault of ours makes very many."""

Patient = Annotated[UUID | None, typer.Option(help="Only this patient, by id.")]
Since = Annotated[
    datetime | None, typer.Option(help="Only what was judged from then on (UTC without an offset).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.command(name="replay")
def replay_findings(*, patient: Patient = None, since: Since = None, as_json: Json = False) -> None:
    """Recompute stored judgements and findings from what was stored with them.

    Each is judged again by the rule set as it was stored, over the readings that it names, with the
    limits and usual levels that were in force. Exit status 0 if all come out as they were found, 1
    if any differs. Reads TELEKOL_DATABASE_URL and changes nothing. What it prints is health data.
    """
    moment = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    with database("replay") as connection:
        report, count = _replay(connection, patient, moment, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(_document(report, count), indent=2, default=str))
    else:
        _print(report, count)
    raise typer.Exit(1 if count else 0)


def _replay(
    connection: Connection[Any], patient: UUID | None, since: datetime | None, *, quiet: bool
) -> tuple[Report, int]:
    """Replay patient by patient, each of one moment; give the report and all differences' count."""
    whom = replay_store.patients(connection, patient)
    if patient is not None and not whom:
        raise TelekolError(f"nothing was judged of a patient {patient}; check the id")
    rule_sets = RuleSets()
    whole, count = Report(), 0
    shown = track(whom, "Replaying", console=Console(stderr=True), disable=quiet)
    for one in shown:
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            record = replay_store.record_of(connection, one)
            known = replay_store.understood(connection, record, rule_sets)
            of_answers = answer_replay.replay(connection, one, since)
        report = replay(record, known, since)
        report.add(of_answers)
        count += len(report.differences)
        del report.differences[max(0, MOST_TOLD - len(whole.differences)) :]
        whole.add(report)
    return whole, count


def _document(report: Report, count: int) -> dict[str, Any]:
    return {
        "replayed": dict(report.replayed),
        "not_replayed": dict(report.left),
        "difference_count": count,
        "differences": [dataclasses.asdict(one) for one in report.differences],
    }


def _print(report: Report, count: int) -> None:
    console = Console()
    judgements, found = report.replayed["judgements"], report.replayed["findings"]
    console.print(f"Recomputed {judgements} judgements and {found} findings.")
    for rule, number in sorted(report.left.items()):
        console.print(f"Not recomputed here: {number} of {rule}.", markup=False)
    if not count:
        console.print("All came out as they were stored.")
        return
    console.print(f"{count} differences.", style="red")
    console.print(_table(report.differences))


def _table(differences: list[Difference]) -> Table:
    table = Table("patient", "quantity", "measured at", "finding", "what", "stored", "recomputed")
    for one in differences[:50]:
        table.add_row(*(str(getattr(one, field.name)) for field in dataclasses.fields(Difference)))
    return table
