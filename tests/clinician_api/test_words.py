"""The words: complete in both languages, used, and written the Danish way."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from clinician_api.texts import MONTHS, TEXTS, WEEKDAYS, Language
from clinician_api.words import Words

DANISH, ENGLISH = Words(Language.DANISH), Words(Language.ENGLISH)
NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_are_complete(key):
    text = TEXTS[key]
    assert text.da.strip()
    assert text.en.strip()
    assert _fields(text.da) == _fields(text.en)


def test_days_and_months_are_complete():
    assert {len(text.split()) for text in WEEKDAYS} == {7}
    assert {len(text.split()) for text in MONTHS} == {12}


def test_every_text_is_used_and_every_used_text_exists():
    package = resources.files("clinician_api")
    files = [*package.iterdir(), *(package / "templates").iterdir()]
    source = "\n".join(
        file.read_text(encoding="utf-8")
        for file in files
        if file.name.endswith((".py", ".html")) and not file.name.startswith("texts")
    )
    whole = set(re.findall(r'["\']([a-z_]+\.[a-z_]+)["\']', source))
    begun = tuple(
        {
            a or b
            for a, b in re.findall(r'["\']([a-z_]+\.[a-z_]*)["\'] ~|"([a-z_]+\.[a-z_]*)\{', source)
        }
    )
    assert begun
    endings = tuple(re.findall(r"~ '(_for)'", source))
    counted = tuple(key + "_one" for key in whole)  # a text of its own for one
    unused = {key for key in TEXTS if key not in whole and not key.startswith(begun)} - {*counted}
    assert unused == set()
    prefixes = {key.split(".")[0] for key in TEXTS}
    asked = {key for key in whole if key.split(".")[0] in prefixes}
    asked = {key for key in asked if not key.endswith((".html", "_"))}
    asked = {key for key in asked if f'"{key}")' in source or f'("{key}"' in source}
    assert asked <= set(TEXTS)
    assert endings


def test_numbers_have_the_language_s_decimal_sign():
    assert DANISH.number(70.84, 1) == "70,84"
    assert ENGLISH.number(70.84, 1) == "70.84"
    assert DANISH.number(70.0, 1) == "70,0"
    assert DANISH.number(84.0, 0) == "84"


def test_times_are_danish_times():
    assert DANISH.when(NOW, NOW) == "29. mar. 14:00"
    assert ENGLISH.when(NOW - timedelta(days=1), NOW) == "28 Mar 13:00"
    assert DANISH.when(NOW - timedelta(days=200), NOW) == "10. sep. 2025 14:00"
    assert DANISH.weekday(NOW) == "søn"


@pytest.mark.parametrize(
    ("ago", "danish", "english"),
    [
        (timedelta(seconds=-90), "lige nu", "just now"),
        (timedelta(minutes=-10), "i fremtiden", "in the future"),
        (timedelta(seconds=59), "lige nu", "just now"),
        (timedelta(minutes=1), "1 min. siden", "1 min ago"),
        (timedelta(minutes=119), "1 time siden", "1 hour ago"),
        (timedelta(hours=47), "47 timer siden", "47 hours ago"),
        (timedelta(hours=48), "2 dage siden", "2 days ago"),
    ],
)
def test_how_long_ago(ago, danish, english):
    assert DANISH.ago(NOW - ago, NOW) == danish
    assert ENGLISH.ago(NOW - ago, NOW) == english


@pytest.mark.parametrize(
    ("ago", "danish", "english"),
    [
        (timedelta(seconds=59), "lige nu", "just now"),
        (timedelta(minutes=-10), "i fremtiden", "in the future"),
        (timedelta(minutes=12, seconds=59), "12 min.", "12 min"),
        (timedelta(minutes=60), "13:00", "13:00"),
        (timedelta(hours=13), "00:00", "00:00"),
        (timedelta(hours=14), "28. mar. 23:00", "28 Mar 23:00"),
    ],
)
def test_since_when(ago, danish, english):
    # The clock went forward at 2 this night: 13 hours before 14:00 it was midnight.
    assert DANISH.opened(NOW - ago, NOW) == danish
    assert ENGLISH.opened(NOW - ago, NOW) == english


def test_a_text_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        DANISH("board.nothing")
