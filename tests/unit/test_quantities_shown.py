"""Units as people see them: UCUM is for programs."""

from __future__ import annotations

import pytest

from alerts.reasons import within_limits
from telekol.quantities import FACTS, Quantity


@pytest.mark.parametrize(
    ("quantity", "value", "said"),
    [
        (Quantity.BODY_TEMPERATURE, 37.25, "Temperatur 37,25 °C, inden for grænserne"),
        (Quantity.SYSTOLIC_BP, 128.0, "Systolisk blodtryk 128 mmHg, inden for grænserne"),
        (Quantity.FEV1_FVC, 0.58, "FEV1/FVC 0,58, inden for grænserne"),
        (Quantity.SPO2, 91.0, "Iltmætning 91 %, inden for grænserne"),
    ],
)
def test_a_sentence_for_people_has_the_unit_that_people_write(
    quantity: Quantity, value: float, said: str
) -> None:
    assert within_limits(quantity, value).danish == said


@pytest.mark.parametrize("quantity", Quantity)
def test_no_shown_unit_is_in_the_notation_for_programs(quantity: Quantity) -> None:
    shown = FACTS[quantity].shown_unit
    assert "[" not in shown
    assert "{" not in shown
    assert shown != "Cel"
