"""Nothing is open unless it is named: every route of the application, asked by a stranger."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from clinician_api import guard
from clinician_api.app import create_app
from tests.clinician_api.conftest import settings_for

SOMEBODY = "5f0c2c0e-7c5e-4b2b-9d5a-3f1f6a9b0c11"
ANYWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def _routes() -> list[tuple[str, str]]:
    app = create_app(settings_for(ANYWHERE))
    found = []
    for route in iter_route_contexts(app.routes):
        path = (route.path or "").replace("{patient_id}", SOMEBODY).replace("{case_id}", SOMEBODY)
        found += [(method, path) for method in sorted(route.methods or {"GET"})]
    return found


ROUTES = _routes()


def test_the_walk_finds_the_routes():
    assert len(ROUTES) > 12
    assert ("GET", "/board") in ROUTES
    assert all("{" not in path for _, path in ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_stranger_is_sent_away(anonymous, method, path, accept):
    if guard.is_public(path) or path == "/static":
        return
    answer = await anonymous.request(method, path, headers={"accept": accept})
    if answer.status_code == 303:
        assert (method, answer.headers["location"]) == ("GET", "/sign-in")
    else:
        assert answer.status_code == 401


def test_what_is_public_is_exactly_this():
    public = {path for _, path in ROUTES if guard.is_public(path)}
    assert public == {"/sign-in", "/healthz"}


@pytest.mark.parametrize(
    "path", ["/nothing-here", "/docs", "/openapi.json", "/static", "/sign-in/", "/static/../board"]
)
async def test_a_path_nobody_serves_is_closed_too(anonymous, path):
    request = httpx.Request("GET", f"http://board.test{path}")
    answer = await anonymous.send(request)
    assert answer.status_code in {401, 404}
    assert "Asta" not in answer.text


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
async def test_static_serves_its_own_folder_only(anonymous, path):
    answer = await anonymous.get(path)
    assert answer.status_code in {401, 404}


@pytest.mark.parametrize("action", ["acknowledge", "unacknowledge"])
async def test_reading_changes_nothing(nurse, action):
    answer = await nurse.get(f"/cases/{uuid4()}/{action}")
    assert answer.status_code == 405
