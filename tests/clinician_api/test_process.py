"""``telekol api`` as the process it is in production."""

from __future__ import annotations

import httpx

from tests.clinician_api.conftest import SECRET
from tests.support.processes import Process, free_port, telekol, wait_until


def _api(tmp_path, database_url, port) -> Process:
    return telekol(
        tmp_path,
        "api",
        TELEKOL_DATABASE_URL=database_url,
        TELEKOL_API_SECRET=SECRET,
        TELEKOL_API_PORT=str(port),
    )


def _is_well(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def test_serves_until_it_is_asked_to_stop(tmp_path, database_url):
    port = free_port()
    with _api(tmp_path, database_url, port) as process:
        wait_until(lambda: _is_well(port), "the service to be well")
        assert process.stop() == 0
    assert f"Board at http://127.0.0.1:{port}/" in process.output()
    assert SECRET not in process.output()


def test_a_taken_port_is_one_clear_message(tmp_path, database_url):
    port = free_port()
    with _api(tmp_path, database_url, port):
        wait_until(lambda: _is_well(port), "the first to be well")
        (tmp_path / "second").mkdir()
        with _api(tmp_path / "second", database_url, port) as second:
            assert second.wait() == 2
            assert "TELEKOL_API_PORT" in second.output()
            assert "Traceback" not in second.output()
