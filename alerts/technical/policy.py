"""How long a trouble lasts before it is told, and how long it is gone before that is told. Data.

Owns one row for each code of `telekol.troubles`. Numbers are our own templates: nothing is
published about how long a home may be silent.

Invariants
----------
1. Every code has a policy; one that this side does not know, from a newer gateway, is told at once:
   alerting fails towards a person.
2. Colour: blue where measurements cannot come or soon cannot (something is missing or will be);
   yellow where measurements that were made are lost, or wait for a person to decide. Never red:
   red is a patient's own.

What else changes with it: docs/adherence.md, the parameters of the family ``technical``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from telekol.severity import Severity
from telekol.troubles import TroubleCode

AT_ONCE: Final = timedelta(0)
_HALF_HOUR: Final = timedelta(minutes=30)
_HOUR: Final = timedelta(hours=1)

SILENT_AFTER: Final = timedelta(hours=12)
"""A home may be offline for a night: people switch their router off at ten and on at eight."""

REPORT_MISSED_AFTER: Final = timedelta(hours=1)
"""A gateway reports its health every quarter of an hour (docs/wire.md); four reports that did not
come are silence, also when the broker believes it is there."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When one trouble is told.

    Parameters
    ----------
    tell_after
        It must have lasted this long.
    gone_after
        It must have been gone this long; what comes back sooner is the same trouble, so a gateway
        that comes and goes makes one case.
    """

    severity: Severity
    tell_after: timedelta
    gone_after: timedelta


UNKNOWN: Final = Policy(Severity.YELLOW, AT_ONCE, _HOUR)
"""Of a code that only a newer gateway knows."""

POLICIES: Final[dict[TroubleCode, Policy]] = {
    TroubleCode.GATEWAY_OFFLINE: Policy(Severity.BLUE, SILENT_AFTER, _HALF_HOUR),
    # The recovery ladder ends after ten minutes (decision 0017); an hour lets a restart pass.
    TroubleCode.RADIO_UNAVAILABLE: Policy(Severity.BLUE, _HOUR, _HALF_HOUR),
    TroubleCode.RADIO_BLIND: Policy(Severity.BLUE, AT_ONCE, _HALF_HOUR),
    TroubleCode.DEVICE_UNREACHABLE: Policy(Severity.BLUE, _HOUR, _HOUR),
    TroubleCode.BOND_LOST: Policy(Severity.BLUE, _HOUR, _HOUR),
    TroubleCode.PAIRING_REFUSED: Policy(Severity.BLUE, _HOUR, _HOUR),
    TroubleCode.CONSENT_REFUSED: Policy(Severity.BLUE, _HOUR, _HOUR),
    TroubleCode.DEVICE_CLOCK_WRONG: Policy(Severity.BLUE, _HOUR, _HOUR),
    # A battery recovers when it rests and falls again under load: a day without is a new battery.
    TroubleCode.DEVICE_BATTERY_LOW: Policy(Severity.BLUE, _HOUR, timedelta(days=1)),
    TroubleCode.GATEWAY_CLOCK_UNTRUSTED: Policy(Severity.BLUE, _HOUR, _HALF_HOUR),
    TroubleCode.OUTBOX_NEARLY_FULL: Policy(Severity.BLUE, AT_ONCE, _HOUR),
    TroubleCode.OUTBOX_FULL: Policy(Severity.YELLOW, AT_ONCE, _HOUR),
    TroubleCode.OUTBOX_DAMAGED: Policy(Severity.YELLOW, AT_ONCE, _HOUR),
    TroubleCode.OUTBOX_OLD: Policy(Severity.BLUE, _HOUR, _HALF_HOUR),
    TroubleCode.DISK_FULL: Policy(Severity.YELLOW, AT_ONCE, _HOUR),
    # One bad measurement is answered by the screen at home; it is told when it is the last word.
    TroubleCode.READING_REFUSED: Policy(Severity.BLUE, timedelta(hours=4), _HALF_HOUR),
    TroubleCode.UNREADABLE_MEASUREMENT: Policy(Severity.YELLOW, AT_ONCE, _HOUR),
    TroubleCode.BROKER_REFUSED: Policy(Severity.BLUE, _HOUR, _HALF_HOUR),
    TroubleCode.CERTIFICATE_EXPIRING: Policy(Severity.BLUE, AT_ONCE, _HOUR),
    # The view has waited an hour already before it names a gap.
    TroubleCode.SEQUENCE_GAP: Policy(Severity.YELLOW, AT_ONCE, AT_ONCE),
    TroubleCode.READINGS_QUARANTINED: Policy(Severity.YELLOW, AT_ONCE, AT_ONCE),
    TroubleCode.READING_HELD: Policy(Severity.YELLOW, AT_ONCE, AT_ONCE),
}


def policy(code: str) -> Policy:
    """Give the policy of a code."""
    known = code in TroubleCode.__members__.values()
    return POLICIES[TroubleCode(code)] if known else UNKNOWN
