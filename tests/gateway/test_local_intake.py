"""What is handed in at home, onto the disk: kept once, known again, never lost, never logged."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.condition import Condition
from gateway.door.folder import AT_ONCE, STILL_S, DropFolder
from gateway.door.intake import LocalIntake
from gateway.door.spirometry_store import KEPT_FOR, LIMIT_BYTES, SpirometryStore
from gateway.errors import OutboxError, TimeUnknownError
from gateway.keeping.outbox import Outbox
from telekol.observation import Entry, Observation, TimeConfidence
from telekol.quantities import Quantity
from telekol.troubles import TroubleCode
from tests.gateway.conftest import GATEWAY
from tests.gateway.test_spirometry import blow, document

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Copenhagen")


class Home:
    """An intake over a real outbox, with a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.woken = 0
        self.outbox = Outbox.open(folder / "outbox.db", NOW)
        self.documents = folder / "documents"
        self.condition = Condition()
        self.knows_time = True
        self.intake = self.as_gateway(GATEWAY)

    def as_gateway(self, gateway: str) -> LocalIntake:
        return LocalIntake(
            gateway,
            self.outbox,
            SpirometryStore(self.documents),
            zone=ZONE,
            on_kept=self._wake,
            now=lambda: self.now,
            condition=self.condition,
            knows_time=lambda: self.knows_time,
        )

    def _wake(self) -> None:
        self.woken += 1

    @property
    def rows(self) -> dict[Quantity, Observation]:
        found = self.outbox.read(1, self.outbox.last_seq, self.now)
        return {item.quantity: item for item in found}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.outbox.close()


