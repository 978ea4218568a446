"""Adherence against the slow reference, and the laws that hold whenever somebody looks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.adherence import catching_up, judging, schedule, statements
from alerts.adherence.judging import TELL_AFTER, Came
from alerts.adherence.schedule import Asked, Item, Phase, Slot, Span
from tests.support import adherence_oracle as oracle

PATIENT = UUID(int=1)
ENROLMENT = UUID(int=2)

STARTS = (
    datetime(2026, 3, 16, 8, tzinfo=UTC),  # thirteen days before the clocks go forward
    datetime(2026, 10, 12, 8, tzinfo=UTC),  # and before they go back
    datetime(2026, 12, 21, 8, tzinfo=UTC),  # and a turn of the year
)

DUES = st.sampled_from(
    [time(0, 0), time(2, 0), time(2, 30), time(3, 0), time(3, 30), time(10), time(22), time(23, 59)]
)
GRACES = st.sampled_from([timedelta(minutes=30), *(timedelta(hours=h) for h in (1, 10, 23, 168))])

slots = st.lists(
    st.builds(
        Slot,
        st.sampled_from(Phase),
        st.integers(1, 7),
        DUES,
        GRACES,
        st.sampled_from([None, timedelta(minutes=30)]),
    ),
    max_size=6,
    unique_by=lambda one: (one.phase, one.weekday, one.due),
).map(tuple)


@st.composite
def items(draw: st.DrawFn, about: str = "spo2") -> Item:
    start = draw(st.sampled_from(STARTS))
    turn = start + timedelta(hours=draw(st.integers(1, 24 * 20)))
    plans = [Asked(UUID(int=10), Span(start, turn), draw(st.integers(0, 9)), draw(slots))]
    if draw(st.booleans()):
        last = turn + timedelta(hours=draw(st.integers(1, 24 * 20)))
        required = draw(st.booleans()) or draw(st.booleans())
        days = draw(st.integers(0, 9))
        plans.append(Asked(UUID(int=11), Span(turn, last), days, draw(slots), required))
    pauses: list[Span] = []
    at = start
    for hours, length in draw(
        st.lists(st.tuples(st.integers(1, 24 * 9), st.integers(1, 24 * 6)), max_size=2)
    ):
        begins = at + timedelta(hours=hours)
        at = begins + timedelta(hours=length)
        pauses.append(Span(begins, at))
    ends = draw(st.none() | st.integers(24, 24 * 30))
    enrolled = Span(start, None if ends is None else start + timedelta(hours=ends))
    return Item(about, ENROLMENT, enrolled, tuple(plans), tuple(pauses))


def _start(item: Item) -> datetime:
    start = item.plans[0].period.start
    assert start is not None
    return start


@st.composite
def lives(draw: st.DrawFn) -> tuple[Item, list[Came], list[datetime]]:
    """An item, what came, and moments at which somebody looks, in order."""
    item = draw(items())
    start = _start(item)
    # Quarters of an hour, so that readings fall on deadlines and the edges of windows too.
    quarters = st.integers(-4 * 24 * 2, 4 * 24 * 40)
    came = sorted(draw(st.sets(quarters, max_size=12)))
    looks = sorted(draw(st.sets(st.integers(0, 4 * 24 * 42), min_size=1, max_size=8)))

    def at(n: int) -> datetime:
        return start + timedelta(minutes=15 * n)

    return (
        item,
        [Came(at(n), UUID(int=100 + k)) for k, n in enumerate(came)],
        [at(n) for n in looks],
    )


@settings(deadline=None)
@given(items(), st.integers(0, 24 * 42), st.integers(0, 24 * 20))
def test_deadlines_and_windows_are_those_of_the_day_by_day_walk(
    item: Item, hours: int, back: int
) -> None:
    until = _start(item) + timedelta(hours=hours)
    after = until - timedelta(hours=back)
    walked = oracle.deadlines(item, until)
    found = {one.at: (one.opens, one.is_asked) for one in schedule.between(item, after, until)}
    assert found == {at: one for at, one in walked.items() if after < at}


@settings(deadline=None)
@given(lives())
def test_what_is_missing_is_what_the_slow_reference_says(
    life: tuple[Item, list[Came], list[datetime]],
) -> None:
    item, came, looks = life
    for at in looks:
        found = judging.stand(item, came, at)
        expected = oracle.missing(item, came, at, TELL_AFTER)
        told = None
        if found.outcome is judging.Outcome.MISSING and found.deadline is not None:
            told = (found.deadline.at, found.in_a_row)
        assert told == expected


def _say(
    item: Item, came: list[Came], looks: list[datetime], since: datetime
) -> list[tuple[UUID, datetime, str, float]]:
    """Do what the job does: look, tell what is untold, remember up to when it looked."""
    said = []
    told = None
    for now in looks:
        known = {"spo2": [one for one in came if one.at <= now]}
        for state in catching_up.untold(told, [item], known, since, now):
            finding = statements.made(PATIENT, state, told, {}, TELL_AFTER)
            told = statements.told_by(finding.id, finding.evidence)
            said.append((finding.id, state.at, str(finding.severity), finding.score or 0.0))
        since = now
    return said


@settings(deadline=None)
@given(lives())
def test_looking_often_late_or_once_after_days_of_downtime_says_the_same(
    life: tuple[Item, list[Came], list[datetime]],
) -> None:
    item, came, looks = life
    begin = _start(item)
    once = _say(item, came, looks[-1:], begin)
    assert _say(item, came, looks, begin) == once
    every_look_twice = sorted([*looks, *looks])
    assert _say(item, came, every_look_twice, begin) == once


@settings(deadline=None)
@given(lives())
def test_no_statement_is_lost_or_doubled_and_each_can_be_made_again(
    life: tuple[Item, list[Came], list[datetime]],
) -> None:
    item, came, looks = life
    said = _say(item, came, looks, _start(item))
    assert len({one[0] for one in said}) == len(said)
    # Every deadline that was missed when it could be told is told then, by name and number.
    missed = [
        at + TELL_AFTER
        for at in oracle.deadlines(item, looks[-1] - TELL_AFTER)
        if at + TELL_AFTER > _start(item)
        and (found := oracle.missing(item, came, at + TELL_AFTER, TELL_AFTER))
        and found[0] == at
    ]
    assert set(missed) <= {at for _, at, severity, _ in said if severity == "blue"}


@settings(deadline=None)
@given(lives())
def test_what_is_told_last_is_how_it_stands_also_when_readings_came_late(
    life: tuple[Item, list[Came], list[datetime]],
) -> None:
    """Half of what came is stored only at the last look; the job had no idea of it until then."""
    item, came, looks = life
    told = None
    since = _start(item)
    for now in looks:
        last = now == looks[-1]
        known = {"spo2": [one for n, one in enumerate(came) if one.at <= now and (last or n % 2)]}
        for state in catching_up.untold(told, [item], known, since, now):
            finding = statements.made(PATIENT, state, told, {}, TELL_AFTER)
            assert statements.replay(finding.evidence) == statements.Answer(
                finding.severity, finding.score or 0.0, finding.reason
            )
            told = statements.told_by(finding.id, finding.evidence)
        since = now
    expected = oracle.missing(item, came, looks[-1], TELL_AFTER)
    standing = {at for _, at in told.gist} if told else set()
    assert standing == ({expected[0]} if expected else set())


def test_a_deadline_at_the_moment_at_which_a_pause_ends_is_the_first_one_missed() -> None:
    """Found by the walk: it was missing, and counted as missed zero times in a row."""
    start, end = datetime(2026, 11, 2, 8, tzinfo=UTC), datetime(2026, 11, 9, 9, tzinfo=UTC)
    slot = Slot(Phase.STEADY, 1, time(10), timedelta(hours=10))
    item = Item("spo2", ENROLMENT, Span(start), (Asked(UUID(int=10), Span(start), 0, (slot,)),))
    paused = Item("spo2", ENROLMENT, Span(start), item.plans, (Span(start, end),))
    found = judging.stand(paused, [], end + timedelta(hours=1))
    assert (found.outcome, found.in_a_row) == (judging.Outcome.MISSING, 1)
