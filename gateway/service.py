"""The gateway's process: puts the parts together, runs them, stops them.

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
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from gateway.clock_book import ClockBook
from gateway.clock_troubles import ClockTroubles
from gateway.condition import Condition
from gateway.delivery import DeliveryPlan
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.held_readings import HeldReadings
from gateway.intake import Intake
from gateway.mqtt import Broker
from gateway.outbox import Outbox
from gateway.radio import open_radio
from gateway.reader import Reader
from gateway.settings import GatewaySettings
from gateway.timekeeper import Timekeeper
from gateway.trusted_time import SystemClock, TrustedTime
from gateway.uplink import Uplink
from telekol import __version__

_LOG = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 3600.0
STOP_WITHIN_S: Final = 1.8
"""Under the two seconds that are promised; a radio or broker that hangs is left behind."""


def run(settings: GatewaySettings) -> None:
    """Run the gateway until it is asked to stop.

    Raises
    ------
    OutboxError
        If the outbox cannot be used.
    """
    os.umask(0o077)  # readings and the keys of devices are for this user alone
    limit_bytes = settings.gateway_outbox_limit_mb * 1024 * 1024
    outbox = Outbox.open(settings.gateway_outbox, datetime.now(UTC), limit_bytes)
    try:
        asyncio.run(_run(settings, outbox))
    finally:
        outbox.close()
    _LOG.info("stopped")


async def _run(settings: GatewaySettings, outbox: Outbox) -> None:
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
    await _run_parts(_parts(settings, outbox), stop)


def _parts(settings: GatewaySettings, outbox: Outbox) -> tuple[Coroutine[Any, Any, None], ...]:
    condition = Condition()
    held = HeldReadings(outbox.file)
    time = TrustedTime(SystemClock(settings.gateway_clock).look, held.last_known())
    troubles = ClockTroubles(condition, time.earliest)
    book = ClockBook(outbox, time, settings.zone, troubles.judged)
    broker = Broker(settings.broker_host, settings.broker_port, settings.gateway_id)
    plan = DeliveryPlan(settings.policy)
    uplink = Uplink(settings.gateway_id, broker, outbox, plan, time.earliest)
    intake = Intake(settings.gateway_id, outbox, settings.zone, uplink.wake, held, time)
    opener = partial(open_radio, settings.gateway_radio, bonds=settings.bonds)
    reader = Reader(opener, intake, book, settings.zone, time.now)
    keeper = Timekeeper(time, held, intake, book, lambda: uplink.is_connected, troubles)
    return reader.run(), uplink.run(), keeper.run(), _keep_house(outbox, time.earliest)


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


async def _keep_house(outbox: Outbox, clock: Callable[[], datetime]) -> None:
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
