"""``telekol questionnaires``: what is asked, and typing answers in. Touches the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from psycopg import Connection
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from alerts.answers import store as answer_store
from alerts.database_commands import database
from telekol.errors import TelekolError
from telekol.observation import Entry
from telekol.questionnaires import loading
from telekol.questionnaires.evaluation import Evaluation, evaluate
from telekol.questionnaires.loading import QuestionnaireError
from telekol.questionnaires.model import Choice, Number, Questionnaire

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Questionnaires: those of this release, those published, and answers typed in.\n\n"
        "`list`, `show` and `check` need no database; `list --published`, `publish` and `answer` "
        "read TELEKOL_DATABASE_URL. What the files may hold: docs/questionnaires.md."
    ),
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(help="Name of a shipped questionnaire, or a file.")]

NAME: Final = "questionnaires"

AHEAD_MOST_S: Final = 300.0
"""A clock may be off by minutes; answers of tomorrow are a slip of the hand."""


@app.command("list")
def list_questionnaires(
    *,
    published: Annotated[
        bool, typer.Option("--published", help="Those of the database, with their answers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the questionnaires of this release, or those in the database."""
    if published:
        with (
            database(NAME) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute(answer_store.SQL["every"]).fetchall()
    else:
        rows = [_listed(loading.load(name)) for name in loading.shipped_names()]
    if as_json:
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
        return
    if not rows:
        typer.echo("None was published. telekol questionnaires publish stores them.")
        return
    shown = ("id", "version", "title_en", "questions", "answered", "published_at")
    _print_table([{name: row[name] for name in shown if name in row} for row in rows])


@app.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """Show a questionnaire: its steps, where they lead, and what answers mean."""
    questionnaire = loading.load(name)
    if as_json:
        typer.echo(questionnaire.model_dump_json(indent=2))
        return
    typer.echo(f"{questionnaire.id} version {questionnaire.version}: {questionnaire.title.en}")
    typer.echo(f"Source: {questionnaire.source}")
    if questionnaire.licence is not None:
        typer.echo(f"Licence: {questionnaire.licence.holder}. {questionnaire.licence.note.en}")
    for step in questionnaire.steps:
        typer.echo(f"\n{step.id} ({step.kind}): {step.text.en}")
        for line in _ways(step):
            typer.echo(f"  {line}")


@app.command()
def check(name: Name) -> None:
    """Say whether a file can be used: no dangling step, no circle, every text in both languages."""
    questionnaire = loading.load(name)
    typer.echo(f"{questionnaire.id} version {questionnaire.version} can be used.")


@app.command()
def publish(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or files; all shipped ones if left out.")
    ] = None,
) -> None:
    """Store questionnaires in the database. Safe to run again; a version is never changed."""
    wanted = [loading.load(name) for name in names or loading.shipped_names()]
    with database(NAME) as connection, connection.transaction():
        for questionnaire in wanted:
            is_new = answer_store.publish(connection, questionnaire)
            state = "published" if is_new else "was there"
            typer.echo(f"{questionnaire.id} version {questionnaire.version}: {state}")


@app.command()
def answer(
    name: Annotated[str, typer.Argument(help="Name of a published questionnaire.")],
    answers: Annotated[
        list[str], typer.Argument(help="STEP=OPTION or STEP=NUMBER, for each question.")
    ],
    *,
    patient: Annotated[UUID, typer.Option(help="The patient's id. Never a name.")],
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"],
            help="When it was answered, with an offset, as 2026-11-22T09:30+01:00; else now.",
        ),
    ] = None,
    due: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"],
            help="The deadline it was for; left out it was answered of one's own accord.",
        ),
    ] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Store it although answers are missing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Type a patient's answers in, as a nurse who asked. They are judged like any others.

    Answers that are none are refused and named. Example: `telekol questionnaires answer
    hovedstaden-kol --patient 6f1f... more-breathless=yes more-cough=no more-sputum=no
    sputum-colour=no`
    """
    now = datetime.now(UTC)
    answered_at = at or now
    if (answered_at - now).total_seconds() > AHEAD_MOST_S:
        raise QuestionnaireError(f"expected a time that has been, found {answered_at.isoformat()}")
    with database(NAME) as connection, connection.transaction():
        _must_exist(connection, patient)
        version = answer_store.newest_version(connection, name)
        questionnaire = answer_store.definition(connection, name, version)
        given = _given(questionnaire, answers)
        walked = evaluate(questionnaire, given)
        _refuse(walked, incomplete=incomplete)
        number, is_new = answer_store.store(
            connection,
            patient_id=patient,
            questionnaire=questionnaire,
            answers=given,
            answered_at=answered_at,
            received_at=now,
            entered=Entry.TYPED_BY_NURSE,
            due_at=due,
        )
    _tell_stored(number, is_new=is_new, walked=walked, as_json=as_json)


def _tell_stored(number: UUID, *, is_new: bool, walked: Evaluation, as_json: bool) -> None:
    if as_json:
        document = {
            "answer": str(number),
            "stored": is_new,
            "severity": walked.severity,
            "unanswered": walked.unanswered,
            "beside_path": walked.beside_path,
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    typer.echo(f"Stored as {number}; it is judged now." if is_new else f"{number} was there.")
    if walked.beside_path:
        typer.echo(f"Not asked on this path, so not counted: {', '.join(walked.beside_path)}")


def _given(questionnaire: Questionnaire, answers: list[str]) -> dict[str, Any]:
    steps = {step.id: step for step in questionnaire.steps}
    given: dict[str, Any] = {}
    for word in answers:
        name, equals, value = word.partition("=")
        if not equals or not value or name in given:
            raise QuestionnaireError(
                f"expected STEP=ANSWER, each step once, found {word!r}; "
                f"see telekol questionnaires show {questionnaire.id}"
            )
        given[name] = _value(steps.get(name), value)
    return given


def _value(step: object, text: str) -> str | int | list[str]:
    if isinstance(step, Number) and text.removeprefix("-").isdecimal():
        return int(text)
    if isinstance(step, Choice) and step.several:
        return text.split(",")
    return text


def _refuse(walked: Evaluation, *, incomplete: bool) -> None:
    if walked.invalid:
        raise QuestionnaireError("; ".join(map(str, walked.invalid)))
    if walked.unanswered and not incomplete:
        raise QuestionnaireError(
            f"missing: {', '.join(walked.unanswered)}. Ask them, or give --incomplete, which asks "
            "a person to look"
        )


def _must_exist(connection: Connection[Any], patient: UUID) -> None:
    if connection.execute(answer_store.SQL["patient"], {"id": patient}).fetchone() is None:
        raise TelekolError(f"expected a patient's id, found {patient}, which is nobody's")


def _ways(step: Any) -> Iterator[str]:
    match step:
        case Choice():
            for option in step.options:
                means = f" [{option.severity}]" if option.severity else ""
                yield f"{option.code}: {option.text.en}{means} -> {step.way(option)}"
        case Number():
            yield f"{step.lowest}-{step.highest} -> {step.next}"
        case _:
            yield " or ".join(f"-> {way}" for way in step.leads_to)


def _listed(questionnaire: Questionnaire) -> dict[str, Any]:
    return {
        "id": questionnaire.id,
        "version": questionnaire.version,
        "title_da": questionnaire.title.da,
        "title_en": questionnaire.title.en,
        "questions": len(questionnaire.questions),
        "source": questionnaire.source,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    table = Table()
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console().print(table, markup=False)


def _cell(value: object) -> str:
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else str(value)
