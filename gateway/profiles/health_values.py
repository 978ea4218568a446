"""Values of a Generic Health Sensor observation: numbers, codes, texts, and what is kept as it is.

Owns their byte layouts. Must not know what the codes mean (`gateway.profiles.mdc`), nor what stands
around a value (`gateway.profiles.generic_health_sensor`).

Invariants
----------
1. ``bytes(value) == raw`` for every value; what is not understood is kept as `Raw`.
2. Sample arrays and the two event classes are not read: no reading comes from a waveform, and
   events are the device's. Inside a compound their length is worked out, so that the components
   behind them can be read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import FieldReader, Float


class ObservationClass(IntEnum):
    """How a value is laid out."""

    NUMERIC = 0x01
    DISCRETE = 0x02
    TEXT = 0x03
    SAMPLE_ARRAY = 0x04
    DISCRETE_EVENTS = 0x05
    STATE_EVENTS = 0x06
    COMPOUND = 0x07
    ATTRIBUTES = 0x08
    BUNDLE = 0xFF


class Value(Protocol):
    """Anything that can be written back as it came."""

    def __bytes__(self) -> bytes:
        """Encode."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number with its unit, a term of MDC partition 4."""

    unit: int
    number: Float

    @classmethod
    def take(cls, reader: FieldReader) -> Numeric:
        """Cut a number."""
        return cls(reader.unsigned(2, "unit"), Float(reader.unsigned(4, "value")))

    def __bytes__(self) -> bytes:
        return struct.pack("<H", self.unit) + bytes(self.number)


@dataclass(frozen=True, slots=True)
class Discrete:
    """A code that says what was seen."""

    code: int

    @classmethod
    def take(cls, reader: FieldReader) -> Discrete:
        """Cut a code."""
        return cls(reader.unsigned(4, "code"))

    def __bytes__(self) -> bytes:
        return struct.pack("<I", self.code)


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the device, UTF-8 if the maker kept to it."""

    raw: bytes

    @classmethod
    def take(cls, reader: FieldReader) -> Text:
        """Cut a text with its length."""
        return cls(reader.take(reader.unsigned(2, "length of text"), "text"))

    @property
    def text(self) -> str:
        """What can be read of it."""
        return self.raw.decode("utf-8", errors="replace")

    def __bytes__(self) -> bytes:
        return struct.pack("<H", len(self.raw)) + self.raw


@dataclass(frozen=True, slots=True)
class Raw:
    """What is kept unread."""

    raw: bytes

    def __bytes__(self) -> bytes:
        return self.raw


@dataclass(frozen=True, slots=True)
class Attribute:
    """Type, length and value, with the GATT format of the value."""

    kind: int
    format: int
    value: bytes

    @classmethod
    def take(cls, reader: FieldReader) -> Attribute:
        """Cut an attribute."""
        kind, size = reader.unsigned(4, "attribute"), reader.unsigned(2, "length of attribute")
        return cls(kind, reader.unsigned(1, "format"), reader.take(size, "value of attribute"))

    def __bytes__(self) -> bytes:
        return struct.pack("<IHB", self.kind, len(self.value), self.format) + self.value


@dataclass(frozen=True, slots=True)
class Attributes:
    """Some attributes, with their number in front."""

    items: tuple[Attribute, ...]

    @classmethod
    def take(cls, reader: FieldReader) -> Attributes:
        """Cut the number and as many attributes."""
        count = reader.unsigned(1, "number of attributes")
        return cls(tuple(Attribute.take(reader) for _ in range(count)))

    def __bytes__(self) -> bytes:
        return bytes((len(self.items),)) + b"".join(map(bytes, self.items))


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a compound: its own code, class and value."""

    code: int
    kind: int
    value: Value

    def __bytes__(self) -> bytes:
        return struct.pack("<IB", self.code, self.kind) + bytes(self.value)


@dataclass(frozen=True, slots=True)
class Compound:
    """Several values of one measurement, as systolic and diastolic."""

    components: tuple[Component, ...]

    @classmethod
    def take(cls, reader: FieldReader) -> Compound:
        """Cut the number of components and as many.

        Raises
        ------
        ProfileError
            If a component is of a class that no compound may hold: its length is not known.
        """
        count = reader.unsigned(1, "number of components")
        return cls(tuple(_take_component(reader) for _ in range(count)))

    def __bytes__(self) -> bytes:
        return bytes((len(self.components),)) + b"".join(map(bytes, self.components))


def _take_component(reader: FieldReader) -> Component:
    code, kind = reader.unsigned(4, "component"), reader.unsigned(1, "class of component")
    if kind not in _COMPONENTS:
        raise ProfileError(
            f"health observation: expected a component of class 1 to 6, found {kind}; "
            "where it ends is not known"
        )
    return Component(code, kind, _COMPONENTS[kind](reader))


def _take_samples(reader: FieldReader) -> Raw:
    head = reader.take(20, "head of samples")
    size, count = struct.unpack_from("<BI", head, 15)
    return Raw(head + reader.take(size * count, "samples"))


def _take_events(reader: FieldReader) -> Raw:
    count = reader.unsigned(1, "number of events")
    return Raw(bytes((count,)) + reader.take(4 * count, "events"))


def _take_states(reader: FieldReader) -> Raw:
    size = reader.unsigned(1, "size of states")
    return Raw(bytes((size,)) + reader.take(3 * size, "states"))


_Take = Callable[[FieldReader], Value]

_COMPONENTS: Final[Mapping[int, _Take]] = {
    ObservationClass.NUMERIC: Numeric.take,
    ObservationClass.DISCRETE: Discrete.take,
    ObservationClass.TEXT: Text.take,
    ObservationClass.SAMPLE_ARRAY: _take_samples,
    ObservationClass.DISCRETE_EVENTS: _take_events,
    ObservationClass.STATE_EVENTS: _take_states,
}

_VALUES: Final[Mapping[int, _Take]] = {
    ObservationClass.NUMERIC: Numeric.take,
    ObservationClass.DISCRETE: Discrete.take,
    ObservationClass.TEXT: Text.take,
    ObservationClass.COMPOUND: Compound.take,
    ObservationClass.ATTRIBUTES: Attributes.take,
}


def take_value(kind: int, reader: FieldReader) -> Value:
    """Cut the value of a single observation of class `kind`; one that is not read is kept."""
    take = _VALUES.get(kind)
    return Raw(reader.rest()) if take is None else take(reader)
