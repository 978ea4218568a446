"""Whether a weight can be this patient's. Pure: values in, a verdict out.

Owns the rule of the attribution guard. It knows no database and no kit; who had the kit when is
`ingest.attribution`'s. What it holds is stored without a patient, outside every baseline, until a
person says whose it is.

Invariants
----------
1. A weight within `STEP_KG` or `STEP_PART` of what the patient last weighed is never held for its
   value: fluid that comes in days must reach the rules.
2. Without a history nothing is held; the verdict says that there was nothing to compare with.
3. The same weights give the same verdict, in whatever order the history is given.

What it cannot see: another person within those limits, and anybody on an oximeter, a cuff or a
thermometer. Two people's saturations and pressures overlap so widely that a rule would hold real
deterioration back and let the other person pass. docs/safety.md says so.

References
----------
The field: a child of 15 kg stored on a user of 100 kg, and a household's slots moved (openScale
issues 1001, 1003). Fluid: Chaudhry, Circulation 2007;116:1549, whose abstract was read: weight
rises from a month before admission for heart failure, and gains of 2-5, 5-10 and more than 10 lb
within the last week go with ever higher odds of it. The numbers below are our own template: they
are chosen around that, and no source gives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

NO_HISTORY: Final = "no-history"
WEIGHT_JUMP: Final = "weight-jump"
OTHER_SLOT: Final = "other-slot"

STEP_KG: Final = 5.0
"""A step that fluid, a meal, clothes and shoes can explain at any time: 10 lb and more of fluid in
a week are real and dangerous, so they must pass."""

STEP_PART: Final = 0.07
"""The same for heavy people, in whom the fluid and the clothes weigh more: 7 kg at 100 kg."""

STEADY_DAYS: Final = 3.0
"""For so long the step alone holds; it covers what a body can do in three days."""

GROWTH_KG_PER_DAY: Final = 0.5
"""How much more is believed for each further day without a weight: ours. The fastest of the gains
above, 10 lb in a week, is 0.65 kg a day, and lasts no longer than that week."""

MOST_KG: Final = 15.0
MOST_PART: Final = 0.2
"""However long ago, a larger change is asked about: ours. A loss of 5 % in half a year is grave
already, and a person who is asked in vain loses a minute."""

COMPARED_WITH: Final = 5
"""Weights that the median is taken of: two odd ones among them do not move it far."""

SLOT_LEAST: Final = 3
SLOT_PART: Final = 0.8
"""A slot is the patient's usual one on a scale after three weights with a slot, four fifths of
them with this one. Scales guess, so one odd guess must not take the slot away."""

US_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that came from a patient's kit.

    Parameters
    ----------
    measured_us
        Microseconds since 2000 UTC.
    scale
        Tells this scale from others.
    slot
        The scale's user slot; None if it has none or does not know.
    confirmed
        Whether a person said that it is the patient's.
    """

    measured_us: int
    kg: float
    scale: int
    slot: int | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard says of one weight.

    Parameters
    ----------
    code
        None: accepted. `NO_HISTORY`: accepted, unproven. The others: held.
    reason
        For the person who is asked. It is kept with the reading and never logged.
    """

    code: str | None
    reason: str = ""

    @property
    def is_held(self) -> bool:
        """Whether the reading must not become this patient's by itself."""
        return self.code in (WEIGHT_JUMP, OTHER_SLOT)


ACCEPTED: Final = Verdict(None)


def judge(weight: Weight, history: Sequence[Weight]) -> Verdict:
    """Say whether `weight` can be the patient's whose weights `history` holds.

    Parameters
    ----------
    history
        Valid weights that count as the patient's, in any order, from before and after.
    """
    near = neighbours(weight, history)
    if not near:
        return Verdict(NO_HISTORY, "the first weight of this patient: nothing to compare it with")
    slot = usual_slot(weight.scale, history)
    if slot is not None and weight.slot is not None and not _is_own_slot(weight, slot, history):
        return Verdict(
            OTHER_SLOT,
            f"the scale says user {weight.slot}, and this patient's weights came as user {slot}",
        )
    return _judge_step(weight, near, history)


def is_close(kg: float, slot: int | None, nearest_kg: float, days: float) -> bool:
    """Say whether a weight is accepted by what is nearest before it alone.

    What it says yes to, `judge` accepts whatever else the history holds; where it says no, only
    `judge` knows. So most weights need one weight of the history and not all that it may hold.

    Parameters
    ----------
    nearest_kg
        The first of `neighbours`, from before the weight.
    days
        How long before.
    """
    return slot is None and _is_within(kg, nearest_kg, days)


def neighbours(weight: Weight, history: Sequence[Weight]) -> list[Weight]:
    """Give the weights to compare with, the nearest in time first.

    Those before it; of a backlog that is older than everything, those after it.
    """
    before = [item for item in history if item.measured_us <= weight.measured_us]
    pool = before or history
    ranked = sorted(
        pool, key=lambda item: (abs(item.measured_us - weight.measured_us), item.kg, item.scale)
    )
    return ranked[:COMPARED_WITH]


def usual_slot(scale: int, history: Sequence[Weight]) -> int | None:
    """Give the patient's usual slot on a scale; None if it is not known well enough."""
    slots = [item.slot for item in history if item.scale == scale and item.slot is not None]
    if len(slots) < SLOT_LEAST:
        return None
    slot, count = max(Counter(slots).items(), key=lambda pair: (pair[1], -pair[0]))
    return slot if count >= SLOT_PART * len(slots) else None


def believed_kg(reference_kg: float, days: float) -> float:
    """Give the change that is believed after `days` without a weight."""
    step = max(STEP_KG, STEP_PART * reference_kg)
    most = max(MOST_KG, MOST_PART * reference_kg)
    return min(step + GROWTH_KG_PER_DAY * max(days - STEADY_DAYS, 0.0), most)


def _is_own_slot(weight: Weight, usual: int, history: Sequence[Weight]) -> bool:
    """Take the usual slot, and one of which a person said that it is the patient's too."""
    own = {item.slot for item in history if item.confirmed and item.scale == weight.scale}
    return weight.slot == usual or weight.slot in own


def _judge_step(weight: Weight, near: Sequence[Weight], history: Sequence[Weight]) -> Verdict:
    """Compare with the median and with the nearest weight, and with every confirmed one.

    The nearest, for a body that changes leaves its own median behind; the median, for the
    nearest may itself be odd.
    """
    days = abs(weight.measured_us - near[0].measured_us) / US_PER_DAY
    usual_kg = median(item.kg for item in near)
    confirmed = (item.kg for item in history if item.confirmed)
    for reference_kg in (usual_kg, near[0].kg, *confirmed):
        if _is_within(weight.kg, reference_kg, days):
            return ACCEPTED
    return Verdict(
        WEIGHT_JUMP,
        f"{weight.kg:.1f} kg, {weight.kg - usual_kg:+.1f} kg from the usual {usual_kg:.1f} kg; at "
        f"most {believed_kg(usual_kg, days):.1f} kg is believed {days:.0f} days after the last",
    )


def _is_within(kg: float, reference_kg: float, days: float) -> bool:
    # Rounded to the gram: 70 and 75 kg are 5 kg apart, whatever their binary halves say.
    return round(abs(kg - reference_kg), 3) <= round(believed_kg(reference_kg, days), 3)