def session(*blows: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps(document(*blows, **fields)).encode()


def form(readings: dict[str, Any], key: str = "key-0001", **fields: Any) -> bytes:
    return json.dumps({"key": key, "readings": readings, **fields}).encode()


# ------------------------------------------------------------------------------- spirometry


def test_a_session_is_kept_with_its_document_and_known_the_next_time(home: Home) -> None:
    first = home.intake.take_spirometry(session())
    assert first.status is HTTPStatus.CREATED
    assert [one["quantity"] for one in first.content["kept"]] == ["fev1", "fvc", "fev1_fvc"]
    (file,) = home.documents.iterdir()
    assert file.read_bytes() == session()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = home.intake.take_spirometry(session())
    assert (again.status, again.content["known"]) == (HTTPStatus.OK, 3)
    assert home.outbox.last_seq == 3
    assert len(list(home.documents.iterdir())) == 1
    assert home.woken == 1


def test_a_sessions_time_with_an_offset_is_kept_in_utc(home: Home) -> None:
    home.intake.take_spirometry(session())
    fev1 = home.rows[Quantity.FEV1]
    assert fev1.measured_at == datetime(2026, 3, 14, 7, 30, 5, tzinfo=UTC)
    assert fev1.time_confidence is TimeConfidence.CLOCK_UNCHECKED
    assert (fev1.clock_offset_s, fev1.entered) == (0.0, Entry.AUTOMATIC)


def test_a_device_time_is_read_in_the_home_and_kept_uncorrected(home: Home) -> None:
    naive = datetime(2026, 3, 14, 8, 30, 5)  # noqa: DTZ001 - the device's own
    home.intake.take_spirometry(session(measured_at=None, device_time=naive.isoformat()))
    fev1 = home.rows[Quantity.FEV1]
    assert fev1.measured_at == datetime(2026, 3, 14, 7, 30, 5, tzinfo=UTC)
    assert (fev1.device_time, fev1.clock_offset_s) == (naive, -3600.0)


def test_the_same_session_through_two_gateways_has_the_same_ids(home: Home) -> None:
    home.intake.take_spirometry(session())
    answer = home.as_gateway("gw-another").take_spirometry(session())
    assert (answer.status, answer.content["known"]) == (HTTPStatus.OK, 3)


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:00", "2027-03-14T08:30:05"])
def test_a_time_that_cannot_be_true_is_arrival_and_still_known_again(
    home: Home, stamp: str
) -> None:
    raw = session(measured_at=None, device_time=stamp)
    assert home.intake.take_spirometry(raw).status is HTTPStatus.CREATED
    fev1 = home.rows[Quantity.FEV1]
    assert (fev1.time_confidence, fev1.measured_at) == (TimeConfidence.ARRIVAL, NOW)
    assert "device-time-implausible" in fev1.quality
    home.now += timedelta(hours=3)
    assert home.intake.take_spirometry(raw).content["known"] == 3


def test_another_session_with_the_same_time_is_a_conflict_and_is_said(home: Home) -> None:
    home.intake.take_spirometry(session())
    answer = home.intake.take_spirometry(session(blow(1, fev1_l=1.7), blow(2)))
    assert answer.status is HTTPStatus.CONFLICT
    assert [one["field"] for one in answer.content["conflicts"]] == ["fev1", "fev1_fvc"]
    assert home.rows[Quantity.FEV1].value == 1.52
    assert len(list(home.documents.iterdir())) == 2  # nothing of it is lost


def test_a_session_of_bad_blows_alone_keeps_its_document_and_says_why(home: Home) -> None:
    answer = home.intake.take_spirometry(session(blow(1, flags=["bad-test"])))
    assert answer.status is HTTPStatus.ACCEPTED
    assert answer.content["kept"] == []
    assert answer.content["held_back"][0].startswith("blow 1: bad-test: ")
    assert len(list(home.documents.iterdir())) == 1


def test_a_wrong_document_is_refused_field_by_field_and_not_kept(home: Home) -> None:
    answer = home.intake.take_spirometry(session(blow(1, fvc="2.6"), version=2))
    assert answer.status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert {one["field"] for one in answer.content["errors"]} == {"version", "blows.0.fvc"}
    assert all(set(one) == {"field", "expected", "found"} for one in answer.content["errors"])
    assert not home.documents.exists()


def test_a_document_that_cannot_be_kept_gives_no_reading(home: Home) -> None:
    home.documents.write_text("a file where the folder should be")
    with pytest.raises(OutboxError, match="could not be kept"):
        home.intake.take_spirometry(session())
    assert home.outbox.last_seq == 0


def test_no_value_is_logged(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    home.intake.take_spirometry(session(blow(1, pef={"value": 5.37, "unit": "L/min"}), blow(2)))
    home.intake.take_typed(form({"body_weight": 71.93}))
    home.intake.take_typed(form({"body_weight": 72.93}))
    assert caplog.text.count("kept") == 2
    assert not any(number in caplog.text for number in ("5.37", "1.52", "2.61", "71.93", "72.93"))


# ------------------------------------------------------------------------------------- typed


def test_typed_readings_are_kept_and_told_apart_by_who_typed(home: Home) -> None:
    home.intake.take_typed(form({"spo2": 91}))
    home.intake.take_typed(form({"pulse_rate": 88}, "key-0002", by="nurse", instrument="Onyx"))
    spo2, pulse = home.rows[Quantity.SPO2], home.rows[Quantity.PULSE_RATE]
    assert (spo2.entered, spo2.measured_at) == (Entry.TYPED, NOW)
    assert (spo2.time_confidence, spo2.device_time) == (TimeConfidence.ARRIVAL, None)
    assert (pulse.entered, pulse.device.model) == (Entry.TYPED_BY_NURSE, "Onyx")
    assert spo2.device.address == f"typed:{GATEWAY}"


def test_the_same_key_is_one_reading_however_often_it_is_sent(home: Home) -> None:
    assert home.intake.take_typed(form({"spo2": 91})).status is HTTPStatus.CREATED
    home.now += timedelta(hours=2)
    again = home.intake.take_typed(form({"spo2": "91,0"}))
    assert (again.status, again.content["known"]) == (HTTPStatus.OK, 1)
    assert home.outbox.last_seq == 1
    assert home.intake.take_typed(form({"spo2": 91}, "key-0002")).status is HTTPStatus.CREATED


def test_the_same_key_with_another_number_is_a_conflict(home: Home) -> None:
    home.intake.take_typed(form({"spo2": 91}))
    answer = home.intake.take_typed(form({"spo2": 92, "pulse_rate": 88}))
    assert answer.status is HTTPStatus.CONFLICT
    assert [one["field"] for one in answer.content["conflicts"]] == ["spo2"]
    assert answer.content["conflicts"][0]["danish"]
    assert [one["quantity"] for one in answer.content["kept"]] == ["pulse_rate"]
    assert home.rows[Quantity.SPO2].value == 91


def test_a_stated_time_says_that_it_is_stated(home: Home) -> None:
    home.intake.take_typed(form({"spo2": 91}, at="2026-03-13T20:00"))
    spo2 = home.rows[Quantity.SPO2]
    assert spo2.measured_at == datetime(2026, 3, 13, 19, tzinfo=UTC)
    assert spo2.time_confidence is TimeConfidence.STATED


def test_a_stated_time_a_little_ahead_counts_as_now(home: Home) -> None:
    home.intake.take_typed(form({"spo2": 91}, at="2026-03-14T08:33Z"))
    assert home.rows[Quantity.SPO2].measured_at == NOW


def test_an_asked_back_number_spares_nothing_of_the_form(home: Home) -> None:
    answer = home.intake.take_typed(form({"spo2": 91, "pef": "5,2"}))
    assert answer.status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert "312" in answer.content["errors"][0]["danish"]
    assert home.outbox.last_seq == 0  # the person sends the whole form again


def test_nothing_is_taken_before_the_time_is_known(home: Home, tmp_path: Path) -> None:
    home.knows_time = False
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.json").write_bytes(session())
    drop = DropFolder(tmp_path / "drop", home.intake.take_spirometry)
    still = (tmp_path / "drop" / "a.json").stat().st_mtime + 60
    with pytest.raises(TimeUnknownError):
        home.intake.take_typed(form({"spo2": 91}))
    with pytest.raises(TimeUnknownError):
        drop.sweep(still)
    assert (home.outbox.last_seq, home.documents.exists()) == (0, False)
    home.knows_time = True
    assert drop.sweep(still) == 1
    assert home.intake.take_typed(form({"spo2": 91})).status is HTTPStatus.CREATED


def test_the_condition_counts_what_waits(home: Home) -> None:
    assert home.intake.condition().content["waiting"] == 0
    home.intake.take_typed(form({"spo2": 91}))
    home.now += timedelta(minutes=5)
    content = home.intake.condition().content
    assert (content["waiting"], content["oldest_waits_s"]) == (1, 300)
    assert (content["gateway"], content["troubles"]) == (GATEWAY, [])


def test_the_condition_says_what_is_wrong_and_what_to_do(home: Home) -> None:
    home.condition.raise_trouble(TroubleCode.RADIO_UNAVAILABLE, None, "no adapter", NOW)
    home.condition.set_clock(False, "no server of time was heard")
    content = home.intake.condition().content
    assert content["clock_trusted"] is False
    (trouble,) = content["troubles"]
    assert (trouble["code"], trouble["since"]) == ("radio-unavailable", NOW.isoformat())
    assert trouble["danish"].startswith("Hjemmeboksens Bluetooth kan ikke bruges. Sluk")
    assert trouble["english"].startswith("The gateway's Bluetooth cannot be used. Switch")


# ----------------------------------------------------------------------------------- folders


def test_documents_are_forgotten_after_thirty_days(tmp_path: Path) -> None:
    store = SpirometryStore(tmp_path)
    store.keep(b"old", "a" * 64, NOW)
    store.keep(b"new", "b" * 64, NOW + timedelta(days=2))
    (tmp_path / "somebody-elses.json").write_text("{}")
    (tmp_path / "half.json.part").write_text("cut off by a crash")
    assert store.prune(NOW + KEPT_FOR) == 0
    assert store.prune(NOW + KEPT_FOR + timedelta(days=1)) == 1
    names = {file.name[-8:] for file in tmp_path.iterdir()}
    assert names == {"bbb.json", "ses.json"}


def test_the_oldest_documents_make_room(tmp_path: Path) -> None:
    store = SpirometryStore(tmp_path)
    for number in range(5):
        raw = bytes([number]) * (LIMIT_BYTES // 4)
        store.keep(raw, f"{number:064}", NOW + timedelta(hours=number))
    assert store.prune(NOW) == 1
    assert len(list(tmp_path.iterdir())) == 4


def test_a_dropped_file_is_taken_once_and_moved(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    drop = DropFolder(folder, home.intake.take_spirometry)
    assert drop.sweep(0) == 0  # makes the folder
    good, bad = folder / "a.json", folder / "b.json"
    good.write_bytes(session())
    bad.write_bytes(b"{}")
    still = good.stat().st_mtime + STILL_S
    assert drop.sweep(still - 1) == 0  # may still be written
    assert drop.sweep(still + 1) == 2
    assert (folder / "taken" / "a.json").read_bytes() == session()
    assert "fev1" in (folder / "taken" / "a.answer.txt").read_text()
    assert "blows" in (folder / "refused" / "b.answer.txt").read_text()
    good.write_bytes(session())
    assert drop.sweep(still + 60) == 1
    assert (folder / "taken" / "a-2.json").exists()
    assert home.outbox.last_seq == 3


def test_a_dropped_file_that_cannot_be_kept_stays(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "a.json").write_bytes(session())
    home.documents.write_text("a file where the folder should be")
    drop = DropFolder(folder, home.intake.take_spirometry)
    with pytest.raises(OutboxError):
        drop.sweep((folder / "a.json").stat().st_mtime + 60)
    assert (folder / "a.json").exists()


def test_a_link_in_the_drop_folder_is_not_followed(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(session())
    (folder / "a.json").symlink_to(tmp_path / "secret")
    drop = DropFolder(folder, home.intake.take_spirometry)
    assert drop.sweep((tmp_path / "secret").stat().st_mtime + 60) == 0


def _still(folder: Path) -> float:
    return max(file.lstat().st_mtime for file in folder.iterdir()) + 60


def test_one_dropped_file_that_cannot_be_read_keeps_no_other_back(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    for name in ("a.json", "b.json"):
        (folder / name).write_bytes(session())
    opened = os.open

    def of_another_user(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith("a.json"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", of_another_user)
    drop = DropFolder(folder, home.intake.take_spirometry)
    with pytest.raises(PermissionError):
        drop.sweep(_still(folder))
    assert (folder / "taken" / "b.json").exists()
    assert (folder / "a.json").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("surrogate.json", b'{"\\ud800": 1, "blows": ["\\udfff"]}'),
        ("deep.json", b"[" * 60_000),
        ("digits.json", b'{"blows": ' + b"9" * 5000 + b"}"),
        ("bytes.json", b"\xff\x00\xfe"),
        ("empty.json", b""),
        ("x" * 250 + ".json", b"{}"),
        ("line\nfeed \u00f8.json", b"{}"),
    ],
)
def test_a_hostile_dropped_file_is_refused_and_does_no_harm(
    home: Home, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / name).write_bytes(content)
    (folder / "z.json").write_bytes(session())
    drop = DropFolder(folder, home.intake.take_spirometry)
    assert drop.sweep(_still(folder)) == 2
    assert [file.name for file in folder.glob("*.json")] == []
    assert len(list((folder / "refused").iterdir())) == 2
    assert (folder / "taken" / "z.json").exists()


def test_a_huge_file_a_pipe_and_a_folder_are_no_documents(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    with (folder / "huge.json").open("wb") as huge:
        huge.truncate(1 << 30)
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    drop = DropFolder(folder, home.intake.take_spirometry)
    assert drop.sweep(_still(folder)) == 1
    assert (folder / "refused" / "huge.json").exists()


def test_a_file_from_a_clock_that_ran_ahead_is_taken(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "a.json").write_bytes(session())
    os.utime(folder / "a.json", (4e9, 4e9))
    drop = DropFolder(folder, home.intake.take_spirometry)
    assert drop.sweep(NOW.timestamp()) == 1


def test_a_thousand_dropped_files_do_not_hold_up_the_gateway(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    for number in range(AT_ONCE + 5):
        (folder / f"{number:04}.json").write_bytes(session())
    drop = DropFolder(folder, home.intake.take_spirometry)
    assert drop.sweep(_still(folder)) == AT_ONCE
    assert drop.sweep(_still(folder)) == 5
