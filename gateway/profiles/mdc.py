"""IEEE 11073-10101: codes of what was measured and in which unit, and our quantities for them.

Owns the tables and the conversions. Must not know any byte layout.

Invariants
----------
1. A code that is not in the table is no reading: a predicted FEV1 or a personal best has a code
   of its own, and looks like a measurement.
2. FEV6 is never FVC, and FEV1/FEV6 never FEV1/FVC.
3. A unit that is not in the table of its quantity is refused; nothing is guessed.

Sources: MDC nomenclature server of 2024-12-05 (spirometry; a survey of 2026-09), and the
nomenclature header of an open Generic Health Sensor by a co-author of the service (all of them).
A 32-bit code is 65536 times its partition and a term; a unit is sent as the term of partition 4.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from enum import IntEnum
from typing import Final

from gateway.profiles.blood_pressure import kilopascals_to_mmhg
from gateway.profiles.measurement import DIGITS
from gateway.profiles.thermometer import fahrenheit_to_celsius
from gateway.profiles.weight_scale import KG_PER_LB
from telekol.quantities import Quantity

_S_PER_MIN: Final = 60


class Code(IntEnum):
    """What was measured."""

    SPO2 = 150456
    PULSE_RATE_OXIMETER = 149530
    PULSE_RATE_CUFF = 149546
    PERFUSION = 150488
    BODY_MASS = 188736
    SYSTOLIC = 150021
    DIASTOLIC = 150022
    MEAN_PRESSURE = 150023
    BODY_TEMPERATURE = 150364
    TYMPANIC_TEMPERATURE = 150392
    RECTAL_TEMPERATURE = 188420
    ORAL_TEMPERATURE = 188424
    EAR_TEMPERATURE = 188428
    AXILLARY_TEMPERATURE = 188452
    PEF = 152584
    FEV1 = 152586
    FEV6 = 152587
    FVC = 188928
    FEV1_FVC = 188948


class Unit(IntEnum):
    """In which unit, as the term of partition 4."""

    DIMENSIONLESS = 512
    PERCENT = 544
    LITRE = 1600
    CENTILITRE = 1617
    MILLILITRE = 1618
    GRAM = 1728
    KILOGRAM = 1731
    POUND = 1760
    BEATS_PER_MINUTE = 2720
    LITRE_PER_SECOND = 3040
    MILLILITRE_PER_SECOND = 3058
    LITRE_PER_MINUTE = 3072
    KILOPASCAL = 3843
    MMHG = 3872
    FAHRENHEIT = 4416
    CELSIUS = 6048


_Conversion = Callable[[Decimal], Decimal]


def _times(factor: int | Decimal) -> _Conversion:
    return lambda value: value * factor


_AS_IT_IS: Final = _times(1)
_LITRES: Final = {
    Unit.LITRE: _AS_IT_IS,
    Unit.CENTILITRE: _times(Decimal("0.01")),
    Unit.MILLILITRE: _times(Decimal("0.001")),
}
_LITRES_PER_MINUTE: Final = {
    Unit.LITRE_PER_MINUTE: _AS_IT_IS,
    Unit.LITRE_PER_SECOND: _times(_S_PER_MIN),
    Unit.MILLILITRE_PER_SECOND: _times(Decimal("0.06")),
}
_PERCENT: Final = {Unit.PERCENT: _AS_IT_IS}
_PER_MINUTE: Final = {Unit.BEATS_PER_MINUTE: _AS_IT_IS}
_KILOGRAMS: Final = {
    Unit.KILOGRAM: _AS_IT_IS,
    Unit.GRAM: _times(Decimal("0.001")),
    Unit.POUND: _times(KG_PER_LB),
}
_PRESSURE: Final = {Unit.MMHG: _AS_IT_IS, Unit.KILOPASCAL: kilopascals_to_mmhg}
_TEMPERATURE: Final = {Unit.CELSIUS: _AS_IT_IS, Unit.FAHRENHEIT: fahrenheit_to_celsius}
_RATIO: Final = {Unit.DIMENSIONLESS: _AS_IT_IS, Unit.PERCENT: _times(Decimal("0.01"))}

_MEANINGS: Final[dict[int, tuple[Quantity, dict[Unit, _Conversion]]]] = {
    Code.SPO2: (Quantity.SPO2, _PERCENT),
    Code.PULSE_RATE_OXIMETER: (Quantity.PULSE_RATE, _PER_MINUTE),
    Code.PULSE_RATE_CUFF: (Quantity.PULSE_RATE, _PER_MINUTE),
    # Some oximeters send it as a bare number on a scale of their own; that is no percentage.
    Code.PERFUSION: (Quantity.PERFUSION_INDEX, _PERCENT),
    Code.BODY_MASS: (Quantity.BODY_WEIGHT, _KILOGRAMS),
    Code.SYSTOLIC: (Quantity.SYSTOLIC_BP, _PRESSURE),
    Code.DIASTOLIC: (Quantity.DIASTOLIC_BP, _PRESSURE),
    Code.MEAN_PRESSURE: (Quantity.MEAN_BP, _PRESSURE),
    Code.BODY_TEMPERATURE: (Quantity.BODY_TEMPERATURE, _TEMPERATURE),
    Code.TYMPANIC_TEMPERATURE: (Quantity.BODY_TEMPERATURE, _TEMPERATURE),
    Code.RECTAL_TEMPERATURE: (Quantity.BODY_TEMPERATURE, _TEMPERATURE),
    Code.ORAL_TEMPERATURE: (Quantity.BODY_TEMPERATURE, _TEMPERATURE),
    Code.EAR_TEMPERATURE: (Quantity.BODY_TEMPERATURE, _TEMPERATURE),
    Code.AXILLARY_TEMPERATURE: (Quantity.BODY_TEMPERATURE, _TEMPERATURE),
    Code.PEF: (Quantity.PEF, _LITRES_PER_MINUTE),
    Code.FEV1: (Quantity.FEV1, _LITRES),
    Code.FEV6: (Quantity.FEV6, _LITRES),
    Code.FVC: (Quantity.FVC, _LITRES),
    Code.FEV1_FVC: (Quantity.FEV1_FVC, _RATIO),
}


def quantity_of(code: int | None) -> Quantity | None:
    """Give the quantity that a code means; None if it is none of ours."""
    return _MEANINGS[code][0] if code in _MEANINGS else None


def in_own_unit(code: int, unit: int, value: Decimal) -> Decimal | None:
    """Convert a value to its quantity's own unit; None if that unit does not fit the code.

    Examples
    --------
    >>> in_own_unit(Code.PEF, Unit.LITRE_PER_SECOND, Decimal("5.2"))
    Decimal('312.0')
    """
    conversions = _MEANINGS[code][1]
    conversion = next((one for known, one in conversions.items() if known == unit), None)
    with localcontext(prec=DIGITS):
        return None if conversion is None else conversion(value)
