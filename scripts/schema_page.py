"""Writes docs/schema.md and its picture: ``python -m scripts.schema_page``.

They are made from a migrated database, which it starts and throws away. Owns the page's layout.
Every word about a table or column is its comment in the database, and which domain a table is of is
the module of telekol/tables/ that names it.
"""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import Connection
from sqlmodel import SQLModel

import telekol.tables  # noqa: F401 - registers the tables
from device_sim.demo.postgres import EmbeddedPostgres
from migrations.commands import run

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
PAGE: Final = DOCS / "schema.md"
PICTURE: Final = DOCS / "images" / "schema.svg"

_COLUMNS: Final = 4
_WIDTH: Final = 260
_GAP: Final = 60
_LINE: Final = 20
_HEAD: Final = """\
# Schema

Made by `make docs` from the comments in a migrated database; do not edit. Rows as objects are in
`telekol/tables/`, a module for each domain; constraints and triggers are in `migrations/versions/`.
An arrow goes from a table to the one it refers to.

![Tables by domain](images/schema.svg)

"""


def pages(connection: Connection[Any]) -> dict[Path, str]:
    """Write the page and the picture of the database behind `connection`."""
    domains = _domains()
    return {PAGE: _page(connection, domains), PICTURE: _picture(domains, _links(connection))}


def _domains() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mapper in SQLModel._sa_registry.mappers:  # type: ignore[attr-defined] # noqa: SLF001 - SQLModel names its registry nowhere public
        domain = mapper.class_.__module__.rpartition(".")[2].replace("_", " ")
        found.setdefault(domain, []).append(str(mapper.local_table.name))
    return {domain: sorted(found[domain]) for domain in sorted(found)}


def _links(connection: Connection[Any]) -> list[tuple[str, str]]:
    rows = connection.execute(
        "select distinct conrelid::regclass::text, confrelid::regclass::text "
        "from pg_constraint where contype = 'f' order by 1, 2"
    )
    return [(one, other) for one, other in rows]


def _page(connection: Connection[Any], domains: dict[str, list[str]]) -> str:
    parts = [_HEAD]
    for domain, tables in domains.items():
        parts.append(f"## {domain.capitalize()}\n\n")
        parts += [_table(connection, table) for table in tables]
    return "".join(parts).rstrip("\n") + "\n"


def _table(connection: Connection[Any], table: str) -> str:
    about = connection.execute(
        "select obj_description(%s::regclass, 'pg_class')", [table]
    ).fetchone()
    rows = connection.execute(
        "select attname, format_type(atttypid, null), attnotnull, "
        "col_description(attrelid, attnum) from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        [table],
    )
    lines = [_row(*row) for row in rows]
    head = f"### `{table}`\n\n{about[0] if about else ''}\n\n"
    return head + "| column | type | what it is |\n|---|---|---|\n" + "\n".join(lines) + "\n\n"


def _row(name: str, kind: str, needed: bool, said: str | None) -> str:
    about = (said or "").replace("|", "&#124;")
    return f"| `{name}` | {kind}{'' if needed else ', or null'} | {about} |"


def _picture(domains: dict[str, list[str]], links: list[tuple[str, str]]) -> str:
    """Draw a box for each domain with its tables, and a curve for each reference."""
    boxes: list[str] = []
    places: dict[str, tuple[int, int]] = {}
    bottoms = [_GAP] * _COLUMNS
    for domain, tables in domains.items():
        column = bottoms.index(min(bottoms))
        left, top = _GAP + column * (_WIDTH + _GAP), bottoms[column]
        height = _LINE * (len(tables) + 2)
        bottoms[column] += height + _GAP // 2
        boxes.append(_box(domain, tables, left, top, height))
        for number, table in enumerate(tables):
            places[table] = (left, top + _LINE * (number + 2))
    curves = [_curve(places[one], places[other]) for one, other in links if one != other]
    size = f"{_GAP + _COLUMNS * (_WIDTH + _GAP)} {max(bottoms)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif">\n'
        "<title>Tables by domain, with references</title>\n"
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#2b6cb0"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(boxes + curves)
        + "\n</svg>\n"
    )


def _box(domain: str, tables: list[str], left: int, top: int, height: int) -> str:
    names = "".join(
        f'<text x="{left + 14}" y="{top + _LINE * (number + 2) + 4}" font-size="13" '
        f'fill="#1a202c">{escape(table)}</text>'
        for number, table in enumerate(tables)
    )
    return (
        f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{height}" rx="6" fill="#f7fafc" '
        f'stroke="#718096"/><text x="{left + 10}" y="{top + 19}" font-size="14" '
        f'font-weight="bold" fill="#1a202c">{escape(domain)}</text>{names}'
    )


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """Leave a table on the side that faces the other; within a column, on the left."""
    (left, top), (to_left, to_top) = start, end
    if left == to_left:
        x, to_x, bend, to_bend = left, to_left, left - 40, to_left - 40
    elif left < to_left:
        x, to_x = left + _WIDTH, to_left
        bend, to_bend = x + 40, to_x - 40
    else:
        x, to_x = left, to_left + _WIDTH
        bend, to_bend = x - 40, to_x + 40
    return (
        f'<path d="M{x} {top}C{bend} {top} {to_bend} {to_top} {to_x} {to_top}" fill="none" '
        'stroke="#2b6cb0" stroke-opacity="0.45" marker-end="url(#to)"/>'
    )


def _main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="telekol-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        run(server.url().replace("postgresql://", "postgresql+psycopg://", 1))
        with psycopg.connect(server.url()) as connection:
            for path, text in pages(connection).items():
                path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _main()
