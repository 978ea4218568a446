"""Listens to the triage board as a browser would, and notes when each reading reached it.

Touches HTTP. It signs in with the demo's sign-in and reads the server-sent events, so the
measured way ends where a nurse's screen begins.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx

log = logging.getLogger(__name__)

CLINICIAN: Final = "sygeplejerske-demo"
RETRY_S: Final = 0.5


class BoardEar:
    """A background listener on ``/board/events``.

    ``heard`` gives, per reading id, when the first event that names it arrived (aware UTC).
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.heard: dict[UUID, datetime] = {}
        self.case_events = 0
        self.connected = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def start(self) -> None:
        """Begin to listen, and go on through failures."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the thread ends with the connection."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except httpx.HTTPError as error:
                log.info("the board is away: %s", error)
            self.connected.clear()
            self._stop.wait(RETRY_S)

    def _listen(self) -> None:
        timeout = httpx.Timeout(5, read=30)
        with httpx.Client(base_url=self._address, timeout=timeout, trust_env=False) as client:
            client.post("/sign-in", data={"clinician": CLINICIAN})
            with client.stream("GET", "/board/events") as stream:
                stream.raise_for_status()
                self.connected.set()
                kind = ""
                for line in stream.iter_lines():
                    if self._stop.is_set():
                        return
                    field, _, value = line.partition(": ")
                    if field == "event":
                        kind = value
                    elif field == "data":
                        self._note(kind, value)

    def _note(self, kind: str, data: str) -> None:
        now = datetime.now(UTC)
        if kind == "case":
            self.case_events += 1
        elif kind == "finding":
            for reading in json.loads(data)["readings"]:
                self.heard.setdefault(UUID(reading), now)
