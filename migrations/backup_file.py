"""What a backup says of itself: the manifest beside the dump. Pure but for reading a file's bytes.

Owns the manifest's form, and what of it must fit before anything is restored. Must not know how
a dump is made, nor the database.

A backup is two files: FILE in pg_dump's custom format, and FILE.manifest.json with the checksum
of FILE, the versions, and the count and checksum of every table as they were in the very
snapshot that was dumped. The manifest is written last: a dump without one was never finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from telekol.errors import TelekolError

MANIFEST_VERSION: Final = 1
_PIECE_BYTES: Final = 1024 * 1024


class BackupError(TelekolError):
    """A backup cannot be made, or a file is not one that can be restored here."""


class TableSum(BaseModel):
    """How many rows a table has, and a sum over them that no order changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(ge=0)
    checksum: str


class Manifest(BaseModel):
    """What is known of a dump.

    Parameters
    ----------
    server_version, program_version
        Main numbers of the PostgreSQL that was dumped and of the pg_dump that did it.
    revision
        The schema's, by Alembic.
    roles
        Names that the dump grants rights to; pg_dump itself makes no role.
    extensions
        Names of the extensions in the database.
    lenders
        Functions that lend their owner's rights, and their owners.
    timescale_version
        Of TimescaleDB, which is restored under the very same version; None without it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    made_at: AwareDatetime
    telekol_version: str
    server_version: int
    program_version: int
    revision: str
    size_bytes: int
    sha256: str
    roles: tuple[str, ...]
    extensions: tuple[str, ...]
    lenders: tuple[tuple[str, str], ...] = ()
    timescale_version: str | None = None
    tables: dict[str, TableSum]


def manifest_of(file: Path) -> Path:
    """Give where the manifest of a dump stands."""
    return file.with_name(file.name + ".manifest.json")


def read_manifest(file: Path) -> Manifest:
    """Read the manifest of a dump.

    Raises
    ------
    BackupError
        If either is not there, or the manifest cannot be read.
    """
    place = manifest_of(file)
    if not file.is_file():
        raise BackupError(f"expected a backup at {file}, found no such file")
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BackupError(
            f"expected {place.name} beside {file}, found none. It is written when a backup is "
            "finished; copy both files, or take another backup"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(
            f"expected to read {place}, found {type(error).__name__}. "
            "Copy it again, or take another backup"
        ) from None
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BackupError(
            f"expected a manifest of version {MANIFEST_VERSION} in {place}, found: {first['msg']}. "
            "Use the version of telekol that made it, or another backup"
        ) from None


def sha256(file: Path, told: Callable[[int], None]) -> str:
    """Give the checksum of a file's bytes; `told` hears how many were read each time."""
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            found.update(piece)
            told(len(piece))
    return found.hexdigest()


def check_bytes(file: Path, manifest: Manifest, told: Callable[[int], None]) -> None:
    """Refuse a dump that is not the one the manifest speaks of."""
    size = file.stat().st_size
    if size != manifest.size_bytes:
        raise BackupError(
            f"expected {manifest.size_bytes} bytes in {file}, found {size}: the copy is not whole. "
            "Copy it again, or take another backup"
        )
    if sha256(file, told) != manifest.sha256:
        raise BackupError(
            f"expected the checksum that the manifest of {file} names, found another: the file "
            "was changed or damaged. Copy it again, or take another backup"
        )


def differences(expected: Mapping[str, TableSum], found: Mapping[str, TableSum]) -> list[str]:
    """Say in which tables two pictures of a database differ.

    Examples
    --------
    >>> two, one = TableSum(rows=2, checksum="7"), TableSum(rows=1, checksum="3")
    >>> differences({"kit": two}, {"kit": one})
    ['kit: expected 2 rows, found 1']
    """
    said = []
    for name in sorted({*expected, *found}):
        want, have = expected.get(name), found.get(name)
        if want is None or have is None:
            said.append(f"{name}: only in the {'backup' if have is None else 'database'}")
        elif want.rows != have.rows:
            said.append(f"{name}: expected {want.rows} rows, found {have.rows}")
        elif want != have:
            said.append(f"{name}: as many rows, but not the same ones")
    return said
