"""What each quality flag means for a reading: kept, marked or refused, and why.

Owns the one table that every profile judges by, before a value is ever compared with a limit.
Pure. Must not know any profile's bytes; a profile names its flags and asks here.

The line is drawn like this. A flag that means that the number cannot be the patient's, or that
the device has none, refuses it: a false reading is worse than none. A flag that only makes the
number less sure marks it: the sickest have cold fingers and a weak pulse, and who refuses every
poor signal silences exactly them. Marked readings are stored and shown with the flag's name.

Invariants
----------
1. Every flag that a profile can name has a rule here; docs/devices.md says the same.
2. Every flag that is set goes along by its name, also when it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Ruling(StrEnum):
    """What becomes of a reading that carries a flag."""

    KEPT = "kept"
    """Counts in full; the flag says nothing against the number."""
    MARKED = "marked"
    """Counts, but people and rules see that it is less sure."""
    REFUSED = "refused"
    """Is no reading; the reason is logged."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    ruling: Ruling
    reason: str


def _kept(reason: str) -> Rule:
    return Rule(Ruling.KEPT, reason)


def _marked(reason: str) -> Rule:
    return Rule(Ruling.MARKED, reason)


def _refused(reason: str) -> Rule:
    return Rule(Ruling.REFUSED, reason)


