"""PostgreSQL's binary form of texts and arrays. Pure.

Owns the form of one-dimensional arrays without nulls; it knows neither rows nor parameters.

References
----------
PostgreSQL sources, array_send in src/backend/utils/adt/arrayfuncs.c.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

TEXT_OID: Final = 25
UUID_OID: Final = 2950
INT8_OID: Final = 20

_HEAD: Final = struct.Struct(">iiiii")
_EMPTY_HEAD: Final = struct.Struct(">iii")
_LENGTH: Final = struct.Struct(">i")


def field(value: str) -> bytes:
    """Write a text behind its length; the binary form of an enumeration is its word too."""
    raw = value.encode()
    return _LENGTH.pack(len(raw)) + raw


def array(oid: int, fields: Sequence[bytes]) -> bytes:
    """Write an array of elements that stand behind their lengths.

    Parameters
    ----------
    oid
        Type of the elements.
    """
    return array_head(oid, len(fields)) + b"".join(fields)


def array_head(oid: int, count: int) -> bytes:
    """Write what stands before the elements."""
    return _HEAD.pack(1, 0, oid, count, 1) if count else _EMPTY_HEAD.pack(0, 0, oid)
