"""What ingest does beside storing: looks for gaps, asks homes for what is missing, writes to them.

Owns the thread it happens in, so that a slow look never holds a reading back. Touches the clock
and, through those it calls, PostgreSQL and the broker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from ingest import gap_watch
from ingest.asking_desk import AskingDesk
from ingest.letter_desk import LetterDesk
from ingest.line import open_line
from ingest.settings import IngestSettings
from ingest.subscriber import Subscriber
from telekol.process import StopSignal

log = logging.getLogger(__name__)

STEP_S: Final = 0.25
"""How promptly the rounds stop."""

STATEMENT_MS: Final = 30_000


class Rounds:
    """Goes its rounds until asked to stop.

    A round that fails is said and made again the next time; it ends nothing.
    """

    def __init__(self, settings: IngestSettings, subscriber: Subscriber, stop: StopSignal) -> None:
        url = settings.database_url.get_secret_value()
        self._is_receiving: Callable[[], bool] = subscriber.is_receiving
        self._stop = stop
        self._asking = AskingDesk(url, subscriber.send, settings.ingest_ask_every_s)
        self._letters = LetterDesk(url, subscriber.send)
        self._gaps = _GapRound(url)
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                now = datetime.now(UTC)
                self._gaps.look(now)
                if self._is_receiving():
                    self._asking.look(now)
                    self._letters.look(now)
            except Exception:
                log.exception("a round failed; it is made again")
            self._stop.wait(STEP_S)
        self._asking.close()
        self._letters.close()
        self._gaps.close()


class _GapRound:
    """Notes since when numbers are missing, once in a while."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection[Any] | None = None
        self._look_at_s = time.monotonic() + gap_watch.LOOK_EVERY_S

    def look(self, now: datetime) -> None:
        """Look, if it is time to."""
        if time.monotonic() < self._look_at_s:
            return
        self._look_at_s = time.monotonic() + gap_watch.LOOK_EVERY_S
        try:
            gap_watch.look(self._open(), now)
        except psycopg.Error as error:
            self.close()
            log.warning("gaps could not be looked at: %s", str(error).strip())

    def close(self) -> None:
        """Drop the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            patience = f"-c statement_timeout={STATEMENT_MS}"
            self._connection = open_line(self._url, "telekol-ingest-gaps", options=patience)
        return self._connection
