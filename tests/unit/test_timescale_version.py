"""Which TimescaleDB is let near readings; the rest of it needs a server."""

from __future__ import annotations

import pytest

from migrations.timescale import is_new_enough


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.17.2", False),
        ("2.19.0", False),
        ("2.19.1", True),
        ("2.19.3", True),
        ("2.20.0", True),
        ("2.28.3", True),
        ("2.9.1", False),
        ("3.0.0-dev", True),
        ("2.19.0-dev", False),
    ],
)
def test_older_ones_than_the_one_that_loses_no_row_are_refused(
    version: str, *, expected: bool
) -> None:
    assert is_new_enough(version) is expected
