"""Backs a database up and restores it. Touches PostgreSQL and files.

Owns the order of the steps. The manifest's form is in `backup_file`, the programs in
`backup_programs`, the SQL in backup.sql.

Invariants
----------
1. Counts and checksums are taken in the snapshot that is dumped, so that a backup of a house that
   goes on working can be held against its restored copy, row for row.
2. Nothing that is there is overwritten: no file, and no database that holds anything.
3. A restore is one transaction: it is there whole, or the database is as empty as before; only the
   owners of some functions are given back in the next. With TimescaleDB, which cannot be restored
   in one, a failure says that the database must be dropped.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import Connection, IsolationLevel, sql

from migrations import backup_programs as programs
from migrations.backup_file import (
    BackupError,
    Manifest,
    TableSum,
    check_bytes,
    differences,
    manifest_of,
    read_manifest,
    sha256,
)
from telekol import __version__, queries

_SQL: Final = queries.load("migrations", "backup.sql")

TIMESCALE: Final = "timescaledb"

_SUM: Final = """
select count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text
from {} t
"""
"""A sum of 64 bits of each row's digest: the same in any order of rows and on any version of
PostgreSQL (its own hash functions promise that of neither), and a row that came twice shows."""

_VERSION_PARTS: Final = 10_000


class Progress(Protocol):
    """Is told how a backup gets on."""

    def step(self, words: str, total: int | None) -> None:
        """Begin a step of so many parts; None if nobody knows how many."""

    def advance(self, parts: int = 1) -> None:
        """Get on within the step."""


def back_up(url: str, file: Path, progress: Progress) -> Manifest:
    """Write a backup of the database at `url` to `file`.

    Raises
    ------
    BackupError
        If it cannot be made; then no file of that name is left behind.
    """
    for place in (file, manifest_of(file)):
        if place.exists():
            raise BackupError(f"expected no file at {place}, found one. Give another name")
    part = file.with_name(file.name + ".part")
    try:
        with psycopg.connect(url, application_name="telekol-backup") as connection:
            manifest = _dump(connection, url, part, progress)
        _keep(part, file, manifest)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def restore(url: str, file: Path, progress: Progress) -> Manifest:
    """Restore the backup at `file` into the empty database at `url`, and compare every table.

    Raises
    ------
    BackupError
        If the backup is damaged or does not fit, the database is not empty, or what is there
        afterwards is not what was backed up.
    """
    manifest = read_manifest(file)
    _check_revision(manifest)
    program, _ = programs.find("pg_restore", manifest.program_version)
    progress.step("checking the file", manifest.size_bytes)
    check_bytes(file, manifest, progress.advance)
    with psycopg.connect(url, autocommit=True, application_name="telekol-restore") as connection:
        _check_server(connection, manifest)
        _make_roles(connection, manifest)
        progress.step("restoring", programs.entries(program, file))
        _load(connection, url, program, file, manifest, progress)
        _give_back(connection, manifest)
        found = _sums(connection, progress)
    differing = differences(manifest.tables, found)
    if differing:
        raise BackupError(
            f"expected every table as it was backed up, found: {'; '.join(differing[:10])}. "
            "Drop this database and restore again"
        )
    return manifest


def _dump(connection: Connection[Any], url: str, part: Path, progress: Progress) -> Manifest:
    server = connection.info.server_version // _VERSION_PARTS
    program, version = programs.find("pg_dump", server)
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.execute(_SQL["plain"])
    snapshot = str(_one(connection, "snapshot"))
    names = _names(connection, "extensions")
    progress.step("dumping", None)
    arguments = ("--format=custom", "--verbose", f"--snapshot={snapshot}", f"--file={part}")
    programs.run(program, url, arguments, progress.advance)
    tables = _sums(connection, progress)
    progress.step("summing up the file", part.stat().st_size)
    return Manifest(
        made_at=datetime.now(UTC),
        telekol_version=__version__,
        server_version=server,
        program_version=version,
        revision=str(_one(connection, "revision")),
        size_bytes=part.stat().st_size,
        sha256=sha256(part, progress.advance),
        roles=tuple(_names(connection, "roles")),
        extensions=tuple(names),
        lenders=tuple(_pairs(connection, "lenders")),
        timescale_version=_version(connection),
        tables=tables,
    )


def _keep(part: Path, file: Path, manifest: Manifest) -> None:
    """Give the dump its name, and then say that it is finished; both are on the disk."""
    _sync(part)
    part.rename(file)
    fresh = manifest_of(file).with_suffix(".part")
    fresh.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    _sync(fresh)
    fresh.rename(manifest_of(file))
    _sync(file.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sums(connection: Connection[Any], progress: Progress) -> Mapping[str, TableSum]:
    connection.execute(_SQL["plain"])
    tables = _names(connection, "tables")
    progress.step("counting and summing up tables", len(tables))
    found = {}
    for name in tables:
        # quote_ident has made the name fit to stand in a statement.
        row = connection.execute(sql.SQL(_SUM).format(sql.SQL(name))).fetchone()
        rows, checksum = row or (0, "0")
        found[name.removeprefix("public.")] = TableSum(rows=rows, checksum=checksum)
        progress.advance()
    return found


def _check_revision(manifest: Manifest) -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")))
    try:
        ScriptDirectory.from_config(config).get_revision(manifest.revision)
    except CommandError:
        raise BackupError(
            f"expected a schema that telekol {__version__} knows, found {manifest.revision} of "
            f"telekol {manifest.telekol_version}. Restore with that version or a newer one"
        ) from None


def _check_server(connection: Connection[Any], manifest: Manifest) -> None:
    server = connection.info.server_version // _VERSION_PARTS
    if server < manifest.server_version:
        raise BackupError(
            f"expected PostgreSQL {manifest.server_version} or newer, found {server}. "
            "A dump goes to the same version or a newer one, never back"
        )
    there = _names(connection, "things")
    if there:
        raise BackupError(
            f"expected an empty database, found {', '.join(there)}. Nothing was changed. "
            "Make a new one with createdb and name it in TELEKOL_DATABASE_URL"
        )


def _make_roles(connection: Connection[Any], manifest: Manifest) -> None:
    """Make the roles that rights are granted to: without a way to sign in, until given one."""
    rows = connection.execute(_SQL["lacking_roles"], {"roles": list(manifest.roles)})
    for (name,) in rows.fetchall():
        try:
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            raise BackupError(
                f"expected the role {name}, which the backup grants rights to, and may not make "
                f"it. As an administrator: create role {name} nologin"
            ) from None


def _give_back(connection: Connection[Any], manifest: Manifest) -> None:
    """Let functions that lend their owner's rights lend the same ones as before.

    Whoever restores owns them otherwise: an administrator, whose rights a page would then have.
    """
    owners = sql.SQL(", ").join(
        sql.Identifier(name) for name in {one[1] for one in manifest.lenders}
    )
    with connection.transaction():
        if manifest.lenders:
            connection.execute(sql.SQL("grant create on schema public to {}").format(owners))
        for function, owner in manifest.lenders:
            found = connection.execute(_SQL["lend"], {"function": function, "owner": owner})
            for (statement,) in found.fetchall():
                connection.execute(str(statement).encode())
            # Owners of the tables own functions that call these; the step above took it away.
            for (statement,) in connection.execute(_SQL["let"], {"function": function}).fetchall():
                connection.execute(str(statement).encode())
        if manifest.lenders:
            connection.execute(sql.SQL("revoke create on schema public from {}").format(owners))


def _load(
    connection: Connection[Any],
    url: str,
    program: Path,
    file: Path,
    manifest: Manifest,
    progress: Progress,
) -> None:
    arguments = ["--no-owner", "--exit-on-error", "--verbose", str(file)]
    if TIMESCALE not in manifest.extensions:
        programs.run(program, url, ["--single-transaction", *arguments], progress.advance)
        return
    # The extension's own rules: its catalogue is restored into the version that it was written by,
    # and its workers stand still while its tables are filled.
    _make_timescale(connection, manifest)
    connection.execute("select timescaledb_pre_restore()")
    programs.run(program, url, arguments, progress.advance)
    connection.execute("select timescaledb_post_restore()")


def _make_timescale(connection: Connection[Any], manifest: Manifest) -> None:
    wanted = manifest.timescale_version
    version = sql.SQL(" version {}").format(sql.Literal(wanted)) if wanted else sql.SQL("")
    statement = sql.SQL("create extension if not exists timescaledb{}").format(version)
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        raise BackupError(
            f"expected TimescaleDB {wanted}, which the backup is of, found a server that cannot "
            f"make it: {str(error).splitlines()[0]}. Restore with that version, then update it"
        ) from None
    found = _one(connection, "timescale_version")
    if wanted and found != wanted:
        raise BackupError(
            f"expected TimescaleDB {wanted}, which the backup is of, found {found} in the database "
            "already. Make a database without it (template0), or with that version"
        )


def _one(connection: Connection[Any], query: str) -> object:
    row = connection.execute(_SQL[query]).fetchone()
    return row[0] if row else None


def _pairs(connection: Connection[Any], query: str) -> list[tuple[str, str]]:
    return [(str(one), str(other)) for one, other in connection.execute(_SQL[query])]


def _version(connection: Connection[Any]) -> str | None:
    found = _one(connection, "timescale_version")
    return None if found is None else str(found)


def _names(connection: Connection[Any], query: str) -> list[str]:
    return [name for (name,) in connection.execute(_SQL[query])]
