"""What a living person can have: within the device's range, and told with the likely slip."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from ingest.parcel import IMPLAUSIBLE
from telekol import topics
from telekol.plausibility import HUMAN, bounds, implausible
from telekol.quantities import FACTS, Quantity
from tests.support.messages import message, observation, sort

TOPIC = topics.observations("gw-test-1")


@pytest.mark.parametrize("quantity", Quantity)
def test_the_person_s_range_lies_within_the_device_s(quantity: Quantity) -> None:
    facts, allowed = FACTS[quantity], bounds(quantity)
    assert facts.lowest <= allowed.lowest < allowed.highest <= facts.highest
    assert (quantity in HUMAN) == facts.of_patient


@pytest.mark.parametrize("quantity", Quantity)
def test_the_bounds_themselves_are_plausible(quantity: Quantity) -> None:
    allowed = bounds(quantity)
    assert implausible(quantity, allowed.lowest) is None
    assert implausible(quantity, allowed.highest) is None


@pytest.mark.parametrize(
    ("quantity", "value", "said"),
    [
        (Quantity.BODY_WEIGHT, 320.0, "as pounds it would be 145 kg"),
        (Quantity.BODY_TEMPERATURE, 98.6, "as Fahrenheit it would be 37 Cel"),
        (Quantity.SYSTOLIC_BP, 16.0, "as kPa it would be 120 mm[Hg]"),
        (Quantity.FEV1, 1500.0, "as millilitres it would be 1.5 L"),
        (Quantity.FEV1_FVC, 72.0, "as percent it would be 0.72 {ratio}"),
        (Quantity.SPO2, 0.93, "as a fraction it would be 93 %"),
        (Quantity.PEF, 8.0, "as L/s it would be 480 L/min"),
    ],
)
def test_a_slip_of_units_is_named(quantity: Quantity, value: float, said: str) -> None:
    assert said in (implausible(quantity, value) or "")


def test_no_slip_is_made_up() -> None:
    assert "would be" not in (implausible(Quantity.SPO2, 12.0) or "would be")


@pytest.mark.parametrize("value", [29.0, 3.0])
def test_an_implausible_value_is_refused_beside_a_good_one(value: float) -> None:
    parcel = sort(TOPIC, message(observation(value), observation(93.0)))
    assert [reading.seq for reading in parcel.readings] == [2]
    (entry,) = parcel.quarantined
    assert (entry.code, entry.seq) == (IMPLAUSIBLE, 1)
    assert json.loads(entry.payload)["value"] == value
    assert "of a living person" in entry.reason


def test_what_no_device_can_report_names_the_slip_too() -> None:
    document = json.loads(message(observation(36.9, Quantity.BODY_TEMPERATURE), boot=uuid4()))
    document["observations"][0]["value"] = 98.6
    (entry,) = sort(TOPIC, json.dumps(document).encode()).quarantined
    assert entry.code == "bad-observation"
    assert "as Fahrenheit it would be 37 Cel" in entry.reason
