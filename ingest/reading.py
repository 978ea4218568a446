"""A reading as it goes to the database: its key, and the bytes of its row. Pure.

Owns what of a row follows from the message alone; patient, device and outbox are numbers that
only the database knows, and come first in the row. Must not know how a message is read.

Rows are written by hand in COPY's binary format. psycopg's own way looks up and calls a dumper
for each value; one `struct` for the columns of fixed width takes a fifth of that
(benchmarks/README.md). Times are counted in microseconds since 2000, as PostgreSQL does.

What else changes with it: the COPY statements in queries.sql, the migrations.

References
----------
PostgreSQL manual, COPY, "Binary Format".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from ingest.binary import TEXT_OID, array, field
from telekol.observation import Entry, Observation, TimeConfidence
from telekol.quantities import Quantity

DeviceIdentity = tuple[str, str, str, str]
"""Address, manufacturer, model and serial number: all of it tells a device from another."""

NULL: Final = struct.pack(">i", -1)

_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a naive time is counted from it too
_EPOCH_UTC: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_TIMES: Final = struct.Struct(">iq iq iq")
_TIMES_WITHOUT_DEVICE: Final = struct.Struct(">iq iq i")
_NUMBERS: Final = struct.Struct(">iq id i16s")
_SMALL: Final = struct.Struct(">ih")
_IDENTITY: Final = struct.Struct(">h iq i8s id")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A reading that can be stored.

    Not followed by the garbage collector: it refers to nothing that could refer to it, and a
    batch holds 20,000 of them.

    Parameters
    ----------
    seq
        Its number in the gateway's outbox.
    stamp_us
        The time that never changes however often it is sent: the device's own, or its arrival.
    id_head
        The first 64 bits of its id, signed. With `stamp_us` its key in the database.
    measured_us
        When it was measured, UTC.
    identity
        Its row of ``observation_identity``.
    tail
        The columns of its row of ``observation`` behind patient, device and outbox.
    """

    seq: int
    stamp_us: int
    id_head: int
    value: float
    measured_us: int
    reading_id: bytes
    device: DeviceIdentity
    identity: bytes
    tail: bytes


def microseconds(moment: datetime) -> int:
    """Count an aware time from 2000, UTC."""
    return (moment - _EPOCH_UTC) // _MICROSECOND


def naive_microseconds(moment: datetime) -> int:
    """Count a naive time from 2000, in its own zone."""
    return (moment - _EPOCH) // _MICROSECOND


def words_of(quantity: str, confidence: str, entered: str) -> bytes:
    """Write the three words of a row; the binary form of an enumeration is its word."""
    return field(quantity) + field(confidence) + field(entered)


WORDS: Final[dict[tuple[str, str, str], bytes]] = {
    (str(quantity), str(confidence), str(entered)): words_of(quantity, confidence, entered)
    for quantity in Quantity
    for confidence in TimeConfidence
    for entered in Entry
}
"""The words of every row there can be."""


def reading(
    seq: int,
    reading_id: UUID,
    value: float,
    device: DeviceIdentity,
    times: tuple[datetime, datetime, datetime | None],
    words: bytes,
    quality: Sequence[str],
    user_index: int | None,
) -> Reading:
    """Make a reading of values that have been checked.

    Parameters
    ----------
    times
        Measured and received, aware; the device's own, naive, if it gave one.
    words
        From `WORDS`.
    """
    measured, received, device_time = times
    measured_us = (measured - _EPOCH_UTC) // _MICROSECOND
    received_us = (received - _EPOCH_UTC) // _MICROSECOND
    if device_time is None:
        stamp_us = received_us
        whens = _TIMES_WITHOUT_DEVICE.pack(8, measured_us, 8, received_us, -1)
    else:
        stamp_us = (device_time - _EPOCH) // _MICROSECOND
        whens = _TIMES.pack(8, measured_us, 8, received_us, 8, stamp_us)
    raw_id = reading_id.bytes
    tail = b"".join(
        (
            whens,
            _NUMBERS.pack(8, seq, 8, value, 16, raw_id),
            words,
            _quality(quality) if quality else NULL,
            NULL if user_index is None else _SMALL.pack(2, user_index),
        )
    )
    head = raw_id[:8]
    id_head = int.from_bytes(head, "big", signed=True)
    identity = _IDENTITY.pack(3, 8, stamp_us, 8, head, 8, value)
    return Reading(seq, stamp_us, id_head, value, measured_us, raw_id, device, identity, tail)


def _quality(flags: Sequence[str]) -> bytes:
    written = array(TEXT_OID, [field(flag) for flag in flags])
    return struct.pack(">i", len(written)) + written


_WEIGHT: Final = field(str(Quantity.BODY_WEIGHT))
_WEIGHT_AT: Final = _TIMES.size + _NUMBERS.size
_WEIGHT_AT_WITHOUT_DEVICE: Final = _TIMES_WITHOUT_DEVICE.size + _NUMBERS.size


def is_weight(item: Reading) -> bool:
    """Say whether a reading is of a body's weight, by its row: no column more for the few."""
    return item.tail.startswith(_WEIGHT, _WEIGHT_AT) or item.tail.startswith(
        _WEIGHT, _WEIGHT_AT_WITHOUT_DEVICE
    )


def slot_of(item: Reading) -> int | None:
    """Read a reading's user slot back from the end of its row; None if it has none."""
    if item.tail.endswith(NULL):
        return None
    _, slot = _SMALL.unpack_from(item.tail, len(item.tail) - _SMALL.size)
    return int(slot)


def of_observation(seq: int, item: Observation) -> Reading:
    """Make a reading of an observation."""
    device = item.device
    return reading(
        seq,
        item.id,
        item.value,
        (device.address, device.manufacturer, device.model, device.serial),
        (item.measured_at, item.received_at, item.device_time),
        WORDS[item.quantity, item.time_confidence, item.entered],
        item.quality,
        item.user_index,
    )
