"""What is judged: a reading, the windows it is judged in, and what was in force. Pure values.

Owns everything a judgement depends on. A finding and a short row in `judgement` name all of it, so
that `telekol replay` makes the same subject again from what was stored.

Invariants
----------
1. Nothing that is not in a subject can change what the rules say of it, except their code.
2. The same basis always has the same fingerprint, whoever makes it.
3. A window is oldest first, the reading judged last; so is the window of another quantity
   beside it, which ends with the reading of the same session.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from telekol.quantities import Quantity

BASIS_NAMESPACE: Final = UUID("5c1d0b0e-3f57-5b86-9a55-1f0b9a3c7e21")

LATE_AFTER: Final = timedelta(hours=10)
"""A reading stored longer than this after it was measured is late.

Ten hours is OpenTele's grace window for weekday schedules, the time in which an upload still
counts for its day.
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """One stored reading, as rules need it; a device's doubt goes along."""

    id: UUID
    measured_at: datetime
    value: float
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class LimitSet:
    """A patient's own absolute limits; None is no limit, 0 is a limit."""

    id: int
    red_low: float | None
    yellow_low: float | None
    yellow_high: float | None
    red_high: float | None

    def as_dict(self) -> dict[str, float | int | None]:
        """Give the limits as they are stored with a finding."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class UsualLevel:
    """A usual level that was known: a reference value, approved or proposed.

    Parameters
    ----------
    id
        Its row; None while the first period lasts, when it is proposed anew for each reading.
    dated_at
        From when on it holds.
    until
        Until when it holds; None for until further.
    spread, n
        Of a proposal: the patient's SD when stable, and of how many readings; None and 0 where a
        person set it.
    """

    id: int | None
    value: float
    dated_at: datetime
    until: datetime | None
    approved: bool
    origin: str
    n: int = 0
    spread: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give it as it is stored."""
        until = self.until.isoformat() if self.until else None
        return asdict(self) | {"dated_at": self.dated_at.isoformat(), "until": until}

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> UsualLevel:
        """Read what `as_dict` wrote."""
        until = document["until"]
        return cls(
            **{
                **document,
                "dated_at": datetime.fromisoformat(document["dated_at"]),
                "until": datetime.fromisoformat(until) if until else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What a patient answered near a reading: whether it is worse than usual."""

    at: datetime
    worse: bool


@dataclass(frozen=True, slots=True)
class Basis:
    """What was in force for a reading.

    Parameters
    ----------
    rule_set_id
        None if no rule set was in use.
    approved
        Whether a physician had approved the rule set when it judged.
    limits
        The patient's own absolute limits; None to use the set's.
    levels
        Usual levels that the rules may hold readings of the window against, oldest first.
    first_period
        Whether the patient's first period lasted still, in which no level is asked for.
    said
        Answers near the reading, oldest first; empty if nobody was asked. A rule that persists sees
        them for the reading under test alone.
    """

    rule_set_id: int | None
    approved: bool
    limits: LimitSet | None = None
    levels: tuple[UsualLevel, ...] = ()
    first_period: bool = False
    said: tuple[Said, ...] = ()

    @property
    def limits_document(self) -> dict[str, Any]:
        """The limits as they are stored."""
        return self.limits.as_dict() if self.limits else {}

    @property
    def reference_document(self) -> dict[str, Any]:
        """The usual levels as they are stored."""
        return {"levels": [level.as_dict() for level in self.levels]} if self.levels else {}

    @property
    def context_document(self) -> dict[str, Any]:
        """What else the rules are told."""
        told: dict[str, Any] = {"first_period": True} if self.first_period else {}
        if self.said:
            told["said"] = [[one.at.isoformat(), one.worse] for one in self.said]
        return told

    @classmethod
    def stored(
        cls,
        rule_set_id: int | None,
        approved: bool,
        limits: Mapping[str, Any],
        reference: Mapping[str, Any],
        context: Mapping[str, Any],
    ) -> Basis:
        """Read a row of rule_basis."""
        return cls(
            rule_set_id,
            approved,
            LimitSet(**limits) if limits else None,
            tuple(UsualLevel.stored(level) for level in reference.get("levels", ())),
            bool(context.get("first_period")),
            tuple(Said(datetime.fromisoformat(at), worse) for at, worse in context.get("said", ())),
        )

    @property
    def fingerprint(self) -> UUID:
        """The same for the same basis."""
        content = [
            self.rule_set_id,
            self.approved,
            self.limits_document,
            self.reference_document,
            self.context_document,
        ]
        return uuid5(BASIS_NAMESPACE, json.dumps(content, sort_keys=True, allow_nan=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One reading under test, with all that its rules may look at.

    Parameters
    ----------
    window
        Readings of the same patient and quantity, oldest first, the one under test last.
    beside, beside_quantity
        The window of another quantity of the same session; empty if none was measured.
    late
        Whether it came so long after it was measured that it is no news.
    turn
        0 for the first time it is judged.
    cause
        Why it is judged again; None for the first time.
    """

    patient_id: UUID
    quantity: Quantity
    window: tuple[Taken, ...]
    basis: Basis
    beside: tuple[Taken, ...] = ()
    beside_quantity: Quantity | None = None
    late: bool = False
    turn: int = 0
    cause: str | None = None

    @property
    def reading(self) -> Taken:
        """The reading under test."""
        return self.window[-1]

    @property
    def name(self) -> str:
        """What tells this judgement from others; part of its findings' ids."""
        known = f"{self.patient_id}|{self.reading.id}"
        return f"{known}|{self.turn}|{self.cause}" if self.turn or self.cause else known

    @property
    def reading_ids(self) -> tuple[UUID, ...]:
        """Every reading that may have been used, the one judged last."""
        return tuple(one.id for one in (*self.beside, *self.window))


def window_hash(ids: Sequence[UUID]) -> int:
    """Hash the ids of a window, oldest first, to a signed 64-bit number.

    Examples
    --------
    >>> window_hash([UUID(int=1)]) == window_hash([UUID(int=1)]) != window_hash([UUID(int=2)])
    True
    """
    digest = hashlib.blake2b(b"".join(one.bytes for one in ids), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def came_late(queued_at: datetime, measured_at: datetime) -> bool:
    """Say whether a reading came so late that it must not page as new."""
    return queued_at - measured_at > LATE_AFTER
