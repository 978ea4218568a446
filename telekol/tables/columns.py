"""Column types that several domains share."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import ENUM

from telekol.observation import Entry, TimeConfidence
from telekol.quantities import Quantity

TIME: Final = DateTime(timezone=True)


def _words(kind: type[StrEnum], name: str) -> ENUM:
    """Name an enumeration of the database; its values are our words, as plain text."""
    return ENUM(*(word.value for word in kind), name=name, create_type=False)


QUANTITY: Final = _words(Quantity, "quantity")
TIME_CONFIDENCE: Final = _words(TimeConfidence, "time_confidence")
ENTRY: Final = _words(Entry, "entry")
