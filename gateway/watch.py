"""What is looked at from time to time because nothing happens when it changes.

Owns the intervals. Must not know what becomes of what it finds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.certificate import expires_soon
from gateway.condition import Condition
from gateway.enrolment import own_certificate
from gateway.errors import CertificateError, NotesError, OutboxCorruptError, OutboxError
from gateway.health import judge_outbox
from gateway.instruction_desk import InstructionDesk
from gateway.outbox import Outbox, Room
from gateway.settings import GatewaySettings
from telekol.health import TroubleCode
from telekol.tls import TlsFiles

_LOG = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 3600.0
WATCH_S: Final = 60.0
"""How often the outbox's room and the certificate are looked at; both change in hours."""


async def watch(
    settings: GatewaySettings,
    outbox: Outbox,
    desk: InstructionDesk,
    condition: Condition,
    now: Callable[[], datetime],
) -> None:
    """Look at the outbox's room, old instructions and the certificate."""
    while True:
        moment = now()
        try:
            judge_outbox(condition, outbox.state(moment), moment)
            desk.tidy(moment)
        except OutboxCorruptError:
            raise
        except (OutboxError, NotesError) as error:
            _LOG.error("the gateway's condition is not known: %s", error)
        if settings.broker_tls is not None:
            _judge_certificate(settings.broker_tls, settings.gateway_id, condition, moment)
        await asyncio.sleep(WATCH_S)


def watch_room(outbox: Outbox, condition: Condition, now: Callable[[], datetime]) -> None:
    """Tell of a change of the outbox's room as it comes: it may be over before the next look."""
    loop = asyncio.get_running_loop()

    def judge() -> None:
        try:
            moment = now()
            judge_outbox(condition, outbox.state(moment), moment)
        except OutboxError as error:
            _LOG.error("the outbox's room is not known: %s", error)

    def changed(_room: Room) -> None:
        loop.call_soon(judge)  # later: it is told from within what the outbox is doing

    outbox.on_room = changed


def _judge_certificate(files: TlsFiles, gateway: str, condition: Condition, now: datetime) -> None:
    try:
        said = expires_soon(own_certificate(files, gateway), now)
    except CertificateError as error:
        said = str(error)
    if said is None:
        condition.clear(TroubleCode.CERTIFICATE_EXPIRING)
    else:
        condition.raise_trouble(TroubleCode.CERTIFICATE_EXPIRING, None, said, now)


async def keep_house(outbox: Outbox, clock: Callable[[], datetime]) -> None:
    """Forget old history, and say now and then how much waits."""
    while True:
        try:
            now = clock()
            pruned = outbox.prune(now)
            age = outbox.oldest_age(now)
            if age is not None:
                _LOG.info("%d readings wait, the oldest for %s", outbox.depth(), age)
            _LOG.debug("%d old rows forgotten", pruned)
        except OutboxCorruptError:
            raise
        except OutboxError as error:
            _LOG.error("the outbox was not tidied: %s", error)
        await asyncio.sleep(HOUSEKEEPING_S)
