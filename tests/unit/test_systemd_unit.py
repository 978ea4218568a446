"""The systemd unit fits the gateway that it starts."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.listening.recovery import RESTART_STATUS
from gateway.settings import GatewaySettings

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "telekol-gateway.service"
NEWER_THAN_DEBIAN_12 = ("RestartSteps", "RestartMaxDelaySec")


@pytest.fixture
def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT, encoding="utf-8")
    return parser["Service"]


def test_it_is_told_of_the_start_watched_and_always_started_again(
    service: configparser.SectionProxy,
) -> None:
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 30
    assert service["Restart"] == "always"
    assert "telekol gateway" in service["ExecStart"]


def test_it_knows_the_status_that_asks_for_bluetooth_to_be_restarted(
    service: configparser.SectionProxy,
) -> None:
    assert f'"$EXIT_STATUS" = {RESTART_STATUS}' in service["ExecStopPost"]


def test_all_that_the_gateway_writes_lies_in_its_folder(
    service: configparser.SectionProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = UNIT.read_text(encoding="utf-8")
    outbox = text.partition("TELEKOL_GATEWAY_OUTBOX=")[2].partition("\n")[0]
    monkeypatch.setenv("TELEKOL_GATEWAY_ID", "gw-test-001")
    monkeypatch.setenv("TELEKOL_GATEWAY_OUTBOX", outbox)
    monkeypatch.setenv("TELEKOL_BROKER_URL", "mqtt://127.0.0.1:1883")
    settings = GatewaySettings()
    folder = Path("/var/lib") / service["StateDirectory"]
    for path in (settings.gateway_outbox, settings.bonds, settings.restarts):
        assert path.parent == folder
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"


def test_systemd_understands_it(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("this system has no systemd to ask")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/telekol/bin/telekol", "/bin/true")
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    found = subprocess.run(
        [program, "verify", str(copy)], capture_output=True, text=True, check=False, timeout=50
    )
    complaints = [
        line
        for line in found.stderr.splitlines()
        if UNIT.name in line and not any(key in line for key in NEWER_THAN_DEBIAN_12)
    ]
    assert complaints == []
