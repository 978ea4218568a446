"""Families about silence: adherence by schedule, and technical trouble in homes.

Owns their parameters alone. Neither looks at readings that are given to it: the clock-driven jobs
judge them from schedule and database (`alerts.adherence`, `alerts.technical`). Pure.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from alerts.adherence import judging
from alerts.families.base import Family, FamilyParameters, Input
from alerts.technical import policy, troubles
from alerts.technical.policy import POLICIES, Policy
from telekol.severity import Severity
from telekol.troubles import TroubleCode

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)

Hours = Annotated[float, Field(ge=0, le=24 * 14)]


class Adherence(FamilyParameters):
    """When a silence is told; what is due when stands in each patient's plan."""

    tell_after_minutes: float = Field(judging.TELL_AFTER / _MINUTE, ge=0, le=720)

    @property
    def tell_after(self) -> timedelta:
        """How long after a deadline."""
        return timedelta(minutes=self.tell_after_minutes)


class OneTrouble(FamilyParameters):
    """What is different for one code; the rest is the template's."""

    severity: Literal["blue", "yellow"] | None = None
    tell_after_hours: Hours | None = None
    gone_after_hours: Hours | None = None

    def over(self, known: Policy) -> Policy:
        """Give the policy in force."""
        return Policy(
            known.severity if self.severity is None else Severity(self.severity),
            known.tell_after if self.tell_after_hours is None else self.tell_after_hours * _HOUR,
            known.gone_after if self.gone_after_hours is None else self.gone_after_hours * _HOUR,
        )


class Technical(FamilyParameters):
    """When a trouble is told and when it is over, by code.

    Parameters
    ----------
    silent_after_hours
        How long a home may be silent.
    """

    silent_after_hours: Hours = policy.SILENT_AFTER / _HOUR
    codes: dict[str, OneTrouble] = Field(default_factory=dict)

    @field_validator("codes")
    @classmethod
    def _known(cls, codes: dict[str, OneTrouble]) -> dict[str, OneTrouble]:
        for code in codes:
            if code not in TroubleCode.__members__.values():
                raise ValueError(f"expected codes of docs/wire.md, found {code!r}")
        return codes

    def policies(self) -> dict[str, Policy]:
        """Give the policy of every code."""
        silent = OneTrouble(tell_after_hours=self.silent_after_hours)
        own = {str(TroubleCode.GATEWAY_OFFLINE): silent} | self.codes
        return {
            str(code): own[code].over(known) if code in own else known
            for code, known in POLICIES.items()
        }


ADHERENCE: Final = Family(
    name=judging.NAME,
    version=judging.VERSION,
    takes=Input.SCHEDULE,
    parameters=Adherence,
    danish="Manglende målinger og spørgeskemaer efter planen: tavshed er aldrig grøn",
    english="Readings and questionnaires missing by the plan: silence is never green",
)

TECHNICAL: Final = Family(
    name=troubles.NAME,
    version=troubles.VERSION,
    takes=Input.TECHNICAL,
    parameters=Technical,
    danish="Hjem, der er tavse eller melder fejl: hjemmeboks, apparater, ure, huller i numrene",
    english="Homes that are silent or report trouble: gateway, devices, clocks, sequence gaps",
)
