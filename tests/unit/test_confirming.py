"""Doubtful reds, second measurements, and cases that do not come and go: the pure part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.casework import movements, steadying
from alerts.casework.confirming import Confirmations, Outcome, Waiting
from alerts.casework.movements import Newest
from alerts.casework.steadying import Closed, Steady
from alerts.round.planning import Draft
from alerts.round.subjects import Basis, LimitSet, Subject, Taken
from alerts.round.verdicts import Verdict, judge
from alerts.rulesets import loading
from alerts.rulesets.model import RuleSet
from telekol.quantities import Quantity
from telekol.severity import Severity

PATIENT = UUID(int=7)
SERIES = PATIENT, Quantity.SPO2
START = datetime(2026, 11, 2, 8, tzinfo=UTC)

RULES = """
name = "trial"
version = 1
title_da = "Prøve"
title_en = "Trial"
[[rules]]
id = "first"
family = "absolute-limits"
quantity = "spo2"
confirm = { within_minutes = 30 }
hysteresis = 1
hold_off_days = 2
[rules.parameters]
red_low = 85
yellow_low = 90
[[rules]]
id = "second"
family = "absolute-limits"
quantity = "spo2"
CONFIRM
[rules.parameters]
red_low = 80
"""


def _rules(second: str = "confirm = { within_minutes = 15 }") -> RuleSet:
    return loading.parsed(RULES.replace("CONFIRM", second), "test")


def _judged(
    rule_set: RuleSet, readings: Sequence[tuple[float, float, bool]]
) -> list[tuple[Draft, Verdict]]:
    """Judge (minute, value, doubtful) as readings that came when they were measured."""
    taken = [
        Taken(UUID(int=100 + at), START + timedelta(minutes=minute), value, doubtful)
        for at, (minute, value, doubtful) in enumerate(readings)
    ]
    drafts = [
        Draft(
            patient_id=PATIENT,
            quantity=Quantity.SPO2,
            window=tuple(taken[: at + 1]),
            hash=at,
            before=None,
            beside=(),
            beside_key=None,
            turn=0,
            cause=None,
            late=False,
            is_news=True,
        )
        for at in range(len(taken))
    ]
    subjects = [
        Subject(
            patient_id=PATIENT,
            quantity=Quantity.SPO2,
            window=draft.window,
            basis=Basis(rule_set_id=1, approved=True),
            beside=(),
            beside_quantity=None,
            late=False,
            turn=0,
            cause=None,
        )
        for draft in drafts
    ]
    verdicts = judge(subjects, {1: rule_set}, range(len(subjects)))
    return list(zip(drafts, verdicts, strict=True))


class Nurse:
    """What the rounds of an evening tell a nurse, one reading a round."""

    def __init__(self, rule_set: RuleSet, *, connected: bool = True) -> None:
        self.rule_set = rule_set
        self.connected = connected
        self.told: list[tuple[float, Severity]] = []
        self.ended: list[Outcome] = []
        self.waiting: dict[tuple[UUID, Quantity], Waiting] = {}
        self._newest: dict[tuple[UUID, Quantity], Newest] = {}
        self._levels: dict[tuple[UUID, Quantity], Severity] = {}

    def take(self, draft: Draft, verdict: Verdict) -> Confirmations:
        now = draft.reading.measured_at + timedelta(seconds=5)
        self.pass_time(now)
        round_ = Confirmations(
            now,
            dict(self.waiting),
            {1: self.rule_set},
            lambda _: "gw-test-1" if self.connected else None,
        )
        steady = Steady(steadying.held([(draft, verdict)], {1: self.rule_set}, [0]))
        for one in movements.movements(
            [(draft, verdict)], self._newest, self._levels, round_, steady
        ):
            self._tell(one.finding.evidence["value"], one.finding.severity)
        self.waiting = dict(round_.waiting)
        self.ended += [one.outcome for one in round_.ended]
        self._newest[SERIES] = Newest(draft.reading.measured_at, draft.reading.id, verdict.severity)
        return round_

    def pass_time(self, now: datetime) -> None:
        """Raise what has waited its time, as the service does between rounds."""
        for key, one in list(self.waiting.items()):
            if now >= one.until:
                del self.waiting[key]
                self.ended.append(Outcome.SILENCE)
                self._tell(one.reading.value, Severity.RED)

    def _tell(self, value: float, severity: Severity) -> None:
        self.told.append((value, severity))
        self._levels[SERIES] = severity


def _evening(readings: Sequence[tuple[float, float, bool]], **more: bool) -> Nurse:
    nurse = Nurse(_rules(), **more)
    for draft, verdict in _judged(nurse.rule_set, readings):
        nurse.take(draft, verdict)
    return nurse


def test_a_finger_that_slipped_calls_nobody() -> None:
    nurse = _evening([(0, 93, False), (600, 82, False), (605, 93, False)])
    assert nurse.told == []
    assert nurse.ended == [Outcome.NORMAL]


def test_a_true_fall_is_told_at_the_second_measurement() -> None:
    nurse = _evening([(0, 93, False), (600, 82, False), (605, 83, False)])
    assert nurse.told[:1] == [(82, Severity.RED)]
    assert nurse.ended == [Outcome.CONFIRMED]


def test_a_yellow_second_measurement_is_not_normal() -> None:
    nurse = _evening([(0, 93, False), (600, 82, False), (605, 89, False)])
    assert nurse.told[:1] == [(82, Severity.RED)]


def test_whoever_does_not_measure_again_is_called_when_the_time_is_over() -> None:
    nurse = _evening([(0, 93, False), (600, 82, False)])
    nurse.pass_time(START + timedelta(minutes=629))
    assert nurse.told == []
    nurse.pass_time(START + timedelta(minutes=630, seconds=5))
    assert nurse.told == [(82, Severity.RED)]


def test_the_shortest_time_of_its_red_rules_counts() -> None:
    """79 is red by both rules, and the second waits a quarter of an hour."""
    (_, (draft, verdict)) = _judged(rules := _rules(), [(0, 93, False), (600, 79, False)])
    nurse = Nurse(rules)
    nurse._newest[SERIES] = Newest(START, UUID(int=100), Severity.GREEN)
    (one,) = nurse.take(draft, verdict).asked
    assert one.until - one.asked_at == timedelta(minutes=15)


def test_a_rule_can_switch_it_off() -> None:
    nurse = Nurse(_rules('confirm = "off"'))
    for draft, verdict in _judged(nurse.rule_set, [(0, 93, False), (600, 79, False)]):
        nurse.take(draft, verdict)
    assert nurse.told == [(79, Severity.RED)]


def test_a_home_that_cannot_be_asked_is_not_waited_for() -> None:
    assert _evening([(0, 93, False), (600, 82, False)], connected=False).told


def test_after_a_month_of_silence_nothing_is_sudden() -> None:
    nurse = _evening([(0, 93, False), (60 * 24 * 31, 82, False)])
    assert nurse.told == [(82, Severity.RED)]


def test_two_readings_of_one_backlog_do_not_open_a_case_that_closes_at_once() -> None:
    rules = _rules()
    judged = _judged(rules, [(0, 93, False), (600, 82, False), (604, 93, False)])
    round_ = Confirmations(START + timedelta(minutes=605), {}, {1: rules}, lambda _: "gw-test-1")
    assert movements.movements(judged, {}, {}, round_) == []
    assert [one.outcome for one in round_.ended] == [Outcome.NORMAL]
    assert round_.waiting == {}


READING = st.tuples(
    st.integers(1, 90), st.sampled_from([79.0, 82.0, 84.9, 86.0, 89.5, 90.2, 92.0]), st.booleans()
)


@given(st.lists(READING, min_size=1, max_size=12), st.booleans())
def test_no_red_is_ever_lost(steps: list[tuple[int, float, bool]], connected: bool) -> None:
    """Each red is told, or a later normal measurement within its time took it back."""
    minute, readings = 0, []
    for wait, value, doubtful in steps:
        minute += wait
        readings.append((float(minute), value, doubtful))
    nurse = _evening(readings, connected=connected)
    nurse.pass_time(START + timedelta(minutes=minute + 31))
    assert nurse.waiting == {}
    reds = {value for _, value, _ in readings if value < 85}
    normal_after_red = any(
        one[1] < 85 and other[1] >= 90 and not other[2] and other[0] - one[0] <= 30
        for at, one in enumerate(readings)
        for other in readings[at + 1 :]
    )
    if reds and not normal_after_red:
        assert Severity.RED in {severity for _, severity in nurse.told}
    if not connected:
        assert nurse.ended == []
        first = next((value for _, value, _ in readings if value < 90), None)
        assert first is None or nurse.told[0][0] == first


@given(st.lists(READING, min_size=1, max_size=12))
def test_a_case_is_never_told_less_than_what_is_so_but_by_the_hysteresis(
    steps: list[tuple[int, float, bool]],
) -> None:
    readings = [(float(at * 60), value, False) for at, (_, value, _) in enumerate(steps)]
    nurse = Nurse(_rules(), connected=False)
    for draft, verdict in _judged(nurse.rule_set, readings):
        nurse.take(draft, verdict)
        level = nurse._levels.get(SERIES, Severity.GREEN)
        assert verdict.severity is not None
        assert level.rank >= verdict.severity.rank
        if draft.reading.value >= 91:
            assert level is Severity.GREEN


# --------------------------------------------------------------------------- hold-off


def _closed(severity: Severity, rule: str = "first", days_ago: float = 1) -> Steady:
    closed = Closed(rule, severity, START - timedelta(days=days_ago))
    return Steady(closed={SERIES: [closed]}, rule_sets={1: _rules()})


@pytest.mark.parametrize(
    ("value", "steady", "held"),
    [
        (89, _closed(Severity.YELLOW), True),
        (89, _closed(Severity.RED), True),
        (84, _closed(Severity.YELLOW), False),  # graver than what people closed
        (89, _closed(Severity.YELLOW, days_ago=3), False),  # two days are over
        (89, _closed(Severity.YELLOW, rule="second"), False),  # another rule says it
        (89, Steady(rule_sets={1: _rules()}), False),  # no case was closed
        (79, _closed(Severity.RED), False),  # a second rule, that had said nothing, joins
    ],
)
def test_a_closed_case_keeps_its_rule_quiet_for_a_while(
    value: float, steady: Steady, held: bool
) -> None:
    ((draft, verdict),) = _judged(_rules(), [(0, value, False)])
    assert steady.holds(draft, verdict, Severity.GREEN) is held


def test_limits_of_the_patients_own_are_drawn_in_as_well() -> None:
    """Own limits stand in for the rule's numbers, and its hysteresis is theirs."""
    rules = _rules()
    ((draft, verdict),) = _judged(rules, [(0, 93.5, False)])
    own = replace(verdict.subject.basis, limits=LimitSet(1, 85, 93, None, None))
    verdict = replace(verdict, subject=replace(verdict.subject, basis=own))
    assert steadying.held([(draft, verdict)], {1: rules}, [0]) == {
        (draft.reading.id, 0): Severity.YELLOW
    }
