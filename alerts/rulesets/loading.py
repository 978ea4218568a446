"""Rule sets from files: shipped ones by name, others by path; what is wrong is named by its line.

The one module here that touches the disk.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from alerts.rulesets.model import RuleSet
from telekol.errors import TelekolError

STANDARD: Final = "kol-standard"
"""Used when nobody names another."""

MOST_SHOWN: Final = 10
"""Errors named one by one; more would scroll the first away."""

_SUFFIX: Final = ".toml"


class RuleSetError(TelekolError):
    """A rule set cannot be found or used."""


def shipped_names() -> list[str]:
    """Names of the shipped rule sets, in order."""
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in files("alerts.rulesets").joinpath("shipped").iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def shipped_text(name: str) -> str:
    """Give a shipped rule set as it was written, with its comments.

    Raises
    ------
    RuleSetError
        If there is none of that name; lists those there are.
    """
    if name not in shipped_names():
        raise RuleSetError(
            f"expected a shipped rule set ({', '.join(shipped_names())}) or a file; found {name!r}"
        )
    entry = files("alerts.rulesets").joinpath("shipped", name + _SUFFIX)
    return entry.read_text(encoding="utf-8")


def load(name_or_path: str = STANDARD) -> RuleSet:
    """Load a shipped rule set by its name, or any other by its file.

    A shipped name wins over a file of the same name; write ``./kol-standard`` for the file.

    Raises
    ------
    RuleSetError
        If there is no such set or it cannot be used; names file, line and field.
    """
    if name_or_path in shipped_names():
        return parsed(shipped_text(name_or_path), f"{name_or_path} (shipped)")
    path = Path(name_or_path)
    if not path.exists():
        return parsed(shipped_text(name_or_path), name_or_path)  # says what would be found
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RuleSetError(f"{name_or_path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RuleSetError(
            f"{name_or_path}: expected UTF-8, found byte {error.object[error.start]:#04x} "
            f"at position {error.start}; save the file as UTF-8"
        ) from None
    return parsed(text, name_or_path)


def parsed(text: str, source: str) -> RuleSet:
    """Read a rule set from TOML.

    Raises
    ------
    RuleSetError
        Names `source`, line and field of what is wrong.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleSetError(f"{source}: not TOML: {error}") from None
    try:
        return RuleSet.model_validate(content)
    except ValidationError as error:
        raise RuleSetError(_told(error.errors(include_url=False), text, source)) from None


def _told(errors: Sequence[ErrorDetails], text: str, source: str) -> str:
    lines = [_one(error, text, source) for error in errors[:MOST_SHOWN]]
    if len(errors) > MOST_SHOWN:
        lines.append(f"and {len(errors) - MOST_SHOWN} more in {source}")
    return "\n".join(lines)


def _one(error: ErrorDetails, text: str, source: str) -> str:
    place = error["loc"]
    said = error["msg"].removeprefix("Value error, ")
    found = error["input"]
    if error["type"] not in ("value_error", "missing") and not isinstance(found, dict | list):
        said = f"{said}, found {found!r}"
    line = _line_of(place, text)
    rule = _rule_id(place, text)
    field = ".".join(str(part) for part in (place[2:] if rule else place))
    named = ", ".join(part for part in (f"rule {rule!r}" if rule else "", field) if part)
    return f"{source}, line {line}: {named or 'rule set'}: {said}"


def _block(place: Sequence[int | str], lines: list[str]) -> range:
    """Give the lines of the rule a place is in; of everything before the first rule otherwise."""
    starts = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*rules\s*\]\]", line)]
    if len(place) < 2 or place[0] != "rules" or not isinstance(place[1], int):
        return range(starts[0] if starts else len(lines))
    if place[1] >= len(starts):  # written as one inline array
        return range(len(lines))
    ends = [*starts[1:], len(lines)]
    return range(starts[place[1]], ends[place[1]])


def _line_of(place: Sequence[int | str], text: str) -> int:
    """Find the line of the innermost named field, of its rule if the field is not written."""
    lines = text.splitlines()
    block = _block(place, lines)
    for part in reversed([str(part) for part in place if isinstance(part, str)]):
        pattern = re.compile(
            rf"\s*(\[.*\b)?{re.escape(part)}\b\s*[].=]|.*[{{,.]\s*{re.escape(part)}\s*="
        )
        for at in block:
            if pattern.match(lines[at].split("#")[0]):
                return at + 1
    return block.start + 1


def _rule_id(place: Sequence[int | str], text: str) -> str | None:
    if len(place) < 2 or place[0] != "rules" or not isinstance(place[1], int):
        return None
    rules = tomllib.loads(text).get("rules")
    if not isinstance(rules, list) or not isinstance(rules[place[1]], dict):
        return f"number {place[1] + 1}"
    return str(rules[place[1]].get("id", f"number {place[1] + 1}"))
