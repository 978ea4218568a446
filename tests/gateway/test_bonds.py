"""Bonds that are carried to another gateway."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.bonds import file as bond_file
from gateway.bonds import places as bond_places
from gateway.bonds.file import Bonds, Place, seal, unseal
from gateway.commands import app
from gateway.device_notes import CONSENT, DeviceNotes
from gateway.errors import BondFileError
from gateway.keeping.place import FileLock
from gateway.radio.bond_store import read, write

CODE = '{"index": 1, "code": 1234}'
PASSPHRASE = "a long enough passphrase"
OLD, NEW = "0A:00:00:00:00:01", "0A:00:00:00:00:02"
SCALE, PHONE = "C0:FF:EE:00:00:01", "C0:FF:EE:00:00:02"
BONDS = Bonds(Place.HCI, "C1:00:00:00:00:01", {SCALE: {"ltk": {"value": "00" * 16}}})


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bond_file, "_COST", 2**4)


def test_what_is_sealed_comes_out_and_does_not_show() -> None:
    sealed = seal(BONDS, PASSPHRASE)
    assert unseal(sealed, PASSPHRASE) == BONDS
    assert SCALE.encode() not in sealed
    assert seal(BONDS, PASSPHRASE) != sealed


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(BondFileError, match="do not fit"):
        unseal(seal(BONDS, PASSPHRASE), PASSPHRASE + "!")


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(BondFileError, match="at least 12"):
        seal(BONDS, "short")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damaged_byte_goes_unseen(data: st.DataObject) -> None:
    sealed = bytearray(SEALED)
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BondFileError):
        unseal(bytes(sealed), PASSPHRASE)


@pytest.mark.parametrize("cut", [0, 1, 40, 150, -1])
def test_no_cut_goes_unseen(cut: int) -> None:
    with pytest.raises(BondFileError):
        unseal(SEALED[:cut], PASSPHRASE)


@given(data=st.binary(max_size=200))
def test_any_bytes_give_the_one_error(data: bytes) -> None:
    with pytest.raises(BondFileError, match=r"format telekol-bonds version 1, found"):
        unseal(data, PASSPHRASE)


def _sealed() -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bond_file, "_COST", 2**4)
        return seal(BONDS, PASSPHRASE)


SEALED = _sealed()


def test_another_version_and_an_absurd_cost_are_refused() -> None:
    head, _, rest = SEALED.partition(b"\n")
    for change, said in (
        ({"version": 2}, "version 2"),
        ({"cost": 2**40}, "damaged"),
        ({"cost": 3}, "damaged"),
        ({"salt": "zz"}, "damaged"),
        ({"nonce": ""}, "damaged"),
    ):
        other = json.dumps({**json.loads(head), **change}).encode()
        with pytest.raises(BondFileError, match=said):
            unseal(other + b"\n" + rest, PASSPHRASE)


# -- HCI ---------------------------------------------------------------------------------------


def test_hci_bonds_move_with_their_identity(tmp_path: Path) -> None:
    write(tmp_path / "old", {BONDS.identity: {SCALE: dict(BONDS.devices[SCALE])}})
    bonds = bond_places.from_hci(tmp_path / "old")
    assert bonds == BONDS
    bond_places.into_hci(tmp_path / "new", bonds)
    assert read(tmp_path / "new") == read(tmp_path / "old")
    bond_places.into_hci(tmp_path / "new", bonds)


def test_hci_bonds_of_another_gateway_are_not_written_over(tmp_path: Path) -> None:
    write(tmp_path / "new", {"C9:00:00:00:00:09": {PHONE: {}}})
    with pytest.raises(BondFileError, match="would be lost"):
        bond_places.into_hci(tmp_path / "new", BONDS)
    with pytest.raises(BondFileError, match="found none"):
        bond_places.from_hci(tmp_path / "absent")


def test_bonds_of_the_other_kind_of_radio_are_refused(tmp_path: Path) -> None:
    other = Bonds(Place.BLUEZ, OLD, {})
    with pytest.raises(BondFileError, match="TELEKOL_GATEWAY_RADIO"):
        bond_places.into_hci(tmp_path / "new", other)
    with pytest.raises(BondFileError, match="TELEKOL_GATEWAY_RADIO"):
        bond_places.into_bluez(BONDS, tmp_path)


# -- BlueZ -------------------------------------------------------------------------------------

INFO = "[General]\nName=A scale\n\n[LongTermKey]\nKey=00112233445566778899AABBCCDDEEFF\n"


@pytest.fixture
def bluez(tmp_path: Path) -> Callable[[str], Path]:
    def make(adapter: str) -> Path:
        folder = tmp_path / adapter.replace(":", "")
        (folder / adapter / "cache").mkdir(parents=True)
        return folder

    return make


def test_bluez_bonds_move_to_the_same_adapter(bluez: Callable[[str], Path]) -> None:
    old = bluez(OLD)
    for device, text in ((SCALE, INFO), (PHONE, "[General]\nName=Seen once\n")):
        (old / OLD / device).mkdir()
        (old / OLD / device / "info").write_text(text, encoding="utf-8")
    bonds = bond_places.from_bluez(old)
    assert bonds == Bonds(Place.BLUEZ, OLD, {SCALE: {"info": INFO}})
    (old / OLD / SCALE / "info").unlink()
    bond_places.into_bluez(bonds, old)
    written = old / OLD / SCALE / "info"
    assert written.read_text(encoding="utf-8") == INFO
    assert written.stat().st_mode & 0o077 == 0


def test_bluez_bonds_for_another_adapter_are_refused_unless_asked_for(
    bluez: Callable[[str], Path],
) -> None:
    new = bluez(NEW)
    bonds = Bonds(Place.BLUEZ, OLD, {SCALE: {"info": INFO}})
    with pytest.raises(BondFileError, match=f"public-addr {OLD}"):
        bond_places.into_bluez(bonds, new)
    bond_places.into_bluez(bonds, new, other_adapter=True)
    assert (new / NEW / SCALE / "info").read_text(encoding="utf-8") == INFO


def test_bluez_names_that_lead_elsewhere_are_refused(bluez: Callable[[str], Path]) -> None:
    new = bluez(NEW)
    for name in ("../../etc", "C0:FF:EE:00:00", "C0:FF:EE:00:00:..", ""):
        with pytest.raises(BondFileError, match="addresses of devices"):
            bond_places.into_bluez(Bonds(Place.BLUEZ, NEW, {name: {"info": ""}}), new)


def test_no_adapter_no_bonds_and_no_access_are_said(
    tmp_path: Path, bluez: Callable[[str], Path]
) -> None:
    with pytest.raises(BondFileError, match="Expected one adapter"):
        bond_places.from_bluez(tmp_path / "nothing")
    with pytest.raises(BondFileError, match="found none"):
        bond_places.from_bluez(bluez(OLD))
    (tmp_path / "file" / OLD).mkdir(parents=True)
    (tmp_path / "file" / OLD / SCALE).write_text("not a folder", encoding="utf-8")
    with pytest.raises(BondFileError, match="systemctl stop bluetooth"):
        bond_places.into_bluez(Bonds(Place.BLUEZ, OLD, {SCALE: {"info": INFO}}), tmp_path / "file")


# -- the commands ------------------------------------------------------------------------------


def test_a_home_moves_to_another_gateway_by_two_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path / "old.db")
    write(tmp_path / "old.db.bonds", {BONDS.identity: {SCALE: dict(BONDS.devices[SCALE])}})
    old = DeviceNotes(tmp_path / "old.db.devices")
    old.write(SCALE, CONSENT, CODE)
    old.write(SCALE, "battery-kept-at", "2026-03-14")
    run = CliRunner()
    backup = tmp_path / "bonds.telekol"
    done = run.invoke(app, ["bonds", "backup", str(backup)], catch_exceptions=False)
    assert f"1 devices backed up: {SCALE}" in done.output
    assert backup.stat().st_mode & 0o077 == 0
    again = run.invoke(app, ["bonds", "backup", str(backup)])
    assert "is not written over" in str(again.exception)
    monkeypatch.setenv("TELEKOL_GATEWAY_OUTBOX", str(tmp_path / "new.db"))
    done = run.invoke(app, ["bonds", "restore", str(backup)], catch_exceptions=False)
    assert f"1 devices restored: {SCALE}" in done.output
    assert read(tmp_path / "new.db.bonds") == read(tmp_path / "old.db.bonds")
    assert f"with the consent of 1: {SCALE}" in done.output
    assert DeviceNotes(tmp_path / "new.db.devices").read(SCALE, CONSENT) == CODE
    assert DeviceNotes(tmp_path / "new.db.devices").about("battery-kept-at") == {}
    absent = run.invoke(app, ["bonds", "restore", str(tmp_path / "absent")])
    assert "cannot be read" in str(absent.exception)


def test_a_code_that_is_known_here_is_not_lost_to_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path / "new.db")
    backup = tmp_path / "bonds.telekol"
    backup.write_bytes(seal(replace(BONDS, consents={SCALE: CODE}), PASSPHRASE))
    own = '{"index": 4, "code": 4444}'
    DeviceNotes(tmp_path / "new.db.devices").write(SCALE, CONSENT, own)
    CliRunner().invoke(app, ["bonds", "restore", str(backup)], catch_exceptions=False)
    assert DeviceNotes(tmp_path / "new.db.devices").read(SCALE, CONSENT) == own


def test_a_backup_without_consents_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_consents(bonds: Bonds) -> dict[str, object]:
        return {"place": bonds.place, "identity": bonds.identity, "devices": bonds.devices}

    monkeypatch.setattr(bond_file, "asdict", without_consents)
    assert unseal(seal(BONDS, PASSPHRASE), PASSPHRASE) == BONDS


def test_nothing_is_restored_under_a_running_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path / "new.db")
    backup = tmp_path / "bonds.telekol"
    backup.write_bytes(seal(BONDS, PASSPHRASE))
    running = FileLock(tmp_path / "new.db.lock")
    done = CliRunner().invoke(app, ["bonds", "restore", str(backup)])
    assert "another process holds it" in str(done.exception)
    assert not (tmp_path / "new.db.bonds").exists()
    running.release()


def test_a_backup_that_is_cut_off_stands_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(monkeypatch, tmp_path / "old.db")
    write(tmp_path / "old.db.bonds", {BONDS.identity: {SCALE: dict(BONDS.devices[SCALE])}})
    backup = tmp_path / "bonds.telekol"

    def killed(_number: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        CliRunner().invoke(app, ["bonds", "backup", str(backup)])
    assert not backup.exists()
    CliRunner().invoke(app, ["bonds", "backup", str(backup)], catch_exceptions=False)
    assert unseal(backup.read_bytes(), PASSPHRASE) == BONDS


def _home(monkeypatch: pytest.MonkeyPatch, outbox: Path) -> None:
    monkeypatch.setenv("TELEKOL_GATEWAY_ID", "gw-test-001")
    monkeypatch.setenv("TELEKOL_GATEWAY_RADIO", "usb:0")
    monkeypatch.setenv("TELEKOL_BROKER_URL", "mqtt://127.0.0.1:1883")
    monkeypatch.setenv("TELEKOL_GATEWAY_BONDS_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("TELEKOL_GATEWAY_OUTBOX", str(outbox))


def test_the_window_is_opened_and_closed_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEKOL_GATEWAY_ID", "gw-test-001")
    monkeypatch.setenv("TELEKOL_BROKER_URL", "mqtt://127.0.0.1:1883")
    monkeypatch.setenv("TELEKOL_GATEWAY_OUTBOX", str(tmp_path / "outbox.db"))
    run = CliRunner()
    assert "may be paired until" in run.invoke(app, ["bonds", "pair", "--minutes", "5"]).output
    assert (tmp_path / "outbox.db.pairing").exists()
    run.invoke(app, ["bonds", "close"], catch_exceptions=False)
    assert not (tmp_path / "outbox.db.pairing").exists()
