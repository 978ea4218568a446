"""Settings and command line: what is wrong is answered by name."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.commands import app
from gateway.errors import OutboxError
from gateway.keeping.outbox import Outbox
from gateway.settings import _CONTROLLERS, GatewaySettings
from telekol.errors import SettingsError
from telekol.settings import load
from tests.gateway.conftest import NOW

NEEDED = {"gateway_id": "gw-test-001", "gateway_outbox": "outbox.db"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("TELEKOL_"):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load(GatewaySettings, **NEEDED)
    assert settings.zone.key == "Europe/Copenhagen"
    assert settings.gateway_radio == "platform"
    assert settings.gateway_outbox == Path.cwd() / "outbox.db"
    assert (settings.policy.resend_first_s, settings.policy.resend_most_s) == (10, 300)


def test_the_environment_is_read_and_options_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEKOL_GATEWAY_ID", "gw-from-environment")
    monkeypatch.setenv("TELEKOL_GATEWAY_RADIO", "usb:0")
    settings = load(GatewaySettings, **NEEDED, gateway_radio=None)
    assert (settings.gateway_id, settings.gateway_radio) == ("gw-test-001", "usb:0")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gateway_id": "Gw/1"}, "TELEKOL_GATEWAY_ID is wrong"),
        ({"gateway_id": None}, "TELEKOL_GATEWAY_ID is not set"),
        ({"gateway_outbox": None}, "TELEKOL_GATEWAY_OUTBOX is not set"),
        ({"gateway_device_timezone": "Mars/Base"}, "like Europe/Copenhagen, found 'Mars/Base'"),
        ({"gateway_device_timezone": "../../etc"}, "TELEKOL_GATEWAY_DEVICE_TIMEZONE is wrong"),
        ({"gateway_resend_first_s": 0}, "TELEKOL_GATEWAY_RESEND_FIRST_S is wrong"),
        ({"gateway_radio": "nonsense:1"}, "TELEKOL_GATEWAY_RADIO is wrong"),
        ({"gateway_radio": "usb"}, "found 'usb'"),
        ({"gateway_radio": "platform:0"}, "expected platform, or an HCI controller like usb:0"),
        ({"gateway_outbox": "/"}, "TELEKOL_GATEWAY_OUTBOX is wrong"),
        ({"broker_url": "http://x"}, "TELEKOL_BROKER_URL is wrong"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(GatewaySettings, **{**NEEDED, **wrong})


@pytest.mark.parametrize("radio", ["platform", "usb:0", "hci-socket", "tcp-client:localhost:6402"])
def test_a_radio_that_can_be_meant_is_taken(radio: str) -> None:
    assert load(GatewaySettings, **NEEDED, gateway_radio=radio).gateway_radio == radio


def test_every_radio_that_is_taken_is_one_of_bumbles() -> None:
    from bumble import transport

    source = inspect.getsource(transport)
    assert [kind for kind in _CONTROLLERS if f"'{kind}'" not in source] == []


def test_a_folder_as_outbox_is_answered_by_name_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(SettingsError, match="is a folder; add a file's name"):
        load(GatewaySettings, **{**NEEDED, "gateway_outbox": folder})
    with pytest.raises(OutboxError, match="found a folder"):
        Outbox.open(folder, NOW)
    assert list(tmp_path.iterdir()) == [folder]


def test_help_reads_well() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert "Read the devices of one home" in result.output
    assert "Example:" in result.output


def test_a_wrong_setting_ends_the_command_with_one_message() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "telekol", "gateway", "--id", "x", "--outbox", "o.db"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "TELEKOL_GATEWAY_ID is wrong (found 'x')" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gateway_loads_no_server_library() -> None:
    script = (
        "import sys, gateway.service, gateway.commands\n"
        "print([name for name in ('numpy', 'psycopg', 'fastapi', 'sqlmodel', 'device_sim') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
