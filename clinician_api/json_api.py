"""The same facts for other systems, as JSON. Thin: it reads and changes nothing.

Owns the shape of what leaves here. Times are UTC, units are named, and an error has a code.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from clinician_api import queries
from clinician_api.errors import ErrorBody, UnknownPatientError
from clinician_api.visitor import AHouse, AVisitor
from telekol.quantities import FACTS, Quantity
from telekol.severity import Channel, Severity

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": ErrorBody} for code in (401, 403, 404, 422, 503)
}
router: Final = APIRouter(prefix="/api", tags=["clinician"], responses=_ERRORS)

_DEFAULT_PERIOD: Final = timedelta(days=30)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a time that is in the years 1 to 9999 in UTC too") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class CaseOut(_Answer):
    """One open case."""

    id: UUID
    patient_id: UUID
    patient_name: str
    team: str
    channel: Channel
    state: str
    severity: Severity
    reason_da: str
    reason_en: str
    opened_at: AwareDatetime
    changed_at: AwareDatetime
    version: int


class ObservationOut(_Answer):
    """One reading."""

    id: UUID
    quantity: Quantity
    value: float
    unit: str
    measured_at: AwareDatetime
    stored_at: AwareDatetime
    time_confidence: str
    quality: list[str]
    entered: str
    device_manufacturer: str
    device_model: str


@router.get("/cases")
def cases(house: AHouse, _visitor: AVisitor) -> list[CaseOut]:
    """List the open cases, worst first."""
    with house.database.reading() as session:
        return [
            CaseOut(
                **row.case.model_dump(exclude={"team_id"}), patient_name=row.patient, team=row.team
            )
            for row in queries.open_cases(session)
        ]


@router.get("/patients/{patient_id}/observations")
def observations(  # FastAPI reads the arguments by name
    patient_id: UUID,
    house: AHouse,
    _visitor: AVisitor,
    quantity: Quantity | None = None,
    since: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=queries.READINGS_LIMIT)] = 200,
) -> list[ObservationOut]:
    """List a patient's readings measured from `since` on (else 30 days back), newest first."""
    start = since or house.now() - _DEFAULT_PERIOD
    with house.database.reading() as session:
        if queries.patient(session, patient_id) is None:
            raise UnknownPatientError
        found = queries.readings(session, patient_id, start, quantity=quantity, most=limit)
        return [
            ObservationOut(
                id=one.reading_id,
                quantity=Quantity(one.quantity),
                value=one.value,
                unit=FACTS[Quantity(one.quantity)].unit,
                measured_at=one.measured_at,
                stored_at=one.stored_at,
                time_confidence=one.time_confidence,
                quality=one.quality or [],
                entered=one.entered,
                device_manufacturer=device.manufacturer,
                device_model=device.model,
            )
            for one, device in found
        ]


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _visitor: AVisitor) -> JSONResponse:
    """Describe this API."""
    return JSONResponse(request.app.openapi())
