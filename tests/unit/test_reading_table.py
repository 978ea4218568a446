"""Tables of readings: every way in which people write them wrong is named by line and field."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.reading_table import COLUMNS, MOST_SHOWN, TableError, parsed
from alerts.readings import QUANTITIES

HEAD = "series,quantity,measured_at,value"
GOOD = "a,spo2,2026-01-05T08:00:00+01:00,92"


def _refused(*lines: str, end: str = "\n") -> str:
    with pytest.raises(TableError) as caught:
        parsed(end.join(lines).encode(), "r.csv")
    return str(caught.value)


def test_a_table_is_read_as_it_stands() -> None:
    table = parsed(f"{HEAD}\n{GOOD}\nb,fev1,2026-01-05T08:00:00Z,1.25\n".encode(), "r.csv")
    readings = table.readings
    assert list(readings.names) == ["a", "b"]
    assert [QUANTITIES[number] for number in readings.quantity] == ["spo2", "fev1"]
    assert readings.values.tolist() == [92, 1.25]
    assert readings.measured_us.tolist() == [1_767_596_400_000_000, 1_767_600_000_000_000]
    assert table.measured_at == ["2026-01-05T08:00:00+01:00", "2026-01-05T08:00:00Z"]


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEAD}\n{GOOD}\n",
        f"{HEAD}\r\n{GOOD}\r\n",
        f"{HEAD}\r{GOOD}\r",
        f"{HEAD}\n\n{GOOD}\n\n   \n",
        f"\n{HEAD}\n{GOOD}",
        " series , quantity,measured_at,value\n a , spo2 ,2026-01-05T08:00:00+01:00, 92 \n",
        'series,quantity,measured_at,value\n"a","spo2","2026-01-05T08:00:00+01:00","92.0"\n',
        "value,measured_at,series,quantity\n92,2026-01-05T08:00:00+01:00,a,spo2\n",
        "note,value,measured_at,series,quantity,note\nx,92,2026-01-05T07:00:00Z,a,spo2,y\n",
        f"{HEAD}\na,spo2,20260105T080000+0100,9.2e1\n",
        f"{HEAD}\na,spo2,2026-01-05 08:00+01:00,+92\n",
        f"{HEAD}\n{GOOD}\na,spo2,2026-01-05T07:00:00Z,92.00\n",
    ],
    ids=[
        "byte order mark",
        "CRLF",
        "CR",
        "blank lines",
        "blank first",
        "blanks",
        "quotes",
        "other order",
        "more columns",
        "basic format",
        "no seconds",
        "told twice",
    ],
)
def test_ways_of_writing_the_same_reading(content: str) -> None:
    readings = parsed(content.encode(), "r.csv").readings
    assert readings.values.tolist() == [92]
    assert readings.measured_us.tolist() == [1_767_596_400_000_000]
    assert list(readings.names) == ["a"]


def test_a_row_that_is_told_twice_is_counted() -> None:
    assert parsed(f"{HEAD}\n{GOOD}\n{GOOD}\n{GOOD}\n".encode(), "r.csv").repeated == 2


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        ("a,spo2,2026-01-05T08:00:00,92", "measured_at", "without one; write the offset"),
        ("a,spo2,2026-01-05,92", "measured_at", "without one"),
        ("a,spo2,5/1 2026 08:00,92", "measured_at", "ISO 8601"),
        ("a,spo2,2026-02-30T08:00:00Z,92", "measured_at", "ISO 8601"),
        ("a,spo2,1767600000,92", "measured_at", "ISO 8601"),
        ("a,spo2,,92", "measured_at", "found ''"),
        ("a,spo2,2026-01-05T08:00:00Z,", "value", "found ''"),
        ("a,spo2,2026-01-05T08:00:00Z,ninety", "value", "found 'ninety'"),
        ('a,spo2,2026-01-05T08:00:00Z,"92,5"', "value", "decimal point, found '92,5'"),
        ("a,spo2,2026-01-05T08:00:00Z,9_2", "value", "found '9_2'"),
        ("a,spo2,2026-01-05T08:00:00Z,nan", "value", "found 'nan'"),
        ("a,spo2,2026-01-05T08:00:00Z,-inf", "value", "found '-inf'"),
        ("a,spo2,2026-01-05T08:00:00Z,970", "value", "30-100 %, found 970"),
        ("a,spo2,2026-01-05T08:00:00Z,0.92", "value", "as a fraction it would be 92"),
        ("a,body_weight,2026-01-05T08:00:00Z,0", "value", "5-300 kg"),
        ("a,SpO2,2026-01-05T08:00:00Z,92", "quantity", "expected one of spo2, pulse_rate"),
        ("a,,2026-01-05T08:00:00Z,92", "quantity", "found ''"),
        (",spo2,2026-01-05T08:00:00Z,92", "series", "what the series is called"),
        ("a\x07,spo2,2026-01-05T08:00:00Z,92", "series", "what the series is called"),
        ("a,spo2,2026-01-05T08:00:00Z", "row", "expected 4 fields, found 3"),
        ("a,spo2,2026-01-05T08:00:00Z,92,%", "row", "expected 4 fields, found 5"),
        ("a;spo2;2026-01-05T08:00:00Z;92", "row", "expected 4 fields, found 1"),
    ],
)
def test_a_bad_row_is_named_by_line_and_field(row: str, field: str, says: str) -> None:
    for end in ("\n", "\r\n"):
        said = _refused(HEAD, GOOD, "", row, GOOD, end=end)
        assert said.startswith(f"r.csv, line 4, {field}: ")
        assert says in said


def test_a_line_is_counted_as_an_editor_counts_when_a_field_runs_over_two() -> None:
    assert "r.csv, line 4, value" in _refused(
        "note," + HEAD, f'"two\nlines",{GOOD}', "x,a,spo2,2026-01-05T08:00:00Z,x"
    )


def test_all_bad_rows_are_counted_and_the_first_are_named() -> None:
    said = _refused(HEAD, *(["a,spo2,today,92"] * 12), GOOD)
    assert said.count("measured_at: expected") == MOST_SHOWN
    assert said.endswith("and 7 more bad rows, 12 in all")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "r.csv is empty; expected a header line: series,quantity,measured_at,value"),
        (b"\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"series,quantity,value\n", "line 1, column measured_at: expected the columns"),
        (GOOD.encode(), "line 1, column series: expected the columns"),
        (b"series;quantity;measured_at;value\n", "with commas between, found 'series;quantity"),
        (b"series,series,quantity,measured_at,value\n", "column series: expected once, found 2"),
        (b"series,quantity,measured_at,value\n\xe6,spo2,x,1", "line 2: expected UTF-8, found"),
        (b'series,quantity,measured_at,value\n"a,spo2', "line 2: expected CSV with commas"),
        (b"\xff\xfes\x00e\x00", "expected UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(TableError) as caught:
        parsed(content, "r.csv")
    assert says in str(caught.value)


def test_a_header_alone_is_a_table_without_readings() -> None:
    assert len(parsed((HEAD + "\n").encode(), "r.csv").readings) == 0


def test_a_long_field_is_not_shown_whole() -> None:
    assert len(_refused(HEAD, f"a,spo2,{'9' * 5000},92")) < 300


_rows = st.lists(
    st.tuples(
        st.sampled_from(["b", "a", "Å"]),
        st.sampled_from(["spo2", "pulse_rate"]),
        st.sampled_from(["2026-01-05T08:00:00+01:00", "2026-01-05T07:00:00Z", "2025-07-01T00:00Z"]),
        st.sampled_from(["92", "91.5", "60"]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(_rows, st.randoms())
def test_rows_in_any_order_are_the_same_table(
    rows: list[tuple[str, ...]], shuffler: random.Random
) -> None:
    def table(ordered: list[tuple[str, ...]]) -> list[list[object]]:
        lines = [HEAD, *(",".join(row) for row in ordered)]
        readings = parsed("\n".join(lines).encode(), "r.csv").readings
        names = [readings.names[number] for number in readings.series]
        return [names, readings.quantity.tolist(), readings.measured_us.tolist(),
                readings.values.tolist()]  # fmt: skip

    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert table(rows) == table(shuffled)


@settings(deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_a_table_or_one_error(content: bytes) -> None:
    for start in (b"", (HEAD + "\n").encode(), (HEAD + "\n" + GOOD + "\n").encode()):
        with suppress(TableError):
            parsed(start + content, "r.csv")


def test_the_columns_are_those_of_the_documents() -> None:
    assert ",".join(COLUMNS) == HEAD
