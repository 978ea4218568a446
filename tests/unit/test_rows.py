"""Rows in COPY's binary form, byte for byte what psycopg itself would write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.numeric import Float8, Int2, Int4, Int8

from ingest import reading, rows
from ingest.columns import Integers, Texts, Uuids
from ingest.reading import WORDS
from telekol.observation import USER_INDEX_MOST, Entry, TimeConfidence
from telekol.quantities import Quantity

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
naive = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - a device's
aware = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def _field(value: Any) -> bytes:
    """Write one value as psycopg does, behind its length."""
    if value is None:
        return (-1).to_bytes(4, "big", signed=True)
    written = bytes(Transformer().get_dumper(value, PyFormat.BINARY).dump(value) or b"")
    return len(written).to_bytes(4, "big") + written


def _row(*values: Any) -> bytes:
    return len(values).to_bytes(2, "big") + b"".join(_field(value) for value in values)


@given(
    patient=st.none() | st.uuids(),
    device=st.integers(1, 2**31 - 1),
    outbox=st.integers(1, 2**31 - 1),
    seq=st.integers(1, 2**53),
    reading_id=st.uuids(),
    value=st.floats(allow_nan=False, allow_infinity=False),
    times=st.tuples(aware, aware, st.none() | naive),
    words=st.tuples(
        st.sampled_from(Quantity), st.sampled_from(TimeConfidence), st.sampled_from(Entry)
    ),
    quality=st.lists(texts, max_size=5),
    slot=st.none() | st.integers(0, USER_INDEX_MOST),
)
def test_a_row_of_readings_is_what_psycopg_writes(
    patient: UUID | None,
    device: int,
    outbox: int,
    seq: int,
    reading_id: UUID,
    value: float,
    times: tuple[datetime, datetime, datetime | None],
    words: tuple[Quantity, TimeConfidence, Entry],
    quality: list[str],
    slot: int | None,
) -> None:
    names = (str(words[0]), str(words[1]), str(words[2]))
    item = reading.reading(
        seq, reading_id, value, ("a", "b", "c", "d"), times, WORDS[names], quality, slot
    )
    measured, received, device_time = times
    assert rows.observation_rows(patient, device, outbox, [item]) == _row(
        patient,
        Int4(device),
        Int4(outbox),
        measured,
        received,
        device_time,
        Int8(seq),
        Float8(value),
        reading_id,
        *names,
        quality or None,
        None if slot is None else Int2(slot),
    )
    stamp = received.replace(tzinfo=None) if device_time is None else device_time
    head = int.from_bytes(reading_id.bytes[:8], "big", signed=True)
    assert item.identity == _row(stamp, Int8(head), Float8(value))
    assert reading.slot_of(item) == slot
    assert reading.is_weight(item) == (words[0] is Quantity.BODY_WEIGHT)


@given(st.uuids(), st.lists(st.tuples(st.uuids(), aware), min_size=1, max_size=5))
def test_a_row_of_the_queue_is_what_psycopg_writes(
    patient: UUID, measured: list[tuple[UUID, datetime]]
) -> None:
    words = WORDS[str(Quantity.SPO2), str(TimeConfidence.ARRIVAL), str(Entry.AUTOMATIC)]
    items = [
        reading.reading(1, one, 90.0, ("", "", "", ""), (at, at, None), words, (), None)
        for one, at in measured
    ]
    times = [at for _, at in measured]
    ids = [one for one, _ in measured]
    (written,) = rows.judgement_rows([(patient, items)])
    assert written == _row(patient, ids, min(times), max(times))
    assert list(rows.judgement_rows([(None, items)])) == []


@given(
    st.lists(texts, max_size=5),
    st.lists(st.uuids(), max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
)
def test_a_column_is_what_psycopg_writes(
    words: list[str], ids: list[UUID], numbers: list[int]
) -> None:
    if words:
        assert Texts(words).data == _field(words)[4:]
    if ids:
        assert Uuids(ids).data == _field(ids)[4:]
    if numbers:
        assert Integers(numbers).data == _field([Int8(number) for number in numbers])[4:]


def test_columns_are_sent_as_arrays_of_their_type() -> None:
    types = psycopg.adapters.types
    for column, name in ((Texts([]), "text"), (Uuids([]), "uuid"), (Integers([]), "int8")):
        dumper = Transformer().get_dumper(column, PyFormat.AUTO)
        assert dumper.oid == types[name].array_oid
        assert dumper.format == psycopg.pq.Format.BINARY
