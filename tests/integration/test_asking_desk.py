"""What ingest reads from the database and puts on record when it asks a home to send again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import asking, health_writer, writer
from ingest.asking_desk import AskingDesk
from ingest.health import News
from ingest.line import open_line
from telekol import topics
from telekol.health import ConnectionCount, HealthMessage, OutboxHealth
from telekol.instructions import (
    Acknowledgement,
    AcknowledgementState,
    SendAgain,
    decode_instruction,
)
from telekol.wire import Abandoned, ObservationMessage, encode
from tests.support.house import add_home
from tests.support.messages import message, observation, sort
from tests.support.proxy import Proxy

Db = Connection[TupleRow]
GATEWAY = "gw-test-1"
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
LIFE = uuid4()


class Post:
    """Keeps what is handed to the broker."""

    def __init__(self) -> None:
        self.letters: list[SendAgain] = []

    def __call__(self, topic: str, payload: bytes) -> None:
        assert topic == topics.instructions(GATEWAY)
        letter = decode_instruction(GATEWAY, payload)
        assert isinstance(letter, SendAgain)
        self.letters.append(letter)

    @property
    def asked(self) -> list[tuple[UUID, int, int | None]]:
        return [(letter.boot, letter.first, letter.last) for letter in self.letters]


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def desk(database_url: str, connection: Db, post: Post) -> Iterator[AskingDesk]:
    add_home(connection)
    with closing(AskingDesk(database_url, post, 0)) as made:
        yield made


def _store(connection: Db, boot: UUID, *seqs: int) -> None:
    topic = topics.observations(GATEWAY)
    for seq in seqs:
        writer.store(connection, [sort(topic, message(observation(), boot=boot, seq=seq))])


def _say(connection: Db, boot: UUID, last_seq: int, depth: int, report: int = 1) -> None:
    said = HealthMessage(
        v=1,
        gateway=GATEWAY,
        boot=boot,
        sent_at=NOW,
        online=True,
        connection=ConnectionCount(life=LIFE, number=1, report=report),
        outbox=OutboxHealth(depth=depth, size_bytes=0, last_seq=last_seq),
    )
    health_writer.store(connection, [News(topics.health(GATEWAY), b"", said)], NOW)


def _answer(connection: Db, letter: SendAgain, state: AcknowledgementState, at: datetime) -> None:
    said = Acknowledgement(v=1, gateway=GATEWAY, instruction=letter.id, at=at, state=state)
    health_writer.store(connection, [News(topics.acknowledgements(GATEWAY), b"", said)], at)


def test_a_server_without_a_loss_asks_for_nothing(
    connection: Db, desk: AskingDesk, post: Post
) -> None:
    boot = uuid4()
    _store(connection, boot, 1, 2, 3)
    _say(connection, boot, last_seq=5, depth=2)
    desk.look(NOW)
    assert post.letters == []


def test_a_life_that_the_server_never_heard_of_is_asked_for_whole(
    connection: Db, desk: AskingDesk, post: Post
) -> None:
    boot = uuid4()
    _say(connection, boot, last_seq=7, depth=0)
    desk.look(NOW)
    desk.look(NOW)
    assert post.asked == [(boot, 1, 7)]


def test_holes_and_the_lost_end_are_asked_for_until_they_came(
    connection: Db, desk: AskingDesk, post: Post
) -> None:
    boot = uuid4()
    _store(connection, boot, 1, 2, 5, 6, 9)
    _say(connection, boot, last_seq=12, depth=0)
    desk.look(NOW)
    assert post.asked == [(boot, 3, 4), (boot, 7, 8), (boot, 10, 12)]
    desk.look(NOW + asking.FIRST_WAIT)
    assert post.letters[3:] == post.letters[:3]  # the same ones, by their ids
    for letter in post.letters[:3]:
        _answer(connection, letter, AcknowledgementState.RECEIVED, NOW)
        _answer(connection, letter, AcknowledgementState.DONE, NOW)
    _store(connection, boot, 3, 4, 7, 8, 10, 11, 12)
    desk.look(NOW + timedelta(days=1))
    desk.look(NOW + timedelta(days=2))
    assert len(post.letters) == 6
    ended = connection.execute("select outcome, times_sent from instruction").fetchall()
    assert ended == [("settled", 2)] * 3


def test_what_the_gateway_gave_up_is_not_asked_for(
    connection: Db, desk: AskingDesk, post: Post
) -> None:
    boot = uuid4()
    payload = encode(
        ObservationMessage(
            v=1,
            gateway=GATEWAY,
            boot=boot,
            seq=10,
            sent_at=NOW,
            observations=(observation(),),
            abandoned=(Abandoned(boot=boot, reason="outbox-full", runs=((1, 8),)),),
        )
    )
    writer.store(connection, [sort(topics.observations(GATEWAY), payload)])
    _say(connection, boot, last_seq=10, depth=0)
    desk.look(NOW)
    assert post.asked == [(boot, 9, 9)]


def test_the_end_of_a_life_that_is_over_is_asked_for_once(
    connection: Db, desk: AskingDesk, post: Post
) -> None:
    old, new = uuid4(), uuid4()
    _store(connection, old, 1, 2)
    _store(connection, new, 1)
    _say(connection, new, last_seq=1, depth=0)
    desk.look(NOW)
    assert post.asked == [(old, 3, None)]
    _answer(connection, post.letters[0], AcknowledgementState.DONE, NOW)
    for hours in range(1, 5):
        desk.look(NOW + timedelta(hours=hours))
    assert len(post.letters) == 1
    assert connection.execute("select outcome from instruction").fetchone() == ("settled",)


def test_a_gateway_without_a_kit_is_not_asked(
    connection: Db, database_url: str, post: Post
) -> None:
    _say(connection, uuid4(), last_seq=7, depth=0)
    with closing(AskingDesk(database_url, post, 0)) as desk:
        desk.look(NOW)
    assert post.letters == []


def test_another_ingest_that_decides_now_is_left_alone(
    connection: Db, desk: AskingDesk, post: Post
) -> None:
    _say(connection, uuid4(), last_seq=7, depth=0)
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(4711003)")
        desk.look(NOW)
        assert post.letters == []
    desk.look(NOW)
    assert len(post.letters) == 1


def test_a_database_that_is_away_stops_nothing(
    connection: Db, database_name: str, database_proxy: Proxy, post: Post
) -> None:
    add_home(connection)
    _say(connection, uuid4(), last_seq=7, depth=0)
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    desk = AskingDesk(url, post, 0)
    database_proxy.cut()
    desk.look(NOW)
    assert post.letters == []
    database_proxy.mend()
    desk.look(NOW)
    assert len(post.letters) == 1
    desk.close()


def test_a_line_that_is_dead_is_not_believed_for_hours(database_url: str) -> None:
    with open_line(database_url, "telekol-ingest") as line:
        given = line.info.get_parameters()
    dead_after_s = int(given["keepalives_idle"]) + 3 * int(given["keepalives_interval"])
    assert given["keepalives_count"] == "3"
    assert dead_after_s < 60
    assert int(given["tcp_user_timeout"]) < 60_000
    with open_line(f"{database_url}&keepalives_idle=42", "telekol-ingest") as line:
        assert line.info.get_parameters()["keepalives_idle"] == "42"
