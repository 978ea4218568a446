"""Write alerts/scores/tables from a release of pyspiro, and the oracle that the tests hold us to.

``uv run --no-project --with pyspiro==1.0.0 --with spiref==1.0.4 python scripts/gli_tables.py``

Neither package is installed anywhere else (docs/decisions/0029). Of pyspiro's files, those named
``bowermann`` with two n are stale: in them q1 of the female FEV1/FVC has the wrong sign.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
TABLES: Final = ROOT / "alerts/scores/tables"
ORACLE: Final = ROOT / "tests/support/gli_oracle.csv"

SOURCES: Final = {"gli_2012": "gli_2012", "gli_global": "bowerman_2022"}
MEASURES: Final = {"fev1": "FEV1", "fvc": "FVC", "fev1_fvc": "FEV1FVC"}
SEXES: Final = {"male": "males", "female": "females"}
COEFFICIENTS: Final = ("a0", "a1", "a2", "p0", "p1", "q0", "q1")
CITED: Final = {
    "gli_2012": "Quanjer et al., Eur Respir J 2012;40:1324, supplement; Caucasian group.",
    "gli_global": "Bowerman et al., Am J Respir Crit Care Med 2023;207:768, supplement.",
}
CASES: Final = 400


def main() -> None:
    """Write the tables and the oracle."""
    for name, source in SOURCES.items():
        _write_coefficients(name, _read(f"{source}_coefficients.csv"))
        _write_splines(name, _read(f"{source}_splines.csv"))
    _write_oracle()


def _read(file: str) -> list[dict[str, str]]:
    text = resources.files("pyspiro").joinpath("data", file).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter=";"))


def _write(file: Path, cited: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as written:
        written.write(f"# {cited} From pyspiro 1.0.0 by scripts/gli_tables.py.\n")
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_coefficients(name: str, rows: list[dict[str, str]]) -> None:
    by_name = {row["var"]: row for row in rows}
    lines = [
        # An empty q1 is no term in age.
        [m, sex, *(by_name[c][f"{theirs}_{plural}"] or "0" for c in COEFFICIENTS)]
        for m, theirs in MEASURES.items()
        for sex, plural in SEXES.items()
    ]
    _write(
        TABLES / f"{name}_coefficients.csv", CITED[name], ["measure", "sex", *COEFFICIENTS], lines
    )


def _write_splines(name: str, rows: list[dict[str, str]]) -> None:
    columns = {
        f"{m}_{sex}_{part}": f"{theirs}_{plural}_{part.upper()}spline"
        for m, theirs in MEASURES.items()
        for sex, plural in SEXES.items()
        for part in "lms"
    }
    lines = [[float(row["age"]), *(row[theirs] for theirs in columns.values())] for row in rows]
    _write(TABLES / f"{name}_splines.csv", CITED[name], ["age", *columns], lines)


def _write_oracle() -> None:
    """Random people, and the ends of the ages, as pyspiro and spiref see them."""
    luck = random.Random(2012)  # noqa: S311 - test data
    lines = [_line(*case) for case in _cases(luck)]
    header = (
        "reference,sex,age,height,measure,value,predicted,percent,z,lln,spiref_predicted,spiref_lln"
    )
    _write(ORACLE, "Reference values by pyspiro 1.0.0 and spiref 1.0.4.", header.split(","), lines)


def _cases(luck: random.Random) -> Iterable[tuple[str, str, float, float, str, float]]:
    for number in range(CASES):
        # spiref takes the row below an age, so every other age lies on a row.
        age = luck.choice((3.0, 95.0, round(luck.uniform(3, 95), 2), luck.randint(12, 379) / 4))
        height = round(luck.uniform(90, 205), 1)
        measure = list(MEASURES)[number % 3]
        value = luck.uniform(0.2, 0.98) if measure == "fev1_fvc" else luck.uniform(0.3, 6)
        for name in SOURCES:
            yield name, luck.choice(list(SEXES)), age, height, measure, round(value, 3)


def _line(name: str, sex: str, age: float, height: float, measure: str, value: float) -> list[Any]:
    import pyspiro  # noqa: PLC0415 - installed for this script alone
    from spiref.gli12 import GLIReferenceValueCalculator  # noqa: PLC0415 - the same

    ours = {"gli_2012": pyspiro.GLI_2012, "gli_global": pyspiro.BOWERMAN_2022}[name]
    equations = _made.setdefault(name, ours())
    given = {
        "sex": int(sex == "male"),
        "age": age,
        "height": height,
        "parameter": ours.Parameters[MEASURES[measure]],
        "value": value,
    }
    if name == "gli_2012":
        given["ethnicity"] = 1
    predicted = equations.lms(**given)[1]
    found = [equations.percent(**given), equations.zscore(**given), equations.lln(**given)]
    other: list[Any] = ["", ""]
    if name == "gli_2012" and (age * 4).is_integer():
        calculator = _made.setdefault("spiref", GLIReferenceValueCalculator())
        words = (MEASURES[measure], sex, height, age, "Cau")
        other = [calculator.calc_lung_param(*words), calculator.calc_lln_lung_param(*words)]
    numbers = [
        repr(float(number)) if number != "" else "" for number in (predicted, *found, *other)
    ]
    return [name.replace("_", "-"), sex, age, height, measure, value, *numbers]


_made: dict[str, Any] = {}

if __name__ == "__main__":
    sys.exit(main())
