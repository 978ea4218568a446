"""A home is reminded before a deadline, once: from a plan to the broker and the home's answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from alerts.adherence import reminding
from ingest import health_writer, letters
from ingest.asking import Outcome
from ingest.health import News
from ingest.letter_desk import LetterDesk
from ingest.letters import Letter
from telekol import topics
from telekol.instructions import (
    Acknowledgement,
    AcknowledgementState,
    TextMessage,
    decode_instruction,
)
from tests.support.house import Home, add_home
from tests.support.plans import enrol, measure, pause, plan, wall

Db = Connection[TupleRow]

MINUTE = timedelta(minutes=1)
START = wall(2026, 11, 2, 0)
DUE = wall(2026, 11, 2, 10)
REMIND = DUE - 30 * MINUTE


@pytest.fixture
def home(connection: Db) -> Home:
    made = add_home(connection)
    connection.execute(
        "update kit_assignment set period = tstzrange(%s, null)", [START - timedelta(days=9)]
    )
    return made


@pytest.fixture
def enrolment(connection: Db, home: Home) -> UUID:
    return enrol(connection, home.patient_id, START)


def _letters(connection: Db) -> list[TextMessage]:
    rows = connection.execute("select gateway_id, body::text from instruction order by issued_at")
    found = [decode_instruction(gateway, body.encode()) for gateway, body in rows]
    return [one for one in found if isinstance(one, TextMessage)]


def test_a_patient_who_has_not_measured_is_reminded_before_the_deadline_once(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, "spo2", "body_weight", remind_before=30 * MINUTE)
    measure(connection, home.patient_id, DUE - 60 * MINUTE, "body_weight", 74)
    reminding.look(connection, START, REMIND - MINUTE)
    assert _letters(connection) == []
    for now in (REMIND, REMIND, REMIND + 5 * MINUTE):
        reminding.look(connection, REMIND - MINUTE, now)
    (letter,) = _letters(connection)
    assert letter.text.da == "Husk iltmætning i dag inden kl. 10.00."
    assert letter.text.en == "Please remember SpO2 today before 10:00."
    assert letter.expires_at == DUE


def test_a_reminder_whose_time_passed_in_an_outage_still_comes_before_the_deadline_and_not_after(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, remind_before=30 * MINUTE)
    day = timedelta(days=1)
    reminding.look(connection, START, DUE + MINUTE)
    assert _letters(connection) == []
    reminding.look(connection, DUE + MINUTE, DUE + day - 10 * MINUTE)
    assert len(_letters(connection)) == 1


def test_nobody_is_reminded_in_a_pause_or_of_what_has_no_reminder(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, "spo2", remind_before=30 * MINUTE)
    pause(connection, enrolment, START, wall(2026, 11, 3))
    other = add_home(connection, "gw-test-2")
    plan(connection, enrol(connection, other.patient_id, START), START, "spo2")
    reminding.look(connection, START, REMIND + MINUTE)
    assert _letters(connection) == []


# ------------------------------------------------------------------------ on its way


class Post:
    """Keeps what is handed to the broker."""

    def __init__(self) -> None:
        self.sent: list[UUID] = []

    def __call__(self, topic: str, payload: bytes) -> None:
        assert topic == topics.instructions("gw-test-1")
        self.sent.append(decode_instruction("gw-test-1", payload).id)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def desk(database_url: str, post: Post) -> Iterator[LetterDesk]:
    with closing(LetterDesk(database_url, post, 0)) as made:
        yield made


def _answer(connection: Db, letter: UUID, state: AcknowledgementState, now: datetime) -> None:
    said = Acknowledgement(v=1, gateway="gw-test-1", instruction=letter, at=now, state=state)
    topic = topics.acknowledgements("gw-test-1")
    assert health_writer.store(connection, [News(topic, b"", said)], now) == []


def _outcomes(connection: Db) -> list[tuple[str | None, int]]:
    rows = connection.execute("select outcome, times_sent from instruction order by issued_at")
    return [(row[0], row[1]) for row in rows]


def test_a_reminder_goes_out_until_the_home_has_it_and_ends_with_its_deadline(
    connection: Db, enrolment: UUID, desk: LetterDesk, post: Post
) -> None:
    plan(connection, enrolment, START, remind_before=30 * MINUTE)
    reminding.look(connection, START, REMIND)
    desk.look(REMIND)
    desk.look(REMIND + timedelta(seconds=29))
    assert len(post.sent) == 1
    desk.look(REMIND + timedelta(seconds=30))
    assert post.sent == [post.sent[0]] * 2
    _answer(connection, post.sent[0], AcknowledgementState.RECEIVED, REMIND + MINUTE)
    desk.look(REMIND + 20 * MINUTE)
    assert len(post.sent) == 2
    desk.look(DUE)
    assert _outcomes(connection) == [("expired", 2)]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(AcknowledgementState.DONE, "settled"), (AcknowledgementState.REFUSED, "refused")],
)
def test_the_home_has_the_last_word(
    connection: Db,
    enrolment: UUID,
    desk: LetterDesk,
    post: Post,
    state: AcknowledgementState,
    outcome: str,
) -> None:
    plan(connection, enrolment, START, remind_before=30 * MINUTE)
    reminding.look(connection, START, REMIND)
    desk.look(REMIND)
    _answer(connection, post.sent[0], state, REMIND + MINUTE)
    desk.look(REMIND + 2 * MINUTE)
    assert _outcomes(connection) == [(outcome, 1)]


def test_an_instruction_that_cannot_be_read_ends_and_stops_no_other(
    connection: Db, enrolment: UUID, desk: LetterDesk, post: Post
) -> None:
    connection.execute(
        "insert into instruction (id, gateway_id, kind, body, issued_at, expires_at) "
        "values (%s, 'gw-test-1', 'message', %s, %s, %s)",
        [uuid4(), Jsonb({"v": 1}), START, DUE],
    )
    plan(connection, enrolment, START, remind_before=30 * MINUTE)
    reminding.look(connection, START, REMIND)
    desk.look(REMIND)
    assert len(post.sent) == 1
    assert _outcomes(connection) == [("refused", 1), (None, 1)]


def test_a_letter_that_is_not_answered_is_sent_ever_more_rarely_and_not_after_its_time() -> None:
    sent_at, times = START, 0
    letter = Letter(uuid4(), "gw", START + timedelta(hours=3))
    moments = []
    for minute in range(240):
        now = START + minute * MINUTE
        known = Letter(letter.id, "gw", letter.expires_at, times, sent_at if times else None)
        deed = letters.deed(known, now)
        if deed is letters.SEND:
            sent_at, times = now, times + 1
            moments.append(minute)
        assert (deed is Outcome.EXPIRED) == (minute >= 180)
    assert moments == [0, 1, 2, 4, 8, 16, 32, 64, 124]
