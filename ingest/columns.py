"""Parameters that are whole columns, written as PostgreSQL's binary arrays.

psycopg writes a list element by element in Python, a microsecond for each; a batch of live
messages has a dozen for each message. Owns what psycopg must know to send them; it knows no SQL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from ingest.binary import INT8_OID, TEXT_OID, UUID_OID, array, array_head, field

_UUID_LENGTH: Final = struct.pack(">i", 16)


class _Column:
    """Values of one type, ready to be sent."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Texts(_Column):
    """A column of text."""

    __slots__ = ()

    def __init__(self, values: Iterable[str]) -> None:
        super().__init__(array(TEXT_OID, [field(value) for value in values]))


class Uuids(_Column):
    """A column of UUIDs."""

    __slots__ = ()

    def __init__(self, values: Iterable[UUID]) -> None:
        super().__init__(array(UUID_OID, [_UUID_LENGTH + value.bytes for value in values]))


class Integers(_Column):
    """A column of integers of eight bytes."""

    __slots__ = ()

    def __init__(self, values: Sequence[int]) -> None:
        spaced = [8] * (2 * len(values))
        spaced[1::2] = values
        body = struct.pack(">" + "iq" * len(values), *spaced)
        super().__init__(array_head(INT8_OID, len(values)) + body)


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer:
        """Give what is ready."""
        return obj.data  # type: ignore[no-any-return]  # psycopg passes what it was registered for


def _register(kind: type[_Column], array_oid: int) -> None:
    dumper = type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": array_oid})
    psycopg.adapters.register_dumper(kind, dumper)


_register(Texts, 1009)
_register(Uuids, 2951)
_register(Integers, 1016)
