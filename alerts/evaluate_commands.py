"""``telekol evaluate``: judge a file of readings, without a database. Touches disk and terminal.

Owns options and output. Standard output is the JSON array and nothing else; notes and progress go
to standard error.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alerts import program, reading_table, told
from alerts.program import RuleOutcome
from alerts.reading_table import ReadingTable, TableError
from alerts.readings import Readings
from alerts.rules import judging
from alerts.rulesets import loading
from alerts.rulesets.model import RuleSet

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)

BLOCK_READINGS: Final = 16_384
"""Readings judged and written at a time: the answer to a year of 250 patients would be a gigabyte
if it were held at once."""

BLOCKS_AHEAD: Final = 2
"""One in work while one is written; more would only take memory."""

STDIN: Final = "-"


class Language(StrEnum):
    """What `reason` is in; `reason_da` and `reason_en` always stand beside it."""

    ENGLISH = "en"
    DANISH = "da"


@app.command(
    epilog="Example: **telekol evaluate readings.csv --rules every-family --every > findings.json**"
)
def evaluate(
    readings: Annotated[
        str,
        typer.Argument(
            metavar="READINGS.csv",
            help="Columns series,quantity,measured_at,value in any order; - for standard input.",
            show_default=False,
        ),
    ],
    *,
    rules: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A shipped rule set or a file of yours.")
    ] = loading.STANDARD,
    every: Annotated[
        bool, typer.Option("--every", help="Judge every reading, not only the last of each.")
    ] = False,
    language: Annotated[Language, typer.Option(help="Language of `reason`.")] = Language.ENGLISH,
) -> None:
    """Judge the readings of a file and print the findings as a JSON array.

    One object for each rule that is for a reading: **series**, **quantity**, **measured_at**,
    **value**, **rule**, **severity** (green, yellow, red, insufficient), **score**,
    **evidence**, **reason**, and what judged it. Without --every, the last reading of each
    series and quantity. Times need an offset; a bad row or rule is named by line and field,
    with exit status 2. See docs/rules.md.
    """
    rule_set = loading.load(rules)
    table = reading_table.parsed(_content(readings), readings)
    note = Console(stderr=True)
    for line in _notes(rule_set, table):
        note.print(line, markup=False, highlight=False)
    rows = table.readings.all_rows() if every else table.readings.last_rows()
    with _whole_output():
        _write(rule_set, table, rows, danish=language is Language.DANISH)


def _content(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise TableError(
            f"{name} cannot be read: {error.strerror}; expected a CSV file with the columns "
            f"{','.join(reading_table.COLUMNS)}"
        ) from None


def _notes(rule_set: RuleSet, table: ReadingTable) -> Iterator[str]:
    left_out = program.not_judged(rule_set)
    if left_out:
        ids = ", ".join(rule.id for rule in left_out)
        yield f"telekol: rules that need more than readings were left out: {ids}"
    if table.repeated:
        yield f"telekol: {table.repeated} rows say what another row says, and count once"
    if not len(table.readings):
        yield "telekol: the file holds no readings"


def _write(rule_set: RuleSet, table: ReadingTable, rows: NDArray[np.intp], *, danish: bool) -> None:
    """Write the array, a finding a line."""
    out, encoder = sys.stdout.buffer, msgspec.json.Encoder()
    before = b"[\n"
    with _progress(len(rows)) as progress:
        task = progress.add_task("judging", total=len(rows))
        for outcomes, judged in _judged(rule_set, table.readings, rows):
            findings = told.tell(
                rule_set, outcomes, table.readings, danish=danish, measured_at=table.measured_at
            )
            if findings:
                # JSON writes a line's end within a text as two signs, so these end findings.
                lines = encoder.encode_lines(findings).rstrip(b"\n").replace(b"\n", b",\n")
                out.write(before + lines)
                before = b",\n"
            progress.advance(task, judged)
    out.write(b"[]\n" if before == b"[\n" else b"\n]\n")
    out.flush()


def _judged(
    rule_set: RuleSet, readings: Readings, rows: NDArray[np.intp]
) -> Iterator[tuple[list[RuleOutcome], int]]:
    """Judge block by block, the next one while this one is put into words and written.

    NumPy lets go of the interpreter, so a second core does half of the work.
    """
    parts = deque(judging.blocks(len(rows), BLOCK_READINGS))
    with ThreadPoolExecutor(max_workers=1) as ahead:
        waiting: deque[tuple[Future[list[RuleOutcome]], int]] = deque()
        while parts or waiting:
            while parts and len(waiting) < BLOCKS_AHEAD:
                part = parts.popleft()
                future = ahead.submit(program.judge, rule_set, readings, rows[part])
                waiting.append((future, part.stop - part.start))
            future, count = waiting.popleft()
            yield future.result(), count


@contextmanager
def _progress(total: int) -> Iterator[Progress]:
    """Show how far it is, if a person looks and it takes more than a moment."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = console.is_terminal and total > BLOCK_READINGS
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not shown
    ) as progress:
        yield progress


@contextmanager
def _whole_output() -> Iterator[None]:
    """End quietly when the reader has seen enough, as in ``telekol evaluate ... | head``."""
    try:
        yield
    except BrokenPipeError:
        # Python would flush again at exit and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
