"""The observation: one value of one quantity, and how it came about.

Owns the shape that gateway, wire, ingest and simulator agree on, and the identity of a
reading. It knows no patient: a gateway does not know whose home it stands in, the server
attributes.

Invariants
----------
1. ``measured_at`` and ``received_at`` are aware and UTC; ``device_time`` is naive, exactly
   what the device said, uncorrected.
2. The id depends on the device and on the *uncorrected* time, so the same device memory,
   read twice, through two gateways, with two clock corrections, gives the same ids
   (HL7 Personal Health Devices Implementation Guide, "PhdBaseObservation").
3. A value is finite and can have been measured; a value marked missing by its device is
   not an observation.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID, uuid5

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    model_validator,
)

from telekol.plausibility import slip
from telekol.quantities import FACTS, Quantity

READING_NAMESPACE: Final = UUID("7d9c7b0a-6f0e-5d43-9f57-0c0b6f0a1d52")
"""Namespace of all reading ids; changing it would make every stored reading new."""


EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""No corrected reading is older: home monitoring of this kind began later than that."""

CLOCK_SLACK: Final = timedelta(minutes=5)
"""How far a corrected time may lie after its arrival: rounding and drift, not clairvoyance."""

GATEWAY_CLOCK_AHEAD: Final = "gateway-clock-ahead"
"""Quality flag of a reading whose gateway dated it in the future; the server dated it anew."""


USER_INDEX_MOST: Final = 254
"""The User Index of the User Data Service is one byte, and 255 means "unknown user"."""


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"expected a time of our calendar in UTC, found {moment!r}") from None


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"expected printable text, found {text!r}")
    return text


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware time, kept in UTC whatever offset it came with."""

ShortText = Annotated[str, Field(max_length=120), AfterValidator(_printable)]


class TimeConfidence(StrEnum):
    """How far ``measured_at`` can be trusted; in words for people in docs/devices.md."""

    CLOCK_CHECKED = "clock-checked"
    """The device's clock was compared on both sides of the reading, or within 15 minutes of it.
    Right within 310 s, and 9 s more for each day the reading lay in the device: comparisons that
    differ by less than 2 minutes either way count as one clock, and quartz drifts 100 ppm at
    most. Said on the condition that nobody changed the clock twice between two connections: that
    leaves no trace."""
    CLOCK_CARRIED = "clock-carried"
    """The device's clock was compared at another time than the reading's, or two of its times
    fit, or it counts from its own start and can have shown this time before. Right as above if
    nobody changed the clock in between, else wrong by what it was changed; for summer time
    3600 s."""
    CLOCK_UNCHECKED = "clock-unchecked"
    """The device gave a time but no way to compare its clock: as wrong as its display, by any
    number of seconds; in the hour that autumn has twice 3600 s more."""
    ARRIVAL = "arrival"
    """The device gave no usable time; this is when the gateway received the reading. A fresh
    one is seconds old, one from the device's memory any number of seconds."""
    STATED = "stated"
    """A person said when; nobody's clock vouches for it."""
    GATEWAY_CLOCK_BOUNDED = "gateway-clock-bounded"
    """The gateway did not know the time itself. It received the reading within 3600 s of what it
    says: what it knew before and after leaves no more."""
    GATEWAY_CLOCK_UNKNOWN = "gateway-clock-unknown"
    """The gateway did not know the time itself and cannot say within 3600 s when it received the
    reading: between its last known time and the arrival at the server."""


class Entry(StrEnum):
    """How the value came in."""

    AUTOMATIC = "automatic"
    TYPED = "typed"
    """By the patient, or whoever helps at home."""
    TYPED_BY_NURSE = "typed-by-nurse"
    """By a visiting nurse."""


