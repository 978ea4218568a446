"""When the home's health is said, and what the outbox's state makes of the home's condition."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from gateway.condition import Condition
from gateway.keeping.outbox import Outbox, OutboxState, Room
from gateway.link.health import (
    AT_MOST_EVERY_S,
    GATHER_S,
    HealthReporter,
    HealthTiming,
    judge_outbox,
)
from telekol import topics
from telekol.health import ConnectionCount, RadioState, TroubleCode, decode_health
from tests.gateway.conftest import GATEWAY, NOW, observation


def test_each_connection_begins_with_a_report() -> None:
    timing = HealthTiming(900)
    assert not timing.is_due(0)
    timing.changed(0)  # nobody hears it yet
    assert not timing.is_due(10**6)
    timing.opened(5)
    assert timing.is_due(5)
    timing.sent(5, 0.999)
    assert not timing.is_due(904)
    assert timing.is_due(905)
    timing.opened(6)
    assert timing.is_due(6)


def test_regular_reports_are_spread_over_half_the_interval() -> None:
    timing = HealthTiming(900)
    dues = set()
    for step in range(10):
        timing.sent(0, step / 10)
        dues.add(timing.due_s)
    assert min(d for d in dues if d) == 450
    assert len(dues) == 10


@given(st.lists(st.floats(0, 600), max_size=60))
def test_news_never_makes_more_than_one_report_in_half_a_minute(moments: list[float]) -> None:
    timing = HealthTiming(900)
    timing.opened(0)
    timing.sent(0, 0.5)
    sent = [0.0]
    for tick in range(1400):
        now_s = tick / 2
        for _ in [moment for moment in moments if now_s <= moment < now_s + 0.5]:
            timing.changed(now_s)
        if timing.is_due(now_s):
            timing.sent(now_s, 0.5)
            sent.append(now_s)
    assert all(later - earlier >= AT_MOST_EVERY_S for earlier, later in pairwise(sent))
    if moments:
        assert any(at >= min(moments) for at in sent[1:])


def test_news_after_a_quiet_time_waits_only_for_company() -> None:
    timing = HealthTiming(900)
    timing.opened(0)
    timing.sent(0, 0.5)
    timing.changed(100)
    assert not timing.is_due(100)
    assert timing.is_due(100 + GATHER_S)


def test_a_report_says_all_and_the_will_says_little(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "o.db", NOW)
    outbox.put([observation(1)])
    condition = Condition()
    numbers = count(1)
    life = uuid4()
    seconds = count(100)
    reporter = HealthReporter(
        GATEWAY,
        condition,
        outbox,
        lambda: ConnectionCount(life=life, number=next(numbers), report=0),
        lambda: NOW,
        lambda: float(next(seconds)),
    )
    condition.set_radio(RadioState.LISTENING, NOW)
    condition.set_clock(False, "no NTP since the start")
    condition.note_device("C0", model="M", battery_pct=9, heard_at=NOW)
    condition.raise_trouble(TroubleCode.DEVICE_BATTERY_LOW, "C0", "", NOW)
    topic = topics.health(GATEWAY)
    will = decode_health(topic, reporter.will())
    assert (will.online, will.connection.number, will.connection.report) == (False, 1, 0)
    assert reporter.take(0.5) is None
    reporter.opened()
    payload = reporter.take(0.5)
    assert payload is not None
    said = decode_health(topic, payload)
    assert (said.online, said.connection.number, said.connection.report) == (True, 1, 1)
    assert said.boot == outbox.boot
    assert said.outbox is not None
    assert (said.outbox.depth, said.outbox.last_seq, said.outbox.oldest_age_s) == (1, 1, 0)
    assert (said.troubles[0].code, said.devices[0].battery_pct) == ("device-battery-low", 9)
    assert said.clock is not None
    assert not said.clock.trusted
    assert reporter.take(0.5) is None
    outbox.close()


def test_a_trouble_that_came_and_went_between_two_reports_is_said_and_then_that_it_is_over(
    tmp_path: Path,
) -> None:
    now_s = [100.0]
    life = uuid4()
    with closing(Outbox.open(tmp_path / "o.db", NOW)) as outbox:
        condition = Condition()
        reporter = HealthReporter(
            GATEWAY,
            condition,
            outbox,
            lambda: ConnectionCount(life=life, number=1, report=0),
            lambda: NOW,
            lambda: now_s[0],
        )
        condition.listen(reporter.changed)
        reporter.will()
        reporter.opened()
        assert reporter.take(0.5)
        condition.raise_trouble(TroubleCode.UNREADABLE_MEASUREMENT, "C0", "cut short", NOW)
        condition.clear(TroubleCode.UNREADABLE_MEASUREMENT, "C0")
        said = []
        for _ in range(3):
            now_s[0] += AT_MOST_EVERY_S
            payload = reporter.take(0.5)
            if payload is not None:
                said.append(
                    [one.code for one in decode_health(topics.health(GATEWAY), payload).troubles]
                )
    assert said == [["unreadable-measurement"], []]


def state(room: Room, hours: float | None = None) -> OutboxState:
    age = None if hours is None else timedelta(hours=hours)
    return OutboxState(
        depth=0,
        oldest_age=age,
        history=0,
        size_bytes=1,
        limit_bytes=2,
        last_seq=0,
        abandoned=0,
        room=room,
    )


def test_the_outboxs_state_raises_and_clears_its_troubles() -> None:
    condition = Condition()
    codes = []
    for room in (Room.NEARLY_FULL, Room.GIVING_UP, Room.FULL, Room.DISK_FULL, Room.PLENTY):
        judge_outbox(condition, state(room), NOW)
        codes.append([item.code for item in condition.troubles])
    assert codes == [["outbox-nearly-full"], ["outbox-full"], ["outbox-full"], ["disk-full"], []]
    judge_outbox(condition, state(Room.PLENTY, 25), NOW)
    assert [item.code for item in condition.troubles] == ["outbox-old"]
    judge_outbox(condition, state(Room.PLENTY, 23), NOW)
    assert condition.troubles == ()
