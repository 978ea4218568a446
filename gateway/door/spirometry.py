"""From a session of blows to its readings: one value of a kind for a session.

Owns which value that is and what becomes of a bad blow. Pure. Must not know JSON, HTTP or disks.

ATS/ERS 2019 (Graham et al., Am J Respir Crit Care Med 2019;200:e70-e88): of all usable blows the
largest FEV1 and the largest FVC are reported, also when they come from different blows, and
FEV1/FVC is made of these two; peak flow is the largest too. A blow is usable only if its
back-extrapolated volume is at most 5 % of the FVC or 0.100 L, whichever is greater.

Invariants
----------
1. A blow with a refusing flag gives no value, and its reason is told. The other blows stand.
2. FEV1/FVC is made of an FVC. An FEV6 is never its denominator.
3. A value carries the marks of its own blow and of the session, and no other blow's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gateway.door.spirometry_document import Blow, SpirometryDocument
from gateway.profiles.measurement import Reading, readings_of
from gateway.profiles.quality import refusal
from telekol.quantities import FACTS, Quantity

BEV_SHARE: Final = Decimal("0.05")
BEV_LEAST_L: Final = Decimal("0.100")
"""ATS/ERS 2019, table 7: whichever is greater; beyond it time zero is a guess and so is FEV1."""
FULL_FET_S: Final = Decimal(6)
"""ATS/ERS 2005 (Miller, Eur Respir J 2005;26:319) asked adults for six seconds, and FEV6 is by its
name six; 2019 judges the end by a plateau, which a document can only tell as missing."""
_S_PER_MIN: Final = 60
_RATIO_STEP: Final = Decimal("0.001")

_LOW_GRADES: Final = ("D", "E", "U")

_LONG: Final = (Quantity.FVC, Quantity.FEV6)
"""Quantities that need the blow's end."""
_END_MARKS: Final = frozenset({"short-blow", "no-plateau", "late-glottic-closure"})
"""They spoil what needs the end of the blow, and nothing else."""
_START_MARKS: Final = frozenset({"early-cough"})
"""They spoil what is read off the first second, and nothing else."""


@dataclass(frozen=True, slots=True)
class SessionReading:
    """One value of a session, its marks, and the blows it comes from."""

    reading: Reading
    quality: tuple[str, ...]
    attempts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What came of a session: its readings, and why anything was held back."""

    readings: tuple[SessionReading, ...]
    held_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A value of one blow that may be the session's."""

    value: Decimal
    blow: Blow


def judge(session: SpirometryDocument) -> SessionResult:
    """Choose the session's values."""
    flags = {blow.attempt: _flags(blow) for blow in session.blows}
    bad = {attempt: refusal(names) for attempt, names in flags.items()}
    usable = [blow for blow in session.blows if bad[blow.attempt] is None]
    held_back = [f"blow {attempt}: {why}" for attempt, why in bad.items() if why is not None]
    readings: list[SessionReading] = []
    for quantity, value_of in _VALUES.items():
        best = _largest(quantity, value_of, usable, held_back)
        if best is None:
            continue
        if _grade(session, quantity) == "F":
            held_back.append(f"{quantity}: {refusal(('failed-session',))}")
            continue
        marks = _marks(quantity, flags[best.blow.attempt])
        marks += _session_marks(session, quantity, is_single=len(usable) == 1)
        reading = readings_of((quantity, best.value))[0]
        readings.append(SessionReading(reading, marks, (best.blow.attempt,)))
    return SessionResult((*readings, *_ratio(readings, held_back)), tuple(held_back))


def _grade(session: SpirometryDocument, quantity: Quantity) -> str | None:
    if quantity is Quantity.PEF:  # ATS/ERS 2019 grades FEV1 and FVC only
        return None
    return session.grade_fvc if quantity in _LONG else session.grade_fev1


