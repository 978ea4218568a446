"""The gateway's process: runs its parts and stops them.

Owns the event loop and the signals. Must not know what any part does.

Invariants
----------
1. SIGTERM and SIGINT end the process within two seconds, with status 0; what waits in the
   outbox is sent after the next start.
2. A part that ends by an error ends the process with a message, so that its supervisor starts
   it again; no part dies silently beside the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

from gateway.assembly import parts_of
from gateway.errors import NotesError
from gateway.keeping.outbox import Outbox
from gateway.link.enrolment import own_certificate
from gateway.link.instruction_book import InstructionBook
from gateway.listening.recovery import RESTART_STATUS, RestartWantedError
from gateway.settings import GatewaySettings
from gateway.systemd_notify import Notifier
from telekol import __version__

_LOG = logging.getLogger(__name__)

STOP_WITHIN_S: Final = 1.8
"""Under the two seconds that are promised; a radio or broker that hangs is left behind."""


def run(settings: GatewaySettings) -> None:
    """Run the gateway until it is asked to stop.

    Raises
    ------
    OutboxError
        If the outbox cannot be used.
    CertificateError
        If there is no certificate, or it names another gateway.
    """
    os.umask(0o077)  # readings and the keys of devices are for this user alone
    if settings.broker_tls is not None:
        # A certificate of another gateway is a mistake of the set-up: say so and stop. One that
        # has expired is not: readings are still kept, and the trouble is said.
        own_certificate(settings.broker_tls, settings.gateway_id)
    limit_bytes = settings.gateway_outbox_limit_mb * 1024 * 1024
    outbox = Outbox.open(settings.gateway_outbox, datetime.now(UTC), limit_bytes)
    book = _open_book(settings)
    try:
        asyncio.run(_run(settings, outbox, book))
    except RestartWantedError as error:
        _LOG.error("%s", error)
        raise SystemExit(RESTART_STATUS) from error
    finally:
        book.close()
        outbox.close()
    _LOG.info("stopped")


def _open_book(settings: GatewaySettings) -> InstructionBook:
    try:
        return InstructionBook.open(settings.notes, settings.gateway_id)
    except NotesError as error:
        _LOG.error("%s; instructions are kept in memory alone, readings are not touched", error)
        return InstructionBook.in_memory(settings.gateway_id)


async def _run(settings: GatewaySettings, outbox: Outbox, book: InstructionBook) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _LOG.info(
        "gateway %s, version %s; %d readings wait for their receipt",
        settings.gateway_id,
        __version__,
        outbox.depth(),
    )
    notifier = Notifier()
    parts = parts_of(settings, outbox, book, notifier)
    notifier.ready()
    try:
        await _run_parts(parts, stop)
    finally:
        notifier.stopping()


async def _run_parts(parts: tuple[Coroutine[Any, Any, None], ...], stop: asyncio.Event) -> None:
    """Run until asked to stop or one part ends by an error, which is raised."""
    tasks: set[asyncio.Future[Any]] = {asyncio.ensure_future(part) for part in parts}
    stopping = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({stopping, *tasks}, timeout=STOP_WITHIN_S)
