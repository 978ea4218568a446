"""How one rule and quantity stands in a case. Pure; the case itself is in `alerts.casework.cases`.

Owns what is shown while nobody has seen it: the worst, by colour and then by score, beside what
is so now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from telekol.quantities import Quantity
from telekol.severity import Severity

_QUANTITIES: Final = [str(quantity) for quantity in Quantity]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one rule and quantity stands in a case.

    Parameters
    ----------
    about
        The rule and quantity.
    now, now_finding_id
        What is so now, and the finding that says it.
    shown, shown_finding_id
        What the board shows: the worst while unseen, what is so now after that.
    now_score, shown_score
        How bad each is among those of its colour.
    """

    about: str
    now: Severity
    now_finding_id: UUID
    shown: Severity
    shown_finding_id: UUID
    now_score: float = 0.0
    shown_score: float = 0.0


_EARLIER: Final = "absolute-limits/"
_NOW: Final = "readings/"


def canonical(about: str) -> str:
    """Give what a case keeps track of today for what earlier releases wrote.

    Their only rule kept track of by its name is one of several now, and the readings of a quantity
    stand together, whichever rule speaks of them.

    Examples
    --------
    >>> canonical("absolute-limits/spo2"), canonical("missing/spo2")
    ('readings/spo2', 'missing/spo2')
    """
    return _NOW + about.removeprefix(_EARLIER) if about.startswith(_EARLIER) else about


def made(about: str, severity: Severity, finding_id: UUID, score: float) -> Standing:
    """Make a standing in which what is shown is what is so now."""
    return Standing(about, severity, finding_id, severity, finding_id, score, score)


def shown_as_now(standing: Standing) -> Standing:
    """Show what is so now: somebody has seen the rest."""
    return made(standing.about, standing.now, standing.now_finding_id, standing.now_score)


def beside_worst(before: Standing | None, found: Standing) -> Standing:
    """Keep showing what was worse, also within a colour; of the equally bad, the newest."""
    if before is None:
        return found
    if (found.shown.rank, found.shown_score) >= (before.shown.rank, before.shown_score):
        return found
    return replace(
        found,
        shown=before.shown,
        shown_finding_id=before.shown_finding_id,
        shown_score=before.shown_score,
    )


def place(about: str) -> int:
    """Give where a quantity stands in telekol's order, for sorting: saturation first."""
    quantity = about.rpartition("/")[2]
    return _QUANTITIES.index(quantity) if quantity in _QUANTITIES else len(_QUANTITIES)


def worst(severities: Iterable[Severity]) -> Severity:
    """Give the gravest of some severities."""
    return max(severities, key=lambda severity: severity.rank)
