"""The parts of bleak and Bumble that are not promised to us, but that we rely on.

A mock would still pass after an upgrade that moves them; this fails.
"""

from __future__ import annotations

import inspect

import pytest
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import BaseBleakScanner
from bumble import att, gatt_client, hci
from bumble.controller import Controller
from bumble.device import Device
from bumble.gatt_client import Client
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import BaseSource

from gateway.radio.bumble_client import BumbleClient
from gateway.radio.bumble_scanner import BumbleScanner
from gateway.radio.commit_first import CommitFirstClient
from gateway.radio.host import PatientHost


@pytest.mark.parametrize(
    ("name", "pdu"),
    [
        ("on_att_handle_value_indication", att.ATT_Handle_Value_Indication(1, b"")),
        ("on_att_handle_value_notification", att.ATT_Handle_Value_Notification(1, b"")),
    ],
)
def test_bumble_dispatches_to_the_methods_we_override(name: str, pdu: att.ATT_PDU) -> None:
    assert f"on_{pdu.name.lower()}" == name
    assert name in vars(Client)
    assert name in vars(CommitFirstClient)


def test_bumble_confirms_only_in_the_method_we_override() -> None:
    assert inspect.getsource(gatt_client).count("self.send_confirmation(") == 1
    assert "send_confirmation" in inspect.getsource(Client.on_att_handle_value_indication)


def test_a_connection_asks_its_gatt_client_at_each_pdu() -> None:
    assert "connection.gatt_client.on_gatt_pdu" in inspect.getsource(Device.on_gatt_pdu)


def test_the_controller_still_lacks_what_home_controller_adds() -> None:
    reset = inspect.getsource(Controller.on_hci_reset_command)
    assert "TODO" in reset, "Bumble's controller may reset by itself now: review HomeController"
    for name in (
        "on_hci_le_create_connection_cancel_command",
        "create_le_connection",
        "on_ll_control_pdu",
        "on_le_disconnected",
    ):
        assert callable(getattr(Controller, name))
    assert callable(LocalLink.find_le_controller)


def test_a_lost_transport_ends_its_future_and_flushes_the_host() -> None:
    source = inspect.getsource(BaseSource.on_transport_lost)
    assert "terminated" in source
    assert "flush" in inspect.getsource(Host.on_transport_lost)
    assert "EVENT_DISCONNECTION" in inspect.getsource(Device.on_flush)
    assert hasattr(hci, "HCI_LE_Create_Connection_Cancel_Command")


def test_every_abstract_method_of_bleak_is_ours() -> None:
    assert not inspect.isabstract(BumbleClient)
    assert not inspect.isabstract(BumbleScanner)
    assert BaseBleakClient.__abstractmethods__ >= {"connect", "start_notify"}
    assert BaseBleakScanner.__abstractmethods__ == {"start", "stop"}


def test_bumble_sends_every_command_by_the_method_we_override() -> None:
    assert inspect.getsource(Host).count("self._send_command(") == 3
    assert "_send_command" in vars(PatientHost)
    assert "command_semaphore.acquire" in inspect.getsource(Host._send_command)
