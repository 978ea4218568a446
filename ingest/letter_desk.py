"""Sends homes what others put on record for them. Touches PostgreSQL, and hands messages on.

Owns the order: noted as sent in one transaction, then handed to the broker. What is lost between
the two is sent again by its back-off. Judgement is in `ingest.letters`, SQL in letters.sql.

Invariants
----------
1. Nothing here stops ingest: a database that is away is tried again at the next look.
2. Of several ingests one sends at a time.
3. An instruction that cannot be read ends as refused, in the log, and stops no other.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from ingest import letters
from ingest.asking import Outcome
from ingest.letters import Letter
from ingest.line import open_line
from telekol import queries, topics
from telekol.errors import WireError
from telekol.instructions import (
    AcknowledgementState,
    Instruction,
    decode_instruction,
    encode_instruction,
)

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "letters.sql")

LOOK_EVERY_S: Final = 5.0
"""A request to measure again must reach the home while the patient still sits there."""

LETTERS_PER_LOOK: Final = 500
"""A reminder to every home of a region goes out within some minutes, not in one burst."""

STATEMENT_MS: Final = 20_000


class LetterDesk:
    """Looks from time to time.

    Parameters
    ----------
    send
        Hands a message to the broker: topic and payload.
    """

    def __init__(
        self, url: str, send: Callable[[str, bytes], None], every_s: float = LOOK_EVERY_S
    ) -> None:
        self._url, self._send, self._every_s = url, send, every_s
        self._connection: Connection[Any] | None = None
        self._looked_s = -every_s

    def look(self, now: datetime) -> None:
        """Send what is due, if it is time to look."""
        if time.monotonic() - self._looked_s < self._every_s:
            return
        self._looked_s = time.monotonic()
        try:
            send_due(self._open(), self._send, now)
        except psycopg.Error as error:
            self.close()
            log.warning("homes cannot be written to now, again later: %s", str(error).strip())

    def close(self) -> None:
        """Drop the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            patience = f"-c statement_timeout={STATEMENT_MS}"
            self._connection = open_line(self._url, "telekol-ingest-letters", options=patience)
        return self._connection


def send_due(
    connection: Connection[Any], send: Callable[[str, bytes], None], now: datetime
) -> None:
    """Hand to the broker what is due, once that is on record; end what is over."""
    for instruction in _decide(connection, now):
        send(topics.instructions(instruction.gateway), encode_instruction(instruction))


def _decide(connection: Connection[Any], now: datetime) -> list[Instruction]:
    with connection.transaction():
        row = connection.execute(_SQL["alone"]).fetchone()
        if row is None or not row[0]:
            return []
        values = {"now": now, "most": LETTERS_PER_LOOK}
        rows = connection.execute(_SQL["open"], values).fetchall()
        sent = [_carry_out(connection, _letter(row), now) for row in rows]
        return [instruction for instruction in sent if instruction is not None]


def _letter(row: tuple[Any, ...]) -> Letter:
    number, gateway, expires_at, times_sent, sent_at, state = row
    answer = None if state is None else AcknowledgementState(state)
    return Letter(number, gateway, expires_at, times_sent, sent_at, answer)


def _carry_out(connection: Connection[Any], letter: Letter, now: datetime) -> Instruction | None:
    deed = letters.deed(letter, now)
    if isinstance(deed, Outcome):
        _end(connection, letter, deed, now)
        return None
    if deed is letters.WAIT:
        return None
    row = connection.execute(_SQL["sent"], {"id": letter.id, "now": now}).fetchone()
    assert row is not None, "it was read in this transaction"  # noqa: S101
    try:
        instruction = decode_instruction(letter.gateway, json.dumps(row[0]).encode())
        encode_instruction(instruction)
    except WireError as error:
        # By its code: the reason may quote a text that is for the person at home alone.
        log.warning("instruction %s cannot be sent: %s", letter.id, error.code)
        _end(connection, letter, Outcome.REFUSED, now)
        return None
    log.info("%s is sent instruction %s (%s)", letter.gateway, letter.id, instruction.kind)
    return instruction


def _end(connection: Connection[Any], letter: Letter, outcome: Outcome, now: datetime) -> None:
    log.info("%s: instruction %s ended: %s", letter.gateway, letter.id, outcome)
    connection.execute(_SQL["end"], {"id": letter.id, "outcome": outcome, "now": now})
