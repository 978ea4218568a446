"""Civil registration numbers: sealed, found, rotated. Every number here has an impossible date."""

from __future__ import annotations

import base64
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from telekol import civil_registration, civil_registration_store
from telekol.civil_registration import CivilRegistrationNumber, KeyRing, KeyRingError, Sealed
from telekol.civil_registration_store import NumberTakenError
from tests.support.house import add_home
from tests.support.processes import telekol

NUMBER = CivilRegistrationNumber.parse("991399-0001")
OTHER = CivilRegistrationNumber.parse("9913990002")
OLD = KeyRing({"s1": b"1" * 32}, {"f1": b"2" * 32})
NEW = KeyRing({"s2": b"3" * 32, "s1": b"1" * 32}, {"f2": b"4" * 32, "f1": b"2" * 32})
ONLY_NEW = KeyRing({"s2": b"3" * 32}, {"f2": b"4" * 32})


def _patient(connection: Connection[TupleRow], number: int = 1) -> UUID:
    return add_home(connection, f"gw-{number}", f"Prøve {number}").patient_id


def test_a_number_is_found_and_opened_and_is_not_in_the_database(
    connection: Connection[TupleRow],
) -> None:
    patient = _patient(connection)
    civil_registration_store.register(connection, OLD, patient, NUMBER)
    assert civil_registration_store.find(connection, OLD, NUMBER) == patient
    assert civil_registration_store.find(connection, OLD, OTHER) is None
    assert civil_registration_store.reveal(connection, OLD, patient) == NUMBER
    row = connection.execute("select civil_registration::text, sealed from civil_registration")
    text, sealed = row.fetchone() or ("", b"")
    assert NUMBER.digits not in text
    assert NUMBER.digits.encode() not in sealed


def test_it_opens_for_no_other_patient_and_with_no_other_key() -> None:
    one, other = UUID(int=1), UUID(int=2)
    row = OLD.close(one, NUMBER)
    assert OLD.open(one, row) == NUMBER
    with pytest.raises(KeyRingError, match="moved from another row"):
        OLD.open(other, row)
    changed = Sealed(row.key_id, row.sealed[:-1] + b"x", row.find_key_id, row.find_hash)
    with pytest.raises(KeyRingError):
        OLD.open(one, changed)
    with pytest.raises(KeyRingError, match="expected key 's1'"):
        ONLY_NEW.open(one, row)


def test_the_same_number_is_sealed_differently_each_time() -> None:
    one, two = (OLD.close(UUID(int=1), NUMBER) for _ in range(2))
    assert one.sealed != two.sealed
    assert one.find_hash == two.find_hash


def test_it_says_nothing_of_itself() -> None:
    shown = f"{NUMBER!r} {NUMBER} {OLD!r} {OLD.close(UUID(int=1), NUMBER)!r}"
    assert "0001" not in shown
    assert "1111" not in shown
    with pytest.raises(ValueError, match="ten digits") as raised:
        CivilRegistrationNumber.parse("991399-00012")
    assert "991399" not in str(raised.value)


def test_a_number_is_one_patients_also_while_keys_are_rotated(
    connection: Connection[TupleRow],
) -> None:
    one, other = _patient(connection, 1), _patient(connection, 2)
    civil_registration_store.register(connection, OLD, one, NUMBER)
    with pytest.raises(NumberTakenError, match=str(one)):
        civil_registration_store.register(connection, NEW, other, NUMBER)
    civil_registration_store.register(connection, NEW, one, NUMBER)


def test_a_rotation_that_was_interrupted_goes_on(
    connection: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = [_patient(connection, number) for number in range(7)]
    numbers = [CivilRegistrationNumber.parse(f"99139900{n:02}") for n in range(7)]
    for patient, number in zip(patients, numbers, strict=True):
        civil_registration_store.register(connection, OLD, patient, number)
    monkeypatch.setattr(civil_registration_store, "_ROTATE_AT_ONCE", 2)
    assert civil_registration_store._rotate_some(connection, NEW) == 2
    for patient, number in zip(patients, numbers, strict=True):
        assert civil_registration_store.find(connection, NEW, number) == patient
    assert civil_registration_store._free(connection, NEW) == ()
    rotated = civil_registration_store.rotate(connection, NEW)
    assert (rotated.rows, rotated.free) == (5, ("s1", "f1"))
    assert civil_registration_store.rotate(connection, NEW).rows == 0
    for patient, number in zip(patients, numbers, strict=True):
        assert civil_registration_store.find(connection, ONLY_NEW, number) == patient
        assert civil_registration_store.reveal(connection, ONLY_NEW, patient) == number


def test_half_a_row_is_refused_by_the_database(connection: Connection[TupleRow]) -> None:
    patient = _patient(connection)
    row = OLD.close(patient, NUMBER)
    with pytest.raises(psycopg.errors.CheckViolation, match="sealed_is_whole"):
        connection.execute(
            "insert into civil_registration (patient_id, key_id, sealed, find_key_id, find_hash) "
            "values (%s, 's1', %s, 'f1', %s)",
            [patient, row.sealed[:-1], row.find_hash],
        )


def test_keys_are_made_and_rotated_from_the_command_line(
    tmp_path: Path, database_url: str, connection: Connection[TupleRow]
) -> None:
    file = tmp_path / "keys.toml"
    with telekol(tmp_path, "keys", "make", str(file)) as made:
        assert made.wait(30) == 0, made.output()
    with telekol(tmp_path, "keys", "make", str(file)) as again:
        assert again.wait(30) == 2
    assert file.stat().st_mode & 0o077 == 0
    patient = _patient(connection)
    civil_registration_store.register(connection, civil_registration.read(file), patient, NUMBER)
    entry = f'[[seal]]\nid = "next"\nkey = "{base64.b64encode(b"n" * 32).decode()}"\n'
    file.write_text(entry + file.read_text(encoding="utf-8"), encoding="utf-8")
    rotate = telekol(
        tmp_path,
        "keys",
        "rotate",
        TELEKOL_DATABASE_URL=database_url,
        TELEKOL_CIVIL_REGISTRATION_KEYS=str(file),
    )
    with rotate:
        assert rotate.wait(30) == 0, rotate.output()
    assert "1 numbers sealed anew" in rotate.output()
    assert connection.execute("select key_id from civil_registration").fetchall() == [("next",)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"at least one \[\[seal\]\]"),
        ('[[seal]]\nid = "a"\nkey = "AAAA"\n', "expected 32 bytes as key 'a', found 3"),
        ("not toml", "found TOMLDecodeError"),
    ],
)
def test_a_wrong_file_is_named_and_no_key_is_shown(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(KeyRingError, match=said):
        civil_registration.read(file)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(civil_registration.new_file(2026), encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(KeyRingError, match="chmod 600"):
        civil_registration.read(file)
