"""``telekol score``: the clinical scores at the command line, JSON out. Touches the process.

Owns the options and the shape of what is printed; the numbers are `alerts.scores`'.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final

import numpy as np
import typer

from alerts.scores import bode as bode_score
from alerts.scores import cat as cat_score
from alerts.scores import gli, gold, severity
from alerts.scores import mmrc as mmrc_scale
from alerts.scores import news2 as news2_score
from alerts.scores.checks import ScoreError, whole
from alerts.scores.gli import Measure, Reference, Result, Sex
from alerts.scores.news2 import Consciousness

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Clinical scores for COPD, printed as JSON.\n\n"
        "Each takes measured values as options and prints `score`, `points` by part and `band`, "
        "or says what is missing or impossible and ends with status 2. Nothing is stored. A score "
        "helps somebody who looks at the patient; it decides nothing. Sources: docs/scores.md."
    ),
)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        hint = "write a point, not a comma" if "," in text else "write digits only, no unit"
        raise typer.BadParameter(f"expected a number such as 36.5, found {text!r}; {hint}")
    return number


def _option(meaning: str, metavar: str) -> Any:
    return typer.Option(help=meaning, metavar=metavar, parser=_number)


Age = Annotated[float, _option("Age in years, 3 to 95; decimals count.", "YEARS")]
Height = Annotated[float, _option("Height in centimetres.", "CM")]
Fev1 = Annotated[float, _option("FEV1 in litres.", "L")]
Fvc = Annotated[float, _option("FVC in litres; an FEV6 is not one.", "L")]
MaybeFloat = float | None

GRADE_HELP: Final = "mMRC grade, 0-4. The MRC scale counts from 1: give that as --mrc."


@app.command()
def news2(
    *,
    respiration_rate: Annotated[MaybeFloat, _option("Breaths per minute.", "/MIN")] = None,
    spo2: Annotated[MaybeFloat, _option("Saturation.", "%")] = None,
    spo2_scale: Annotated[
        int,
        typer.Option(
            help="1, or 2 where a clinician has set it after confirmed hypercapnic failure.",
            metavar="1|2",
        ),
    ] = 1,
    oxygen: Annotated[
        bool | None, typer.Option("--oxygen/--air", help="What the patient breathes.")
    ] = None,
    systolic: Annotated[MaybeFloat, _option("Systolic blood pressure.", "MMHG")] = None,
    pulse: Annotated[MaybeFloat, _option("Beats per minute.", "/MIN")] = None,
    consciousness: Annotated[
        Consciousness | None,
        typer.Option(
            case_sensitive=False,
            help="Alert, new Confusion, responds to Voice, to Pain, or Unresponsive.",
        ),
    ] = None,
    temperature: Annotated[MaybeFloat, _option("Degrees Celsius.", "C")] = None,
) -> None:
    """NEWS2, the National Early Warning Score 2: 0-20, of seven parts.

    All parts must have been measured; there is no partial NEWS2. Values are rounded before they
    are looked up.

    Example: `telekol score news2 --respiration-rate 22 --spo2 90 --spo2-scale 2 --oxygen
    --systolic 118 --pulse 104 --consciousness a --temperature 38.2`
    """
    found = news2_score.score(
        respiration_rate=respiration_rate,
        spo2=spo2,
        oxygen=oxygen,
        systolic=systolic,
        pulse=pulse,
        consciousness=consciousness,
        temperature=temperature,
        spo2_scale=spo2_scale,
    )
    _print(
        "news2",
        found.score,
        found.points,
        found.band,
        {"highest": news2_score.HIGHEST, "spo2_scale": spo2_scale},
    )


def _item(name: str) -> Any:
    return _option(f"Item '{name.replace('_', ' ')}', 0-5.", "0-5")


@app.command()
def cat(
    *,
    items: Annotated[
        str | None,
        typer.Option(
            help="All eight at once, in the order of the test, with commas; - where not answered.",
            metavar="N,N,N,N,N,N,N,N",
        ),
    ] = None,
    cough: Annotated[MaybeFloat, _item("cough")] = None,
    phlegm: Annotated[MaybeFloat, _item("phlegm")] = None,
    chest: Annotated[MaybeFloat, _item("chest")] = None,
    hills_and_stairs: Annotated[MaybeFloat, _item("hills_and_stairs")] = None,
    activities: Annotated[MaybeFloat, _item("activities")] = None,
    leaving_home: Annotated[MaybeFloat, _item("leaving_home")] = None,
    sleep: Annotated[MaybeFloat, _item("sleep")] = None,
    energy: Annotated[MaybeFloat, _item("energy")] = None,
    previous: Annotated[MaybeFloat, _option("The score before, 0-40.", "0-40")] = None,
) -> None:
    """CAT, the COPD Assessment Test: eight items of 0-5, 0-40 in all; higher is worse.

    One or two items that were not answered take the mean of the others. With the score before, it
    says whether the change is one that patients notice (2 points). The wording of the test is
    licensed by GSK and is not part of Tele-KOL; items go by our own short names.

    Example: `telekol score cat --items 3,2,4,4,3,1,2,3 --previous 19`
    """
    given = (cough, phlegm, chest, hills_and_stairs, activities, leaving_home, sleep, energy)
    found = cat_score.score(_cat_points(items, given))
    extra: dict[str, Any] = {"highest": cat_score.HIGHEST, "missing": list(found.missing)}
    if previous is not None:
        before = whole("the CAT score before", previous, 0, cat_score.HIGHEST)
        extra |= {"previous": before, "change": found.score - before}
        extra["change_is"] = cat_score.change(found.score, before)
    _print("cat", found.score, found.points, found.band, extra)


def _cat_points(items: str | None, given: tuple[float | None, ...]) -> Mapping[str, float | None]:
    if items is None:
        return cat_score.of_list(given)
    if any(value is not None for value in given):
        raise ScoreError("expected --items or the items by name, found both; leave one out")
    words = [word.strip() for word in items.split(",")]
    return cat_score.of_list([None if word in ("", "-") else _number(word) for word in words])


@app.command()
def mmrc(
    *,
    grade: Annotated[MaybeFloat, _option(GRADE_HELP, "0-4")] = None,
    mrc: Annotated[
        MaybeFloat, _option("Grade of the MRC scale, 1-5; it is converted.", "1-5")
    ] = None,
) -> None:
    """mMRC, the modified MRC dyspnoea grade: 0-4. A grade of the MRC scale (1-5) is one higher.

    Example: `telekol score mmrc --grade 2`, or the same as MRC: `telekol score mmrc --mrc 3`
    """
    found = _mmrc(grade, mrc)
    if found is None:
        raise ScoreError("expected --grade (mMRC, 0-4) or --mrc (1-5), found neither")
    extra = {"highest": mmrc_scale.HIGHEST, "mrc": found + 1, "means": mmrc_scale.MEANINGS[found]}
    _print("mmrc", found, {"mmrc": found}, mmrc_scale.band(found), extra)


def _mmrc(grade: float | None, mrc: float | None) -> int | None:
    if grade is not None and mrc is not None:
        raise ScoreError(
            "expected one grade, found an mMRC and an MRC; they are the same scale, counted "
            "from 0 and from 1"
        )
    if mrc is not None:
        return mmrc_scale.of_mrc(mrc)
    return None if grade is None else mmrc_scale.grade(grade)


@app.command()
def bode(
    *,
    bmi: Annotated[MaybeFloat, _option("Body mass index.", "KG/M2")] = None,
    fev1_percent: Annotated[
        MaybeFloat, _option("FEV1 in percent of predicted, as 45.", "%")
    ] = None,
    mmrc: Annotated[MaybeFloat, _option(GRADE_HELP, "0-4")] = None,
    mrc: Annotated[MaybeFloat, _option("The MRC grade instead, 1-5.", "1-5")] = None,
    walk: Annotated[MaybeFloat, _option("Six-minute walk in metres.", "M")] = None,
) -> None:
    """BODE: body mass, obstruction, dyspnoea, exercise; 0-10, for the outlook.

    Example: `telekol score bode --bmi 20.5 --fev1-percent 42 --mmrc 3 --walk 240`
    """
    grade = _mmrc(mmrc, mrc)
    given = {"--bmi": bmi, "--fev1-percent": fev1_percent, "--mmrc": grade, "--walk": walk}
    if bmi is None or fev1_percent is None or grade is None or walk is None:
        raise _missing("BODE", given)
    found = bode_score.score(bmi=bmi, fev1_percent=fev1_percent, mmrc=grade, walk_m=walk)
    _print("bode", found.score, found.points, found.band, {"highest": bode_score.HIGHEST})


@app.command("gold")
def gold_command(
    *,
    fev1_percent: Annotated[
        MaybeFloat, _option("FEV1 after a bronchodilator, percent of predicted, as 45.", "%")
    ] = None,
    fev1_fvc: Annotated[
        MaybeFloat, _option("FEV1/FVC after a bronchodilator, a fraction, as 0.55.", "RATIO")
    ] = None,
    exacerbations: Annotated[
        MaybeFloat, _option("Moderate exacerbations of the last twelve months.", "N")
    ] = None,
    admissions: Annotated[
        MaybeFloat, _option("Exacerbations of these months that led to admission.", "N")
    ] = None,
    cat: Annotated[MaybeFloat, _option("CAT score, 0-40.", "0-40")] = None,
    mmrc: Annotated[MaybeFloat, _option(GRADE_HELP, "0-4")] = None,
    mrc: Annotated[MaybeFloat, _option("The MRC grade instead, 1-5.", "1-5")] = None,
    year: Annotated[
        int, typer.Option(help="Of the GOLD report: 2023, or 2026.", metavar="YEAR")
    ] = gold.NEWEST,
) -> None:
    """GOLD grade 1-4 by FEV1, and group A, B or E by the report of a year.

    The grade needs --fev1-percent and --fev1-fvc; the group needs --exacerbations and
    --admissions, and --cat or --mmrc unless they decide. Give either or both.

    Example: `telekol score gold --fev1-percent 42 --fev1-fvc 0.55 --exacerbations 1
    --admissions 0 --cat 18 --year 2026`
    """
    for_grade = {"--fev1-percent": fev1_percent, "--fev1-fvc": fev1_fvc}
    for_group = {"--exacerbations": exacerbations, "--admissions": admissions}
    grade = group = None
    if fev1_percent is not None and fev1_fvc is not None:
        grade = gold.grade(fev1_percent=fev1_percent, fev1_fvc=fev1_fvc)
    elif any(value is not None for value in for_grade.values()):
        raise _missing("GOLD's grade", for_grade)
    symptoms = _mmrc(mmrc, mrc)
    if exacerbations is not None and admissions is not None:
        group = gold.group(
            moderate=exacerbations, admissions=admissions, cat=cat, mmrc=symptoms, year=year
        )
    elif any(value is not None for value in (*for_group.values(), cat, symptoms)):
        raise _missing("GOLD's group", for_group)
    if grade is None and group is None:
        raise _missing("GOLD", for_grade | for_group)
    band = None if grade is None else gold.GRADES[grade]
    points = {"grade": grade, "group": group}
    _print("gold", grade, points, band, {"grade": grade, "group": group, "year": year})


@app.command()
def spirometry(
    *,
    sex: Annotated[Sex, typer.Option(case_sensitive=False, help="Which equations.")],
    age: Age,
    height: Height,
    fev1: Fev1,
    fvc: Fvc,
    reference: Annotated[
        Reference,
        typer.Option(help="GLI-2012 (Caucasian group), or the race-neutral GLI Global of 2022."),
    ] = Reference.GLI_GLOBAL,
) -> None:
    """Spirometry against GLI: predicted, percent, z and lower limit of normal.

    Printed for `fev1`, `fvc` (litres) and `fev1_fvc` (fraction): each number stands under its name
    and quantity (`z.fev1`), and all of a quantity together (`fev1.z`). With severity by z and the
    pattern (ERS/ATS 2022). The equations cover 3 to 95 years.

    Example: `telekol score spirometry --sex male --age 65 --height 175 --fev1 1.20 --fvc 2.80
    --reference gli-2012`
    """
    found = gli.compare(reference, sex=sex, age_years=age, height_cm=height, fev1_l=fev1, fvc_l=fvc)
    z = [np.array([found[measure].z]) for measure in Measure]
    severities = {
        measure: severity.SEVERITIES[severity.severities(one)[0]]
        for measure, one in zip(Measure, z, strict=True)
    }
    document: dict[str, Any] = {"name": "spirometry", "reference": reference, "sex": sex}
    document |= {"age_years": age, "height_cm": height}
    for name in ("measured", "predicted", "percent", "z", "lln"):
        document[name] = {measure: getattr(found[measure], name) for measure in Measure}
    document["severity"] = severities
    document["pattern"] = severity.patterns(*z)[0]
    document |= {m: _of(found[m]) | {"severity": severities[m]} for m in Measure}
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _of(result: Result) -> dict[str, Any]:
    names = ("measured", "predicted", "percent", "z", "lln")
    return {name: getattr(result, name) for name in names}


def _missing(what: str, given: Mapping[str, float | None]) -> ScoreError:
    wanted = ", ".join(name for name, value in given.items() if value is None)
    return ScoreError(
        f"{what} needs more; missing: {wanted}. Give what is missing: no part is guessed"
    )


def _print(
    name: str,
    score: int | None,
    points: Mapping[str, Any],
    band: str | None,
    extra: Mapping[str, Any],
) -> None:
    document = {"name": name, "score": score, "points": dict(points), "band": band, **extra}
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
