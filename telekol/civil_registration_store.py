"""Civil registration numbers in the database: kept, found, sealed anew. Touches PostgreSQL.

Owns the statements; sealing is in `telekol.civil_registration`. The caller decides who may ask,
and logs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from telekol.civil_registration import CivilRegistrationNumber, KeyRing, Sealed
from telekol.errors import TelekolError

_LOCK: Final = 4_711_003
"""Registrations one at a time: while keys of finding are rotated, one number can have two hashes
and the unique key alone would not see that it is taken."""

_ROTATE_AT_ONCE: Final = 200
"""Rows sealed anew in one transaction: what is repeated when a rotation is interrupted."""


class NumberTakenError(TelekolError):
    """Another patient has this number already."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: rows sealed anew, and keys that no row has any more."""

    rows: int
    free: tuple[str, ...]


def register(
    connection: Connection[Any], ring: KeyRing, patient_id: UUID, number: CivilRegistrationNumber
) -> None:
    """Keep a patient's number, or replace it.

    Raises
    ------
    NumberTakenError
        If it is another patient's.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        holder = find(connection, ring, number)
        if holder not in {None, patient_id}:
            raise NumberTakenError(
                f"expected a number that nobody has, found it with patient {holder}; "
                "look whether the two are one person"
            )
        _write(connection, patient_id, ring.close(patient_id, number))


def find(
    connection: Connection[Any], ring: KeyRing, number: CivilRegistrationNumber
) -> UUID | None:
    """Find whose a number is; None if nobody's here."""
    row = connection.execute(
        "select patient_id from civil_registration where find_hash = any(%s)",
        [ring.hashes(number)],
    ).fetchone()
    return row[0] if row else None


def reveal(
    connection: Connection[Any], ring: KeyRing, patient_id: UUID
) -> CivilRegistrationNumber | None:
    """Open a patient's number; None if it was never given."""
    row = connection.execute(
        "select key_id, sealed, find_key_id, find_hash from civil_registration "
        "where patient_id = %s",
        [patient_id],
    ).fetchone()
    return ring.open(patient_id, Sealed(*row)) if row else None


def rotate(connection: Connection[Any], ring: KeyRing) -> Rotated:
    """Seal every row anew that an older key sealed or hashed, batch by batch.

    May be stopped at any moment and started again: what is done is committed and no longer old.
    Services go on meanwhile, if they have both keys.
    """
    done = 0
    while count := _rotate_some(connection, ring):
        done += count
    return Rotated(done, _free(connection, ring))


def _rotate_some(connection: Connection[Any], ring: KeyRing) -> int:
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        rows = connection.execute(
            "select patient_id, key_id, sealed, find_key_id, find_hash from civil_registration "
            "where key_id <> %s or find_key_id <> %s limit %s for update",
            [ring.seal_id, ring.find_id, _ROTATE_AT_ONCE],
        ).fetchall()
        for patient_id, *row in rows:
            number = ring.open(patient_id, Sealed(*row))
            _write(connection, patient_id, ring.close(patient_id, number))
    return len(rows)


def _write(connection: Connection[Any], patient_id: UUID, row: Sealed) -> None:
    connection.execute(
        "insert into civil_registration "
        "(patient_id, key_id, sealed, find_key_id, find_hash) values (%s, %s, %s, %s, %s) "
        "on conflict (patient_id) do update set key_id = excluded.key_id, "
        "sealed = excluded.sealed, find_key_id = excluded.find_key_id, "
        "find_hash = excluded.find_hash, sealed_at = now()",
        [patient_id, row.key_id, row.sealed, row.find_key_id, row.find_hash],
    )


def _free(connection: Connection[Any], ring: KeyRing) -> tuple[str, ...]:
    used = {
        key_id
        for row in connection.execute("select distinct key_id, find_key_id from civil_registration")
        for key_id in row
    }
    current = {ring.seal_id, ring.find_id}
    return tuple(key for key in (*ring.seal, *ring.find) if key not in used | current)
