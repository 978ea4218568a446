"""Who may do what: from the roles that somebody has now to rights. Pure.

Owns the one table of roles and rights. Which patients somebody works for is the database's
answer (`works_for`, row security); here stands what kind of thing a role does at all.

Invariants
----------
1. A role that is not in the table has no right, and so has a right that nobody was given.
2. Support sees homes and devices, never a value, a finding or a patient's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """One kind of thing a person may do."""

    PATIENTS = "patients"
    """See the board, patients and readings."""
    CASES = "cases"
    """Acknowledge a case, and take that back."""
    READINGS = "readings"
    """Say whose a reading is and whether it holds."""
    APPROVE = "approve"
    """Approve limits, what is usual for a patient, and rule sets."""
    TECHNICAL = "technical"
    """See homes and devices in trouble."""


_CARE: Final = frozenset({Right.PATIENTS, Right.CASES, Right.READINGS, Right.TECHNICAL})

RIGHTS: Final[dict[str, frozenset[Right]]] = {
    "nurse": _CARE,
    "physician": _CARE | {Right.APPROVE},
    # Helps a patient to measure; decides nothing.
    "assistant": frozenset({Right.PATIENTS, Right.TECHNICAL}),
    "viewer": frozenset({Right.PATIENTS}),
    "administrator": frozenset({Right.TECHNICAL}),
    "logistics": frozenset({Right.TECHNICAL}),
}


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """Give what somebody with these roles may do."""
    return frozenset().union(*(RIGHTS.get(role, frozenset()) for role in roles))
