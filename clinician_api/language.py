"""A text in every language that people can choose. Owns the shape, not the texts."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Language(StrEnum):
    """A language people can choose."""

    DANISH = "da"
    ENGLISH = "en"


class Text(NamedTuple):
    """One text in every language."""

    da: str
    en: str
