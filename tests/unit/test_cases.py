"""The case as people meet it, and the laws that must hold whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.casework.cases import (
    Case,
    CaseConflictError,
    Event,
    EventKind,
    JudgedReading,
    State,
    acknowledge,
    apply,
    fold,
    respond,
    unacknowledge,
)
from telekol.severity import Severity

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
GREEN, YELLOW, RED = Severity.GREEN, Severity.YELLOW, Severity.RED


def _judged(severity: Severity, about: str = "absolute-limits/spo2") -> JudgedReading:
    return JudgedReading(uuid4(), about, severity, NOW)


def _after(*severities: Severity) -> Case | None:
    case: Case | None = None
    for severity in severities:
        event = respond(case, _judged(severity))
        case = apply(case, event) if event else case
    return case


def _open(*severities: Severity) -> Case:
    case = _after(*severities)
    assert case is not None
    return case


def test_a_green_reading_opens_nothing() -> None:
    assert _after(GREEN, GREEN) is None


def test_a_red_reading_opens_a_new_case() -> None:
    case = _open(RED)
    assert (case.state, case.severity) == (State.NEW, RED)


def test_back_to_normal_before_anyone_looked_stays_on_the_board_with_its_worst() -> None:
    case = _open(YELLOW, RED, GREEN)
    assert (case.state, case.severity) == (State.RETURNED, RED)


def test_back_to_normal_after_it_was_seen_closes_it() -> None:
    seen, _ = acknowledge(_open(RED), "nurse-1", NOW)
    event = respond(seen, _judged(GREEN))
    assert event is not None
    assert apply(seen, event).state is State.CLOSED


def test_worse_after_it_was_seen_is_new_again() -> None:
    seen, _ = acknowledge(_open(YELLOW), "nurse-1", NOW)
    event = respond(seen, _judged(RED))
    assert event is not None
    again = apply(seen, event)
    assert (again.state, again.severity) == (State.NEW, RED)


def test_the_same_again_after_it_was_seen_stays_seen() -> None:
    seen, _ = acknowledge(_open(RED), "nurse-1", NOW)
    event = respond(seen, _judged(RED))
    assert event is not None
    assert event.kind is EventKind.REPEATED
    assert apply(seen, event).state is State.SEEN


def test_a_yellow_pulse_beside_a_seen_red_spo2_is_news() -> None:
    seen, _ = acknowledge(_open(RED), "nurse-1", NOW)
    event = respond(seen, _judged(YELLOW, "absolute-limits/pulse_rate"))
    assert event is not None
    assert apply(seen, event).state is State.NEW


def test_one_quantity_back_to_normal_does_not_clear_the_other() -> None:
    case = _open(RED)
    for severity in (YELLOW, GREEN):
        event = respond(case, _judged(severity, "absolute-limits/pulse_rate"))
        assert event is not None
        case = apply(case, event)
    assert (case.state, case.level) == (State.NEW, RED)


def test_everything_that_is_wrong_is_named_the_worst_first() -> None:
    pulse = _judged(YELLOW, "absolute-limits/pulse_rate")
    saturation = _judged(RED)
    case = _open(YELLOW)
    for judged in (pulse, saturation):
        event = respond(case, judged)
        assert event is not None
        case = apply(case, event)
    assert case.reason_finding_ids == (saturation.finding_id, pulse.finding_id)


def test_the_lowest_is_shown_while_nobody_has_seen_it_also_within_a_colour() -> None:
    low, less_low = (
        JudgedReading(uuid4(), "absolute-limits/spo2", RED, NOW, score) for score in (9.0, 1.0)
    )
    case: Case | None = None
    for judged in (low, less_low):
        event = respond(case, judged)
        assert event is not None
        case = apply(case, event)
    assert case is not None
    assert case.reason_finding_ids == (low.finding_id,)
    seen, _ = acknowledge(case, "nurse-1", NOW)
    assert seen.reason_finding_ids == (less_low.finding_id,)


def test_of_one_colour_the_saturation_comes_first() -> None:
    case: Case | None = None
    judged = [_judged(RED, f"absolute-limits/{name}") for name in ("pulse_rate", "spo2")]
    for one in judged:
        event = respond(case, one)
        assert event is not None
        case = apply(case, event)
    assert case is not None
    assert case.reason_finding_ids == (judged[1].finding_id, judged[0].finding_id)


def test_after_it_was_seen_only_what_is_wrong_now_is_named() -> None:
    case = _open(RED)
    pulse = _judged(YELLOW, "absolute-limits/pulse_rate")
    for judged in (pulse, _judged(GREEN)):
        event = respond(case, judged)
        assert event is not None
        case = apply(case, event)
    assert len(case.reason_finding_ids) == 2
    seen, _ = acknowledge(case, "nurse-1", NOW)
    assert seen.reason_finding_ids == (pulse.finding_id,)
    assert seen.severity is YELLOW


def test_an_acknowledgement_can_be_undone_and_everything_is_as_before() -> None:
    case = _open(RED, YELLOW)
    seen, _ = acknowledge(case, "nurse-1", NOW)
    assert seen.severity is YELLOW
    undone, _ = unacknowledge(seen, "nurse-1", NOW)
    assert (undone.state, undone.standings) == (case.state, case.standings)


def test_it_cannot_be_undone_once_something_happened_since() -> None:
    seen, _ = acknowledge(_open(RED), "nurse-1", NOW)
    event = respond(seen, _judged(RED))
    assert event is not None
    with pytest.raises(CaseConflictError, match="load the board again"):
        unacknowledge(apply(seen, event), "nurse-1", NOW)


def test_two_nurses_cannot_both_acknowledge() -> None:
    seen, _ = acknowledge(_open(RED), "nurse-1", NOW)
    with pytest.raises(CaseConflictError):
        acknowledge(seen, "nurse-2", NOW)


steps = st.lists(
    st.tuples(
        st.sampled_from(["find", "ack", "unack"]),
        st.sampled_from([GREEN, YELLOW, RED]),
        st.sampled_from(["absolute-limits/spo2", "absolute-limits/pulse_rate"]),
    ),
    max_size=25,
)


def _step(case: Case | None, step: tuple[str, Severity, str]) -> tuple[Case | None, Event | None]:
    what, severity, about = step
    if what == "find":
        event = respond(case, _judged(severity, about))
        return (apply(case, event), event) if event else (case, None)
    if case is None:
        return None, None
    try:
        return (acknowledge if what == "ack" else unacknowledge)(case, "nurse-1", NOW)
    except CaseConflictError:
        return case, None


@given(steps)
def test_laws_of_the_case(story: list[tuple[str, Severity, str]]) -> None:
    case: Case | None = None
    events: list[Event] = []
    now_so: dict[str, Severity] = {}
    for step in story:
        what, severity, about = step
        if what == "find" and case is not None and case.state is State.CLOSED:
            case, events, now_so = None, [], {}  # the next finding may open another case
        if what == "find":
            now_so[about] = severity
        before = case
        case, event = _step(case, step)
        events += [event] if event else []
        _check_laws(before, case, events, now_so, what)


def _check_laws(
    before: Case | None,
    case: Case | None,
    events: list[Event],
    now_so: dict[str, Severity],
    what: str,
) -> None:
    abnormal = any(severity is not GREEN for severity in now_so.values())
    # The state is the fold of the events, whatever road led here.
    assert fold(events) == case
    if case is None:
        assert not abnormal
        return
    # What is abnormal is on the board, and never shown as less than it is.
    if abnormal:
        assert case.state in (State.NEW, State.SEEN)
    if case.state is not State.CLOSED:
        assert case.severity.rank >= case.level.rank
        assert case.reason_finding_ids
    # Only a person makes a case seen.
    if case.state is State.SEEN and (before is None or before.state is not State.SEEN):
        assert what == "ack"
