"""Questionnaires from files: the shipped ones by name, others by path. Touches the disk.

An error names the file and the field.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from telekol.errors import TelekolError
from telekol.questionnaires.model import Questionnaire

_PACKAGE: Final = "telekol.questionnaires"
_FOLDER: Final = "shipped"


class QuestionnaireError(TelekolError):
    """A questionnaire cannot be used, or an answer to it; says what is wrong and where."""


def shipped_names() -> tuple[str, ...]:
    """Name the questionnaires of this release."""
    folder = resources.files(_PACKAGE).joinpath(_FOLDER)
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir()))


def load(name: str) -> Questionnaire:
    """Read a shipped questionnaire by its name, or any by the path of its file.

    Raises
    ------
    QuestionnaireError
        If there is none, or it cannot be walked; names file and field.
    """
    if name in shipped_names():
        text = resources.files(_PACKAGE).joinpath(_FOLDER, f"{name}.toml").read_text("utf-8")
        return read(text, f"{name}.toml")
    file = Path(name)
    if not file.is_file():
        known = ", ".join(shipped_names())
        raise QuestionnaireError(f"expected one of {known}, or a file; found {name!r}")
    try:
        return read(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionnaireError(f"{file} cannot be read as UTF-8: {error}") from None


def read(text: str, file: str) -> Questionnaire:
    """Read a questionnaire from the text of a file.

    Raises
    ------
    QuestionnaireError
        Naming `file`, and the line or field.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise QuestionnaireError(f"{file} is no TOML: {error}") from None
    try:
        return Questionnaire.model_validate(document)
    except ValidationError as error:
        raise QuestionnaireError(_explained(error, document, file)) from None


def _explained(error: ValidationError, document: dict[str, object], file: str) -> str:
    lines = []
    for one in error.errors(include_url=False):
        where = ".".join(map(str, one["loc"]))
        said = str(one["msg"]).removeprefix("Value error, ")
        lines.append(f"{file}: {_step_of(one['loc'], document)}{where or 'the whole'}: {said}")
    return "\n".join(lines)


def _step_of(loc: tuple[int | str, ...], document: dict[str, object]) -> str:
    """Give the id of a step beside its number: nobody counts tables in a file."""
    steps = document.get("steps")
    match loc:
        case ("steps", int(number), *_) if isinstance(steps, list):
            step = steps[number]
            return f"step {step.get('id', number)!r}, " if isinstance(step, dict) else ""
        case _:
            return ""