RULES: Final[dict[str, Rule]] = {
    # What a device says of the measurement.
    "demonstration": _refused("simulated: the device shows itself off, nobody is measured"),
    "testing": _refused("simulated: the device tests itself, nobody is measured"),
    "invalid-measurement": _refused("the device itself calls the number invalid"),
    "measurement-unavailable": _refused("the device has no number; what is sent is filling"),
    "calibration-ongoing": _refused("the number is the calibration's, not the patient's"),
    "bad-test": _refused("the blow was bad, so its numbers are not what the lungs can do"),
    "questionable-measurement": _marked(
        "the device doubts, but has a number; a person weighs it against how the patient is"
    ),
    "early-estimate": _marked("may still move, but a low first value is worth seeing"),
    "measurement-ongoing": _marked("not the final value of this measurement"),
    "validated": _kept("the device vouches for it"),
    "fully-qualified": _kept("the device vouches for it"),
    "smart-point": _kept("the device's own mark of high quality"),
    "from-storage": _kept("measured earlier, at its time stamp; as good as a fresh one"),
    "manually-entered": _marked("a person typed it into the device, which measured nothing"),
    "setting": _refused("what the device was set to, not what it measured"),
    "beyond-threshold": _kept("passed the device's own alarm limit; the limits here are others"),
    "thresholding-disabled": _kept("about the device's own alarms, not about the number"),
    # What a device says of its sensor.
    "finger-off": _refused("no finger in the sensor: the number is nobody's, or an old one"),
    "sensor-not-on-user": _refused("the sensor is on nobody"),
    "sensor-disconnected": _refused("no sensor is connected, so nothing was measured"),
    "sensor-malfunctioning": _refused("a faulty sensor's number cannot be told from a true one"),
    "equipment-malfunction": _refused("a faulty device's number cannot be told from a true one"),
    "sensor-displaced": _refused("the sensor has slipped; light beside the tissue reads wrongly"),
    "non-pulsatile-signal": _refused("without a pulse an oximeter cannot tell arterial blood"),
    "inadequate-signal": _refused("the device says that the signal does not carry a number"),
    "no-signal": _refused("without a signal the number is an old one"),
    "searching": _refused("the device has lost the pulse and looks for it; the number is old"),
    "out-of-track": _refused("no good pulses in a row; the number is old"),
    "poor-signal": _marked("common with cold hands and in the very ill: seen, with the flag"),
    "weak-signal": _marked("common with cold hands and in the very ill: seen, with the flag"),
    "low-perfusion": _marked("common with cold hands and in the very ill: seen, with the flag"),
    "marginal-perfusion": _marked("less sure than usual, and seldom far off"),
    "erratic-signal": _marked("often movement; a second measurement tells"),
    "artefact": _marked("often movement; a second measurement tells"),
    "questionable-pulse": _marked("the saturation may be right although the pulse is doubtful"),
    "signal-processing-irregularity": _marked("less sure, and nobody can tell by how much"),
    "signal-analysis-ongoing": _marked("the number may still settle"),
    "sensor-interference": _marked("light or electricity disturbs; a second measurement tells"),
    "unknown-sensor": _marked("the device does not know its sensor, and so not how exact it is"),
    "extended-display-update": _kept("the display shows the value longer; nothing is wrong"),
    "low-battery": _kept("devices switch off before they measure wrongly; support must know"),
    "encrypted": _kept("about the link, not about the number"),
    # What the gateway finds out about a stream.
    "unsettled": _marked("the numbers never came to rest; the last of a long measurement"),
    # Blood pressure.
    "body-movement": _marked("movement reads wrongly either way; measure again at rest"),
    "cuff-too-loose": _marked(
        "a loose cuff reads too high; refused it would look as if nobody had measured"
    ),
    "irregular-pulse": _marked("single measurements scatter, and it is itself a sign to see"),
    "pulse-above-range": _marked("the pulse is faster than the cuff can count; see the patient"),
    "pulse-below-range": _marked("the pulse is slower than the cuff can count; see the patient"),
    "improper-position": _marked("an arm above or below the heart shifts it; measure again"),
    # Scales.
    "not-stable": _refused("the scale has not come to rest; the number is on its way"),
    "weight-removed": _refused(
        "nobody stands on it: the last weighing, sent again, at no known time if the clock is unset"
    ),
    "small-object": _refused("the scale weighs a thing, not a person"),
    "body-composition-unsuccessful": _marked(
        "no body fat, as with socks on; the weight beside it is its own measurement"
    ),
    # Spirometry, by ATS/ERS 2019 (table 7): what makes a blow unusable, and what only less sure.
    "slow-start": _refused("the blow began too slowly, so its first second cannot be told"),
    "early-glottic-closure": _refused("the throat closed in the first second of the blow"),
    "zero-flow-fault": _refused("the spirometer's zero was wrong, and so every volume"),
    "contradictory-volumes": _refused("a part is greater than its whole: the numbers are wrong"),
    "failed-session": _refused("the device found no usable blow in the session (grade F)"),
    "early-cough": _marked("a cough in the first second; the blow can still be used"),
    "late-glottic-closure": _marked("the throat closed before the end: FVC or FEV6 may be too low"),
    "no-plateau": _marked("the blow was cut off early: FVC or FEV6 may be too low"),
    "short-blow": _marked("shorter than six seconds: FVC or FEV6 may be too low"),
    "leak": _marked("air was lost beside the mouthpiece: the true value is higher"),
    "obstructed-mouthpiece": _marked("tongue or teeth were in the way: the true value is higher"),
    "submaximal-breath-in": _marked("the lungs were not full: the true value is higher"),
    "single-blow": _marked("one usable blow: nothing shows that it is the best that can be"),
    "low-grade": _marked("the blows of the session differ much, or are usable only"),
    "not-btps": _marked("not converted to body temperature: up to a tenth too low"),
    # What the gateway finds out about the time; the number stands.
    "device-clock-not-set": _marked("the number stands; the time is when it arrived"),
    "device-time-implausible": _marked("the number stands; the time is when it arrived"),
    "earlier-timeline": _marked("the device's clock has jumped since; its time is less sure"),
}


def refusal(names: Iterable[str]) -> str | None:
    """Say why a reading with these flags is none; None if it is one.

    Examples
    --------
    >>> refusal(("poor-signal", "finger-off"))
    "finger-off: no finger in the sensor: the number is nobody's, or an old one"
    >>> refusal(("poor-signal",)) is None
    True
    """
    reasons = [
        f"{name}: {RULES[name].reason}" for name in names if RULES[name].ruling is Ruling.REFUSED
    ]
    return "; ".join(reasons) or None