def _flags(blow: Blow) -> tuple[str, ...]:
    """Name what is wrong with a blow: what the device says, and what its numbers say."""
    names = [str(flag) for flag in blow.flags]
    if blow.bev_l is not None and blow.bev_l > _most_bev(blow):
        names.append("slow-start")
    if blow.fet_s is not None and blow.fet_s < FULL_FET_S:
        names.append("short-blow")
    if _exceeds(blow.fev1_l, blow.fvc_l) or _exceeds(blow.fev1_l, blow.fev6_l):
        names.append("contradictory-volumes")
    if _exceeds(blow.fev6_l, blow.fvc_l):
        names.append("contradictory-volumes")
    return tuple(dict.fromkeys(names))


def _most_bev(blow: Blow) -> Decimal:
    # FEV6 if there is no FVC: the smaller volume makes the rule stricter, never laxer.
    volume = blow.fvc_l or blow.fev6_l or Decimal(0)
    return max(BEV_LEAST_L, volume * BEV_SHARE)


def _exceeds(part: Decimal | None, whole: Decimal | None) -> bool:
    return part is not None and whole is not None and part > whole


def _peak_flow(blow: Blow) -> Decimal | None:
    if blow.pef is None:
        return None
    return blow.pef.value * _S_PER_MIN if blow.pef.unit == "L/s" else blow.pef.value


_VALUES: Final[dict[Quantity, Callable[[Blow], Decimal | None]]] = {
    Quantity.FEV1: lambda blow: blow.fev1_l,
    Quantity.FVC: lambda blow: blow.fvc_l,
    Quantity.FEV6: lambda blow: blow.fev6_l,
    Quantity.PEF: _peak_flow,
}


def _largest(
    quantity: Quantity,
    value_of: Callable[[Blow], Decimal | None],
    usable: Sequence[Blow],
    held_back: list[str],
) -> _Candidate | None:
    """Choose the largest value that can have been measured; of two equal ones the earlier blow."""
    found: list[_Candidate] = []
    for blow in usable:
        value = value_of(blow)
        if value is None:
            continue
        if FACTS[quantity].is_possible(float(value)):
            found.append(_Candidate(value, blow))
        else:
            held_back.append(f"blow {blow.attempt}: {_impossible(quantity, value, blow)}")
    return max(found, key=lambda one: (one.value, -one.blow.attempt), default=None)


def _impossible(quantity: Quantity, value: Decimal, blow: Blow) -> str:
    facts = FACTS[quantity]
    told = f"{quantity} of {value.normalize():f} {facts.unit} cannot have been measured"
    expected = f"expected {facts.lowest:g}-{facts.highest:g} {facts.unit}"
    is_slipped = (
        blow.pef is not None
        and quantity is Quantity.PEF
        and blow.pef.unit == "L/min"
        and facts.is_possible(float(value) * _S_PER_MIN)
    )
    return f"{told}; {expected}" + ("; is it in L/s?" if is_slipped else "")


def _marks(quantity: Quantity, names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the marks of a blow that concern one of its values."""
    others = _START_MARKS if quantity in _LONG else _END_MARKS
    return tuple(name for name in names if name not in others)


def _session_marks(
    session: SpirometryDocument, quantity: Quantity, *, is_single: bool
) -> tuple[str, ...]:
    return (
        *(("single-blow",) * is_single),
        *(("not-btps",) * (not session.btps)),
        *(("low-grade",) * (_grade(session, quantity) in _LOW_GRADES)),
    )


def _ratio(readings: Sequence[SessionReading], held_back: list[str]) -> tuple[SessionReading, ...]:
    """Make FEV1/FVC of the session's two largest, as a fraction of three decimals."""
    by_quantity = {one.reading.quantity: one for one in readings}
    fev1, fvc = by_quantity.get(Quantity.FEV1), by_quantity.get(Quantity.FVC)
    if fev1 is None or fvc is None:
        return ()
    ratio = (fev1.reading.value / fvc.reading.value).quantize(_RATIO_STEP)
    if not FACTS[Quantity.FEV1_FVC].is_possible(float(ratio)):
        held_back.append(f"fev1_fvc of {ratio} cannot be; FEV1 and FVC are of different blows")
        return ()
    quality = tuple(dict.fromkeys((*fev1.quality, *fvc.quality)))
    attempts = tuple(dict.fromkeys((*fev1.attempts, *fvc.attempts)))
    return (SessionReading(readings_of((Quantity.FEV1_FVC, ratio))[0], quality, attempts),)