class Device(BaseModel):
    """The device that measured, as it describes itself.

    All of it together is the device's identity: cheap devices share serial numbers
    ("00000000"), so a serial alone could make two patients' readings one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    address: ShortText
    manufacturer: ShortText = ""
    model: ShortText = ""
    serial: ShortText = ""

    @property
    def identity(self) -> str:
        """One text that tells this device from every other."""
        return f"{self.address.upper()}/{self.manufacturer}/{self.model}/{self.serial}"


class Observation(BaseModel):
    """One value of one quantity, as a gateway hands it on.

    Parameters
    ----------
    id
        Made by `reading_id` or `arrival_id`; the same reading always has the same one.
    value
        In ``unit``, which must be the quantity's own unit.
    measured_at
        UTC, corrected by ``clock_offset_s``.
    device_time
        What the device said, naive and uncorrected; None if it has no usable clock.
    clock_offset_s
        Seconds added to ``device_time``, read as if it were UTC, to get ``measured_at``. It
        holds the time zone the device lives in as well as its error.
    quality
        Names of the quality flags that the device set.
    user_index
        The device's own number for who used it, as a scale's user slot; None if it has none or
        does not know. It means nobody in particular: whose slot it is, only the server may say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: UUID
    device: Device
    quantity: Quantity
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: ShortText
    measured_at: UtcDatetime
    device_time: NaiveDatetime | None = None
    clock_offset_s: Annotated[float, Field(allow_inf_nan=False)] | None = None
    time_confidence: TimeConfidence
    received_at: UtcDatetime
    quality: Annotated[tuple[ShortText, ...], Field(max_length=32)] = ()
    entered: Entry = Entry.AUTOMATIC
    user_index: Annotated[int, Field(ge=0, le=USER_INDEX_MOST)] | None = None

    @model_validator(mode="after")
    def _must_be_possible(self) -> Self:
        facts = FACTS[self.quantity]
        if self.unit != facts.unit:
            raise ValueError(
                f"{self.quantity} is in {facts.unit!r} here, found {self.unit!r}; "
                "convert it in the gateway's profile"
            )
        # A difference of two times cannot overflow as a sum at the end of the calendar can.
        ahead = self.measured_at - self.received_at
        if self.measured_at < EARLIEST or ahead > CLOCK_SLACK:
            raise ValueError(
                f"measured_at must lie between {EARLIEST.date()} and its arrival "
                f"({self.received_at.isoformat()}), found {self.measured_at.isoformat()}; "
                "the clock correction went wrong"
            )
        if not facts.is_possible(self.value):
            raise ValueError(
                f"{self.quantity} must be {facts.lowest}-{facts.highest} {facts.unit}, "
                f"found {self.value}{slip(self.quantity, self.value)}; "
                "a device cannot have measured that"
            )
        return self


def reading_id(
    device: Device, quantity: Quantity, device_time: datetime, record_number: int = 0
) -> UUID:
    """Give the id of a reading from a device that keeps time.

    Parameters
    ----------
    device_time
        The device's own, uncorrected, naive time.
    record_number
        Tells readings of the same second apart, if the device numbers its records.

    Raises
    ------
    ValueError
        If `device_time` is aware: an aware time has been corrected by somebody, and two
        gateways correct differently.
    """
    if device_time.tzinfo is not None:
        raise ValueError(
            f"device_time must be the device's own naive time, found {device_time.isoformat()}"
        )
    name = f"{device.identity}|{quantity}|{device_time.isoformat()}|{record_number}"
    return uuid5(READING_NAMESPACE, name)


def arrival_id(
    gateway: str, device: Device, quantity: Quantity, received_at: datetime, counter: int
) -> UUID:
    """Give the id of a reading from a device without a usable clock.

    Such a reading cannot be recognised when the device sends it again: it is identified by
    the gateway that received it, when, and a counter within that moment.
    """
    moment = received_at.astimezone(UTC).isoformat()
    name = f"{gateway}|{device.identity}|{quantity}|{moment}|{counter}"
    return uuid5(READING_NAMESPACE, name)


def submitted_id(gateway: str, key: str, quantity: Quantity) -> UUID:
    """Give the id of a reading that a person or a program handed in under a key.

    Parameters
    ----------
    key
        Names one handing in: who sends it again after a lost answer sends the same key, and the
        reading stays one.
    """
    return uuid5(READING_NAMESPACE, f"{gateway}|submitted|{key}|{quantity}")
