"""A reading that does not hold: said with a reason, shown, and outside every number."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.clinician_api.ward import Ward

JSON = {"accept": "application/json"}
NOW = datetime.now(UTC)


class Course:
    """Three readings, the newest of which does not hold."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.patient = ward.add_patient()
        self.good = ward.add_reading(self.patient, 92, NOW - timedelta(days=2))
        self.at = NOW - timedelta(days=1)
        self.bad = ward.add_reading(self.patient, 71, self.at)
        ward.add_reading(self.patient, 93, NOW - timedelta(days=5))

    def address(self, reading: UUID | None = None) -> str:
        return f"/patients/{self.patient}/readings/{reading or self.bad}"

    def form(self, **more: object) -> dict[str, object]:
        usual = {"at": self.at.isoformat(), "seen": 0, "why": "technique", "counts": "true"}
        return usual | more

    def events(self) -> list[tuple[str, bool, str, str]]:
        return self.ward.connection.execute(
            "select kind, counts_as_submitted, reason, by_whom from validity_event order by id"
        ).fetchall()

    def newest(self) -> int:
        row = self.ward.connection.execute("select max(id) from validity_event").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def course(ward: Ward) -> Course:
    return Course(ward)


async def test_the_table_leads_to_the_reading(nurse, course):
    page = (await nurse.get(f"/patients/{course.patient}")).text
    link = re.search(rf'href="({course.address()}\?at=[^"]+)"', page)
    assert link
    reading = (await nurse.get(link[1])).text
    assert "Gør målingen ugyldig" in reading
    assert "Har borgeren gjort, hvad der var aftalt?" in reading


async def test_invalid_is_struck_through_hollow_and_in_no_number(nurse, course):
    answer = await nurse.post(course.address() + "/invalidate", data=course.form(counts="false"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patients/{course.patient}")
    assert course.events() == [("invalidated", False, "Forkert målt, fx kold finger", "nurse-1")]
    page = (await nurse.get(f"/patients/{course.patient}")).text
    section = page[page.index('data-quantity="spo2"') : page.index('data-quantity="pulse_rate"')]
    assert '<span class="number">92</span>' in section  # the newest that counts
    assert "<s>71&nbsp;%</s>" in section
    assert 'class="mark invalid"' in section
    assert "2 målinger mellem 92 og 93 %; seneste 92 %" in section
    assert "1 ugyldige målinger er vist som tomme" in section
    assert "Forkert målt, fx kold finger" in section
    points = re.search(r'<polyline class="run" points="([^"]+)"', section)
    assert points is None or len(points[1].split()) == 2


async def test_it_can_be_reinstated_and_everything_is_kept(nurse, course):
    await nurse.post(course.address() + "/invalidate", data=course.form(why="other", note="hikke"))
    page = (await nurse.get(course.address(), params={"at": course.at.isoformat()})).text
    assert "Gør målingen gyldig igen" in page
    assert "Andet: hikke" in page
    assert "tæller som indsendt" in page
    again = {"at": course.at.isoformat(), "seen": course.newest(), "note": "den var god nok"}
    assert (await nurse.post(course.address() + "/reinstate", data=again)).status_code == 303
    assert [event[0] for event in course.events()] == ["invalidated", "reinstated"]
    page = (await nurse.get(f"/patients/{course.patient}")).text
    assert '<span class="number">71</span>' in page
    assert "<s>" not in page


async def test_when_all_is_invalid_nothing_is_claimed(nurse, ward):
    patient = ward.add_patient()
    at = NOW - timedelta(hours=2)
    reading = ward.add_reading(patient, 60, at)
    form = {"at": at.isoformat(), "seen": 0, "why": "device", "counts": "true"}
    await nurse.post(f"/patients/{patient}/readings/{reading}/invalidate", data=form)
    page = (await nurse.get(f"/patients/{patient}")).text
    assert page.count("Ingen målinger endnu") == 3
    assert "<s>60&nbsp;%</s>" in page


async def test_somebody_was_first(nurse, course):
    course.ward.connection.execute(
        "select invalidate_reading(%s, %s, %s, 'somebody-else', 'cuff slipped', true)",
        [course.bad, course.at, course.patient],
    )
    answer = await nurse.post(course.address() + "/invalidate", data=course.form(counts="false"))
    assert answer.status_code == 409
    assert "En anden har taget stilling først" in answer.text
    assert f'href="/patients/{course.patient}"' in answer.text
    assert len(course.events()) == 1


async def test_a_form_that_is_sent_twice_is_one_decision(nurse, course):
    for _ in range(2):
        answer = await nurse.post(course.address() + "/invalidate", data=course.form())
        assert answer.status_code == 303
    assert len(course.events()) == 1


@pytest.mark.parametrize(
    "change",
    [{"why": "mood"}, {"why": "other"}, {"counts": ""}, {"at": "noon"}, {"seen": "x"}],
)
async def test_a_form_that_makes_no_sense(nurse, course, change):
    answer = await nurse.post(course.address() + "/invalidate", data=course.form(**change))
    assert answer.status_code == 422
    assert course.events() == []


async def test_only_for_ones_own_patients(nurse, ward):
    stranger = ward.add_patient("Ditte Påfundsen", "lunge-eksempel")
    at = NOW - timedelta(hours=2)
    reading = ward.add_reading(stranger, 90, at)
    form = {"at": at.isoformat(), "seen": 0, "why": "device", "counts": "true"}
    address = f"/patients/{stranger}/readings/{reading}/invalidate"
    answer = await nurse.post(address, data=form, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")


async def test_an_unknown_reading(nurse, course):
    answer = await nurse.get(course.address(uuid4()), params={"at": course.at.isoformat()})
    assert answer.status_code == 404
    late = (course.at + timedelta(seconds=1)).isoformat()
    assert (await nurse.get(course.address(), params={"at": late})).status_code == 404


async def test_a_viewer_sees_and_has_no_form(anonymous, course, ward):
    ward.connection.execute(
        "insert into membership (clinician_id, team_id, role, period) "
        "values ('viewer-1', 'akut-proeveby', 'viewer', tstzrange(now(), null))"
    )
    anonymous.headers["accept"] = "text/html"
    await anonymous.post("/sign-in", data={"clinician": "viewer-1"})
    page = await anonymous.get(course.address(), params={"at": course.at.isoformat()})
    assert page.status_code == 200
    assert "<form class" not in page.text
