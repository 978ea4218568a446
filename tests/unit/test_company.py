"""A reading is judged the same to the last bit, in whatever company: else no replay could hold."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.round.subjects import Basis, Subject, Taken, UsualLevel
from alerts.round.verdicts import judge
from alerts.rulesets import loading
from telekol.quantities import Quantity

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def _series(luck: random.Random, length: int, usual: float, spread: float) -> tuple[Taken, ...]:
    return tuple(
        Taken(
            UUID(int=luck.getrandbits(128)),
            START + timedelta(days=day, minutes=luck.randrange(60)),
            round(luck.gauss(usual, spread), 1),
        )
        for day in range(length)
    )


def _subject(luck: random.Random, length: int) -> Subject:
    pulse = _series(luck, length, 78.0, 9.0)
    spo2 = tuple(
        Taken(one.id, one.measured_at, round(luck.gauss(90, 3)), one.doubtful) for one in pulse
    )
    level = UsualLevel(None, 92.1, START, None, approved=False, origin="proposed", n=14, spread=1.3)
    return Subject(
        patient_id=UUID(int=1),
        quantity=Quantity.SPO2,
        window=spo2,
        basis=Basis(1, approved=False, levels=(level,)),
        beside=pulse,
        beside_quantity=Quantity.PULSE_RATE,
    )


@pytest.mark.parametrize("name", loading.shipped_names())
def test_no_bit_depends_on_who_is_judged_beside_it(name: str) -> None:
    luck = random.Random(7)
    sets = {1: loading.load(name)}
    subjects = [_subject(luck, length) for length in (1, 2, 9, 14, 15, 17, 21, 25, 28, 30, 31, 32)]
    together = judge(subjects, sets, range(len(subjects)))
    alone = [judge([one], sets, [0])[0] for one in subjects]
    assert together == alone
    assert any(verdict.findings for verdict in alone)
