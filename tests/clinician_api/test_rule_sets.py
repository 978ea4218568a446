"""Rule sets in words, and a physician's approval."""

from __future__ import annotations

import re

import httpx
import pytest

from alerts.in_use import rule_store
from alerts.rulesets import loading
from clinician_api.language import Language
from clinician_api.rule_words import rule_lines
from clinician_api.words import Words

JSON = {"accept": "application/json"}


@pytest.fixture
async def physician(anonymous: httpx.AsyncClient, ward) -> httpx.AsyncClient:
    rule_store.publish_shipped(ward.connection)
    anonymous.headers["accept"] = "text/html"
    await anonymous.post("/sign-in", data={"clinician": "physician-1"})
    return anonymous


def _number(page: str) -> str:
    found = re.search(r'href="/rules/(\d+)/approve"', page)
    assert found
    return found[1]


def _fingerprint(page: str) -> str:
    found = re.search(r'name="fingerprint" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("name", loading.shipped_names())
@pytest.mark.parametrize("language", list(Language))
def test_every_number_of_a_shipped_set_stands_in_words(name, language):
    rule_set = loading.load(name)
    for rule, line in zip(rule_set.rules, rule_lines(rule_set, Words(language)), strict=True):
        told = " ".join(line.numbers)
        for parameter, value in rule.parameters.model_dump(mode="json").items():
            written = str(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                written = Words(language).number(abs(value), 0)
                assert written in told or value == 0, (rule.id, parameter, value, told)
            # A name that stands there instead of words is a parameter nobody wrote words for.
            assert f"{parameter} {written}" not in line.numbers, (rule.id, parameter)
        assert line.kind


async def test_an_unapproved_set_says_so_and_shows_its_rules(physician):
    page = (await physician.get("/rules")).text
    assert "Ikke-godkendt skabelon" in page
    assert "Ingen læge har godkendt disse tal" in page
    assert "Bruges af: alle, der ikke har et andet" in page
    assert "Iltmætning" in page
    assert "under det sædvanlige" in page
    english = (await physician.get("/rules?lang=en")).text
    assert "Unapproved template" in english
    assert "below usual" in english


async def test_a_physician_approves_what_was_read(physician, ward):
    number = _number((await physician.get("/rules")).text)
    step = (await physician.get(f"/rules/{number}/approve")).text
    form = {"fingerprint": _fingerprint(step), "read": "true"}
    for _ in range(2):  # sent twice is once
        answer = await physician.post(f"/rules/{number}/approve", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/rules?saved=true")
    approved = ward.connection.execute(
        "select approved_by from rule_set where id = %s", [number]
    ).fetchall()
    assert approved == [("physician-1",)]
    page = (await physician.get("/rules")).text
    assert "Godkendt af Poul Påhitsen" in page
    assert (await physician.get(f"/rules/{number}/approve")).status_code == 404


async def test_another_content_than_was_read_is_not_approved(physician, ward):
    number = _number((await physician.get("/rules")).text)
    form = {"fingerprint": "0123456789abcdef", "read": "true"}
    answer = await physician.post(f"/rules/{number}/approve", data=form)
    assert answer.status_code == 404
    assert ward.connection.execute("select approved_by from rule_set").fetchall()[0] == (None,)


async def test_who_was_first_is_told(physician, ward):
    ward.connection.execute(
        "insert into clinician values ('physician-2', 'Rikke Rigtig', 'lunge-eksempel', "
        "'physician')"
    )
    number = _number((await physician.get("/rules")).text)
    step = (await physician.get(f"/rules/{number}/approve")).text
    ward.connection.execute(
        "select approve_rule_set(name, version, 'physician-2') from rule_set where id = %s",
        [number],
    )
    form = {"fingerprint": _fingerprint(step), "read": "true"}
    answer = await physician.post(f"/rules/{number}/approve", data=form, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "decided-first")


async def test_a_nurse_reads_and_does_not_approve(nurse, ward):
    rule_store.publish_shipped(ward.connection)
    page = (await nurse.get("/rules")).text
    assert "under det sædvanlige" in page
    assert "/approve" not in page


async def test_a_set_of_a_later_release_is_shown_and_not_approved(physician, ward):
    ward.connection.execute(
        "insert into rule_set (name, version, fingerprint, definition) "
        "values ('future', 9, '00112233445566778899', '{\"rules\": \"other\"}')"
    )
    page = (await physician.get("/rules")).text
    assert "forstår ikke regelsættet" in page


async def test_without_any_set(nurse):
    assert "Intet regelsæt er i brug" in (await nurse.get("/rules")).text
