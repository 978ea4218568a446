"""Finds and reads scenario files, and says in which line something is wrong. Touches the disk.

Owns the gallery that comes with the simulator, and the way from a validation error to a line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from device_sim.errors import ScenarioError
from device_sim.scenario.model import Scenario

GALLERY: Final = Path(__file__).resolve().parent.parent / "scenarios"

_TABLE: Final = re.compile(r"^\s*\[\[?\s*([\w.\-]+)\s*\]\]?")
_KEY: Final = re.compile(r"^\s*([\w\-]+)\s*=")
_PATH_WORDS: Final = 6


def names() -> list[str]:
    """Name the stories of the gallery."""
    return sorted(path.stem for path in GALLERY.glob("*.toml"))


def load(name_or_path: str) -> Scenario:
    """Read a story of the gallery by its name, or any by its path.

    Raises
    ------
    ScenarioError
        With the line, what was expected there, and what was found.
    """
    path = GALLERY / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(
            f"Expected a story of the gallery ({', '.join(names())}) or a TOML file; "
            f"found {name_or_path!r}, which cannot be read: {error}."
        ) from error
    return parse(text, path.name)


def parse(text: str, name: str = "scenario") -> Scenario:
    """Read a story from its text."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name} is not TOML: {error}. Mend that place.") from error
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{name}, line {line_of(text, item['loc'])}: {_in_words(item['loc'], item['msg'])}"
            for item in _own(error.errors(include_url=False, include_context=False))
        ]
        more = "" if len(problems) <= 8 else f"\n... and {len(problems) - 8} more"
        raise ScenarioError("\n".join(problems[:8]) + more) from error


def line_of(text: str, location: Sequence[str | int]) -> int:
    """Find the line of a field: its own, or that of the nearest part around it."""
    best, best_length = 1, 0
    here: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if table := _TABLE.match(line):
            here = _opened(table[1].split("."), counts, is_array=line.lstrip().startswith("[["))
            found = here
        elif key := _KEY.match(line):
            found = (*here, key[1])
        else:
            continue
        if len(found) > best_length and tuple(location[: len(found)]) == found:
            best, best_length = number, len(found)
    return best


def _opened(
    words: list[str], counts: dict[tuple[str | int, ...], int], *, is_array: bool
) -> tuple[str | int, ...]:
    """Give the place that a table's head opens; an array of tables counts on."""
    place: tuple[str | int, ...] = ()
    for number, word in enumerate(words):
        place = (*place, word)
        is_last = number == len(words) - 1
        if is_last and is_array:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
            if is_last and is_array:
                _forget_within(place, counts)
    return place


def _forget_within(place: tuple[str | int, ...], counts: dict[tuple[str | int, ...], int]) -> None:
    for inner in [each for each in counts if each[: len(place)] == place]:
        del counts[inner]


def _own(found: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what is only said because something within is wrong: a list without its items."""
    return [
        item
        for item in found
        if item["type"] != "too_short"
        or not any(_is_within(other["loc"], item["loc"]) for other in found)
    ]


def _is_within(inner: Sequence[str | int], outer: Sequence[str | int]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _in_words(location: Sequence[str | int], message: str) -> str:
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in location)
    said = message.removeprefix("Value error, ")
    if said == "Extra inputs are not permitted":
        said = "expected a field that exists here, found this one; docs/simulator.md shows them"
    if said == "Field required":
        said = "expected this field, found none"
    if said.startswith("Tuple should have at least 1 item"):
        said = "expected at least one, found none"
    said = said.replace("Input should be", "expected", 1)
    return f"{where or 'the story'}: {said}"
