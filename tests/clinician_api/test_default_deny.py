"""Nothing is open unless it is named: every route of the application, asked by a stranger."""

from __future__ import annotations

import re
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
        path = (route.path or "").replace("{step}", "refuse")  # both addresses know it
        path = path.replace("{number}", "1")
        path = re.sub(r"\{\w+_id\}", SOMEBODY, path)
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


PHYSICIANS = {"physician-1"}
CARE = {"nurse-1", "physician-1"}
SEEING = CARE | {"viewer-1"}
TECHNICAL = CARE | {"support-1"}
EVERYBODY = SEEING | TECHNICAL

WHO_MAY: dict[str, set[str]] = {
    # By the beginning of the path, the longest that fits; POST is what changes something.
    "GET /": EVERYBODY,
    "GET /board": SEEING,
    "GET /board/events": EVERYBODY,  # ids of patients only to those who may see them
    "GET /held": SEEING,
    f"GET /held/{SOMEBODY}": CARE,
    "POST /held": CARE,
    "GET /patients": SEEING,
    "POST /patients": CARE,
    "POST /cases": CARE,
    "GET /api": SEEING,
    "GET /technical": TECHNICAL,
    "GET /rules": SEEING,
    "GET /rules/1": PHYSICIANS,
    "POST /rules": PHYSICIANS,
    f"POST /patients/{SOMEBODY}/usual": PHYSICIANS,
    f"POST /patients/{SOMEBODY}/limits": PHYSICIANS,
    f"GET /patients/{SOMEBODY}/limits/confirm": PHYSICIANS,
    "POST /sign-out": EVERYBODY,
}


def _allowed(method: str, path: str) -> set[str]:
    asked = f"{'GET' if method == 'HEAD' else method} {path}"
    fitting = [key for key in WHO_MAY if asked == key or asked.startswith(key.rstrip("/") + "/")]
    fitting = [key for key in fitting if key != "GET /" or path == "/"]
    assert fitting, f"say in WHO_MAY who may {asked}"
    return WHO_MAY[max(fitting, key=len)]


@pytest.mark.parametrize("clinician", sorted(EVERYBODY))
async def test_a_role_may_what_is_written_here_and_nothing_else(anonymous, ward, clinician):
    for method, path in ROUTES:
        if guard.is_public(path) or path in {"/static", "/board/events"}:
            continue
        await anonymous.post("/sign-in", data={"clinician": clinician})
        answer = await anonymous.request(method, path, headers={"accept": "application/json"})
        if clinician in _allowed(method, path):
            # What is asked of does not exist, or the form is empty; but they may ask.
            assert answer.status_code in {200, 204, 303, 307, 404, 409, 422}, (method, path)
        else:
            found = (method, path, answer.status_code, answer.json()["code"])
            assert found == (method, path, 403, "forbidden")


async def test_a_membership_that_ended_takes_its_rights_along(anonymous, ward):
    await anonymous.post("/sign-in", data={"clinician": "nurse-1"})
    assert (await anonymous.get("/board")).status_code == 200
    ward.connection.execute(
        "update membership set period = tstzrange(now() - interval '2 days', "
        "now() - interval '1 day') where clinician_id = 'nurse-1'"
    )
    assert (await anonymous.get("/board")).status_code == 403


async def test_support_is_led_to_the_homes_and_sees_no_name(anonymous, ward):
    ward.add_home(ward.add_patient("Asta Prøvesen"))
    answer = await anonymous.post("/sign-in", data={"clinician": "support-1"})
    assert answer.headers["location"] == "/"
    assert (await anonymous.get("/")).headers["location"] == "/technical"
    page = (await anonymous.get("/technical", headers={"accept": "text/html"})).text
    assert "kit-1" in page
    assert "Asta" not in page
    assert 'href="/board"' not in page


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


@pytest.mark.parametrize("action", ["acknowledge", "unacknowledge", "clear"])
async def test_reading_changes_nothing(nurse, action):
    answer = await nurse.get(f"/cases/{uuid4()}/{action}")
    assert answer.status_code == 405
