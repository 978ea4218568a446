"""Generic Health Sensor Service 1.0 (0x1840): an observation, live (0x2B8B) or stored (0x2BDD).

Owns the layout of a whole observation, after its segments were put together
(`gateway.profiles.health_segments`). Spirometers speak it with codes for FEV1, FVC, FEV6 and PEF;
so do oximeters, scales, cuffs and thermometers. Must not know where readings go.

Invariants
----------
1. ``bytes(HealthObservation.from_bytes(raw)) == raw``; reserved bits, unknown classes, codes,
   units and attributes survive.
2. A number is a reading only by its code *and* its unit (`gateway.profiles.mdc`).
3. A bundle is several observations under one head. What the head says (time, status, person)
   holds for all of them; `singles` gives each with it, so that one bad value never spoils or
   vouches for its neighbour.
4. A reserved flag may announce fields that stand before the value, so behind one nothing is read.

How sure this is: classes, flags, status bits, the order of the fields and the record number
before a stored observation were compared with Realtek's GHSS 1.0 server, the head and a whole
bundle with STMicroelectronics' GHS example (a golden of the tests), the time stamp with the GATT
Specification Supplement. The length counts what stands behind it: so in STMicroelectronics',
Philips' and Reinhold's sources; Realtek's counts itself, which none of the others could read. The
person is one byte as in the GHSS 1.0 server; drafts had two. The text of the specification
itself was not at hand.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final, Self

from gateway.errors import ProfileError
from gateway.profiles.elapsed_time import ElapsedTime
from gateway.profiles.health_values import (
    Attributes,
    Compound,
    Numeric,
    ObservationClass,
    Raw,
    Value,
    take_value,
)
from gateway.profiles.ieee11073 import FieldReader, Float, little_endian
from gateway.profiles.mdc import in_own_unit, quantity_of
from gateway.profiles.measurement import Reading, flag_names, readings_of
from gateway.profiles.quality import refusal

_EARLIER: Final = "earlier-timeline"
_UNKNOWN_PERSON: Final = 0xFF
"""As in the User Data Service, whose index it is."""


class Presence(IntFlag):
    """The flags: which fields stand between them and the value."""

    CODE = 1 << 0
    TIMESTAMP = 1 << 1
    DURATION = 1 << 2
    STATUS = 1 << 3
    OBSERVATION_ID = 1 << 4
    PERSON = 1 << 5
    SUPPLEMENT = 1 << 6
    DERIVED_FROM = 1 << 7
    MEMBER_OF = 1 << 8
    ATTRIBUTES = 1 << 9


_KNOWN: Final = 0x03FF


class Status(IntFlag):
    """What the device says of the measurement; bits 8-13 are reserved."""

    INVALID_MEASUREMENT = 1 << 0
    QUESTIONABLE_MEASUREMENT = 1 << 1
    MEASUREMENT_UNAVAILABLE = 1 << 2
    CALIBRATION_ONGOING = 1 << 3
    TESTING = 1 << 4
    EARLY_ESTIMATE = 1 << 5
    MANUALLY_ENTERED = 1 << 6
    SETTING = 1 << 7
    BEYOND_THRESHOLD = 1 << 14
    THRESHOLDING_DISABLED = 1 << 15


@dataclass(frozen=True, slots=True)
class Bundle:
    """Several observations under one head."""

    members: tuple[HealthObservation, ...]

    def __bytes__(self) -> bytes:
        return bytes((len(self.members),)) + b"".join(map(bytes, self.members))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthObservation:
    """One observation, or a bundle of them.

    A field is None when its flag is not set.

    Parameters
    ----------
    kind
        How the value is laid out; compare with `ObservationClass`.
    code
        What was measured; compare with `gateway.profiles.mdc.Code`.
    person
        The device's own number for who was measured.
    supplement
        Codes that say more of the measurement, as where or how.
    derived_from, member_of
        Numbers of other observations of the device.
    """

    kind: int
    presence: Presence
    value: Value
    code: int | None = None
    timestamp: ElapsedTime | None = None
    duration_s: Float | None = None
    status: Status | None = None
    observation_id: int | None = None
    person: int | None = None
    supplement: tuple[int, ...] | None = None
    derived_from: tuple[int, ...] | None = None
    member_of: tuple[int, ...] | None = None
    attributes: Attributes | None = None

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one observation, from its class to its value.

        Raises
        ------
        ProfileError
            If it is cut short, or its length is not that of its fields.
        """
        reader = FieldReader(payload, "health observation")
        observation = cls._take(reader, may_bundle=True)
        reader.finish()
        return observation

    @classmethod
    def _take(cls, outer: FieldReader, *, may_bundle: bool) -> Self:
        kind, size = outer.unsigned(1, "class"), outer.unsigned(2, "length")
        reader = FieldReader(outer.take(size, "observation"), "health observation")
        flags = Presence(reader.unsigned(2, "flags"))
        observation = cls._take_fields(kind, flags, reader, may_bundle=may_bundle)
        reader.finish()
        return observation

    @classmethod
    def _take_fields(
        cls, kind: int, flags: Presence, reader: FieldReader, *, may_bundle: bool
    ) -> Self:
        # In the order in which they stand in the payload.
        return cls(
            kind=kind,
            presence=flags,
            code=_number(reader, flags, Presence.CODE, 4),
            timestamp=ElapsedTime.take(reader) if Presence.TIMESTAMP in flags else None,
            duration_s=_float(reader, flags),
            status=_status(reader, flags),
            observation_id=_number(reader, flags, Presence.OBSERVATION_ID, 4),
            person=_number(reader, flags, Presence.PERSON, 1),
            supplement=_numbers(reader, flags, Presence.SUPPLEMENT),
            derived_from=_numbers(reader, flags, Presence.DERIVED_FROM),
            member_of=_numbers(reader, flags, Presence.MEMBER_OF),
            attributes=Attributes.take(reader) if Presence.ATTRIBUTES in flags else None,
            value=cls._take_value(kind, flags, reader, may_bundle=may_bundle),
        )

    @classmethod
    def _take_value(
        cls, kind: int, flags: Presence, reader: FieldReader, *, may_bundle: bool
    ) -> Value:
        if flags & ~_KNOWN:
            return Raw(reader.rest())
        if kind != ObservationClass.BUNDLE:
            return take_value(kind, reader)
        if not may_bundle:
            raise ProfileError("health observation: expected no bundle inside a bundle, found one")
        count = reader.unsigned(1, "number of observations")
        return Bundle(tuple(cls._take(reader, may_bundle=False) for _ in range(count)))

    @property
    def user(self) -> int | None:
        """The device's own number for who was measured; None if it does not know."""
        return None if self.person == _UNKNOWN_PERSON else self.person

    @property
    def singles(self) -> tuple[HealthObservation, ...]:
        """The observations of a bundle, each with what the head says; else this one alone."""
        if not isinstance(self.value, Bundle):
            return (self,)
        return tuple(self._with_head(member) for member in self.value.members)

    def _with_head(self, member: HealthObservation) -> HealthObservation:
        """Give `member` what only the head says. It is read then, and no longer written."""
        both = [status for status in (self.status, member.status) if status is not None]
        return replace(
            member,
            timestamp=member.timestamp or self.timestamp,
            duration_s=member.duration_s or self.duration_s,
            status=Status(both[0] | both[-1]) if both else None,
            person=self.person if member.person is None else member.person,
            supplement=(*(self.supplement or ()), *(member.supplement or ())) or None,
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The numbers with a code and a unit of ours; of a bundle those that may be kept."""
        if isinstance(self.value, Bundle):
            return tuple(one for single in self._usable for one in single.readings)
        return tuple(
            reading for code, value in self._numerics for reading in _readings(code, value)
        )

    @property
    def _numerics(self) -> tuple[tuple[int | None, Numeric], ...]:
        if isinstance(self.value, Numeric):
            return ((self.code, self.value),)
        parts = self.value.components if isinstance(self.value, Compound) else ()
        return tuple((one.code, one.value) for one in parts if isinstance(one.value, Numeric))

    @property
    def _usable(self) -> tuple[HealthObservation, ...]:
        return tuple(single for single in self.singles if single.refusal is None)

    @property
    def device_time(self) -> datetime | None:
        """What the device's clock showed, if it is one; UTC or local, as the device counts."""
        stamps = (single.timestamp for single in self.singles)
        stamp = next((one for one in stamps if one is not None), self.timestamp)
        return None if stamp is None else stamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags; of a bundle those of the observations that may be kept."""
        if isinstance(self.value, Bundle):
            told = self._usable or self.singles
            return tuple(dict.fromkeys(name for single in told for name in single.quality))
        stamp = self.timestamp
        has_jumped = stamp is not None and stamp.moment is not None and not stamp.is_current
        return (*flag_names(self.status or Status(0)), *((_EARLIER,) * has_jumped))

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading; None for a bundle as long as one of it may be kept."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        body = b"".join(
            (
                struct.pack("<H", self.presence),
                little_endian(self.code, 4),
                b"" if self.timestamp is None else bytes(self.timestamp),
                b"" if self.duration_s is None else bytes(self.duration_s),
                little_endian(self.status, 2),
                little_endian(self.observation_id, 4),
                little_endian(self.person, 1),
                _counted(self.supplement),
                _counted(self.derived_from),
                _counted(self.member_of),
                b"" if self.attributes is None else bytes(self.attributes),
                bytes(self.value),
            )
        )
        return struct.pack("<BH", self.kind, len(body)) + body


@dataclass(frozen=True, slots=True)
class StoredObservation:
    """An observation of a device's memory, 0x2BDD: with the number of its record."""

    record_number: int
    observation: HealthObservation

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a stored observation; raises ProfileError as `HealthObservation.from_bytes`."""
        reader = FieldReader(payload, "stored health observation")
        number = reader.unsigned(4, "record number")
        return cls(number, HealthObservation.from_bytes(reader.rest()))

    def __bytes__(self) -> bytes:
        return struct.pack("<I", self.record_number) + bytes(self.observation)


def _number(reader: FieldReader, flags: Presence, flag: Presence, size: int) -> int | None:
    return reader.unsigned(size, str(flag.name).lower()) if flag in flags else None


def _numbers(reader: FieldReader, flags: Presence, flag: Presence) -> tuple[int, ...] | None:
    if flag not in flags:
        return None
    count = reader.unsigned(1, f"number of {str(flag.name).lower()}")
    return tuple(reader.unsigned(4, str(flag.name).lower()) for _ in range(count))


def _float(reader: FieldReader, flags: Presence) -> Float | None:
    return Float(reader.unsigned(4, "duration")) if Presence.DURATION in flags else None


def _status(reader: FieldReader, flags: Presence) -> Status | None:
    return Status(reader.unsigned(2, "status")) if Presence.STATUS in flags else None


def _counted(numbers: tuple[int, ...] | None) -> bytes:
    if numbers is None:
        return b""
    return bytes((len(numbers),)) + b"".join(struct.pack("<I", number) for number in numbers)


def _readings(code: int | None, value: Numeric) -> tuple[Reading, ...]:
    quantity = quantity_of(code)
    number: Decimal | None = value.number.value
    if quantity is None or code is None or number is None:
        return ()
    return readings_of((quantity, in_own_unit(code, value.unit, number)))
