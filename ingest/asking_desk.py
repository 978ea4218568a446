"""Asks homes to send again what the server lacks. Touches PostgreSQL, and hands messages on.

Owns the order: decided and on record in one transaction, then handed to the broker. What is lost
between the two is sent again by its back-off. Judgement is in `ingest.asking`, SQL in asking.sql.

Invariants
----------
1. Nothing here stops ingest: a database that is away is tried again at the next look.
2. Of several ingests one decides at a time.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb

from ingest import asking
from ingest.asking import END, Ask, Deeds, Heard, Life, Outcome, Run
from ingest.line import open_line
from telekol import queries, topics
from telekol.instructions import (
    AcknowledgementState,
    Instruction,
    SendAgain,
    decode_instruction,
    encode_instruction,
)

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "asking.sql")

HOMES_PER_LOOK: Final = 200
"""Homes that are asked in one look: after a restore all are behind, and 10 000 homes are asked
within half an hour instead of at once."""

STATEMENT_MS: Final = 20_000
"""Longest a look may hold readings up."""

_Place = tuple[str, UUID, int]


class AskingDesk:
    """Looks from time to time.

    Parameters
    ----------
    url
        The database's address.
    send
        Hands a message to the broker: topic and payload.
    every_s
        Seconds between two looks.
    """

    def __init__(self, url: str, send: Callable[[str, bytes], None], every_s: float) -> None:
        self._url, self._send, self._every_s = url, send, every_s
        self._connection: Connection[Any] | None = None
        self._looked_s = -every_s
        self._since: dict[_Place, datetime] = {}

    def look(self, now: datetime) -> None:
        """Ask for what is missing, if it is time to look."""
        if time.monotonic() - self._looked_s < self._every_s:
            return
        self._looked_s = time.monotonic()
        try:
            letters = self._decide(self._open(), now)
        except psycopg.Error as error:
            self.close()
            log.warning("homes cannot be asked now, trying again later: %s", str(error).strip())
            return
        for instruction in letters:
            self._send(topics.instructions(instruction.gateway), encode_instruction(instruction))

    def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _decide(self, connection: Connection[Any], now: datetime) -> list[Instruction]:
        letters: list[Instruction] = []
        with connection.transaction():
            row = connection.execute(_SQL["alone"]).fetchone()
            if row is None or not row[0]:
                return []
            asked: set[str] = set()
            for life in self._lives(connection, now):
                deeds = asking.decide(life, now)
                if deeds.issue and life.gateway not in asked and len(asked) >= HOMES_PER_LOOK:
                    continue
                letters += _carry_out(connection, life, deeds, now)
                asked |= {life.gateway} if deeds.issue else set()
        return letters

    def _lives(self, connection: Connection[Any], now: datetime) -> list[Life]:
        rows = connection.execute(_SQL["lives"]).fetchall()
        gateways = {"gateways": sorted({row[0] for row in rows})}
        gone = _given_up(connection.execute(_SQL["given_up"], gateways))
        asks = _asks(connection.execute(_SQL["asks"], gateways))
        lives = [self._life(row, gone, asks, now) for row in rows]
        kept = {(each.gateway, each.boot, each.missing[0][0]) for each in lives if each.missing}
        self._since = {place: at for place, at in self._since.items() if place in kept}
        return lives

    def _life(
        self,
        row: tuple[Any, ...],
        gone: dict[tuple[str, UUID], list[Run]],
        asks: dict[tuple[str, UUID], list[Ask]],
        now: datetime,
    ) -> Life:
        gateway, boot, runs, through, *said = row
        missing = asking.without([(first, last) for first, last in runs or ()], gone[gateway, boot])
        since = now
        if missing:
            since = self._since.setdefault((gateway, boot, missing[0][0]), now)
        heard = None if said[0] is None else Heard(*said)
        return Life(gateway, boot, missing, through, since, heard, tuple(asks[gateway, boot]))

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            patience = f"-c statement_timeout={STATEMENT_MS}"
            self._connection = open_line(self._url, "telekol-ingest-asking", options=patience)
        return self._connection


def _carry_out(
    connection: Connection[Any], life: Life, deeds: Deeds, now: datetime
) -> list[Instruction]:
    """Put the deeds on record; give what is to be sent."""
    for ask_id, outcome in deeds.end:
        log.info("%s: instruction %s ended: %s", life.gateway, ask_id, outcome)
        connection.execute(_SQL["end"], {"id": ask_id, "outcome": outcome, "now": now})
    letters = [_repeat(connection, life.gateway, ask_id, now) for ask_id in deeds.repeat]
    letters += [_issue(connection, life, run, now) for run in deeds.issue]
    return letters


def _issue(connection: Connection[Any], life: Life, run: Run, now: datetime) -> Instruction:
    first, last = run
    instruction = SendAgain(
        v=1,
        gateway=life.gateway,
        id=uuid4(),
        issued_at=now,
        expires_at=now + asking.LIFETIME,
        boot=life.boot,
        first=first,
        last=None if last == END else last,
    )
    log.warning(
        "%s is asked to send again what is missing here: %s of %s (instruction %s)",
        life.gateway,
        f"from {first} on" if last == END else f"{first} to {last}",
        life.boot,
        instruction.id,
    )
    values = {
        "id": instruction.id,
        "gateway": life.gateway,
        "body": Jsonb(instruction.model_dump(mode="json")),
        "now": now,
        "expires_at": instruction.expires_at,
    }
    connection.execute(_SQL["issue"], values)
    return instruction


def _repeat(connection: Connection[Any], gateway: str, ask_id: UUID, now: datetime) -> Instruction:
    row = connection.execute(_SQL["repeat"], {"id": ask_id, "now": now}).fetchone()
    assert row is not None, "it was read in this transaction"  # noqa: S101
    return decode_instruction(gateway, json.dumps(row[0]).encode())


def _given_up(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, UUID], list[Run]]:
    found: dict[tuple[str, UUID], list[Run]] = defaultdict(list)
    for gateway, boot, payload in rows:
        found[gateway, boot] += [(first, last) for first, last in json.loads(payload)["runs"]]
    return found


def _asks(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, UUID], list[Ask]]:
    found: dict[tuple[str, UUID], list[Ask]] = defaultdict(list)
    for gateway, ask_id, boot, first, last, *standing in rows:
        expires_at, times_sent, sent_at, state, heard_at, outcome, ended_at = standing
        answer = None if state is None else AcknowledgementState(state)
        ended = None if outcome is None else Outcome(outcome)
        run = first, END if last is None else last
        ask = Ask(
            ask_id, boot, run, expires_at, times_sent, sent_at, answer, heard_at, ended, ended_at
        )
        found[gateway, boot].append(ask)
    return found
