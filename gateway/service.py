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

from gateway.certificate import expires_soon
from gateway.clock_book import ClockBook
from gateway.clock_troubles import ClockTroubles
from gateway.condition import Condition
from gateway.conversations import Home
from gateway.delivery import DeliveryPlan
from gateway.device_notes import DeviceNotes
from gateway.enrolment import own_certificate
from gateway.errors import CertificateError, NotesError, OutboxCorruptError, OutboxError
from gateway.health import HealthReporter, judge_outbox
from gateway.held_readings import HeldReadings
from gateway.instruction_book import InstructionBook
from gateway.instruction_desk import InstructionDesk
from gateway.intake import Intake
from gateway.local_parts import local_parts
from gateway.mqtt import Broker
from gateway.outbox import Outbox
from gateway.radio_parts import radio_parts
from gateway.radio_report import RadioReport
from gateway.recovery import RESTART_STATUS, RestartWantedError
from gateway.serial_devices import SerialReader
from gateway.settings import GatewaySettings
from gateway.systemd_notify import Notifier
from gateway.timekeeper import Timekeeper
from gateway.trusted_time import SystemClock, TrustedTime
from gateway.uplink import Uplink
from telekol import __version__
from telekol.health import TroubleCode
from telekol.tls import TlsFiles

_LOG = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 3600.0
WATCH_S: Final = 60.0
"""How often the outbox's room and the certificate are looked at; both change in hours."""
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
    parts = _parts(settings, outbox, book, notifier)
    notifier.ready()
    try:
        await _run_parts(parts, stop)
    finally:
        notifier.stopping()


def _parts(
    settings: GatewaySettings, outbox: Outbox, book: InstructionBook, notifier: Notifier
) -> tuple[Coroutine[Any, Any, None], ...]:
    held = HeldReadings(outbox.file)
    time = TrustedTime(SystemClock(settings.gateway_clock).look, held.last_known())
    condition = Condition(dated=time.dated_at_least)
    now, troubles = time.earliest, ClockTroubles(condition, time.earliest)
    clocks = ClockBook(outbox, time, settings.zone, troubles.judged)
    desk = InstructionDesk(settings.gateway_id, book, outbox, partial(_is_clock_trusted, condition))
    uplink = _uplink(settings, outbox, book, desk, condition, now)
    intake = Intake(settings.gateway_id, outbox, settings.zone, uplink.wake, held, time)
    home = _home(settings, intake, outbox, condition, time.now)
    report = RadioReport(notifier, condition, now)
    radio = radio_parts(settings, outbox, home, report, clocks, now)
    keeper = Timekeeper(time, held, intake, clocks, lambda: uplink.is_connected, troubles)
    watch = _watch(settings, outbox, desk, condition, now)
    ports = [SerialReader(source, home).run() for source in settings.serial_sources]
    doors = local_parts(settings, outbox, condition, on_kept=uplink.wake, now=now)
    house = _keep_house(outbox, now)
    return *radio, uplink.run(), keeper.run(), house, watch, *ports, *doors


def _home(
    settings: GatewaySettings,
    intake: Intake,
    outbox: Outbox,
    condition: Condition,
    now: Callable[[], datetime],
) -> Home:
    return Home(
        intake,
        settings.zone,
        now,
        notes=DeviceNotes(settings.device_notes),
        receipts=outbox,
        condition=condition,
        keeps_batteries=True,
        adverts=settings.adverts,
    )


def _uplink(
    settings: GatewaySettings,
    outbox: Outbox,
    book: InstructionBook,
    desk: InstructionDesk,
    condition: Condition,
    now: Callable[[], datetime],
) -> Uplink:
    reporter = HealthReporter(
        settings.gateway_id,
        condition,
        outbox,
        book.next_connection,
        now,
        asyncio.get_running_loop().time,
        interval_s=settings.gateway_health_interval_s,
    )
    uplink = Uplink(
        settings.gateway_id,
        Broker(
            settings.broker_host, settings.broker_port, settings.gateway_id, settings.broker_tls
        ),
        outbox,
        DeliveryPlan(settings.policy),
        reporter,
        desk,
        condition,
        now,
        settings.uplink_policy,
    )
    condition.listen(uplink.news)
    return uplink


def _is_clock_trusted(condition: Condition) -> bool:
    clock = condition.snapshot().clock
    return clock is None or clock.trusted


async def _watch(
    settings: GatewaySettings,
    outbox: Outbox,
    desk: InstructionDesk,
    condition: Condition,
    clock: Callable[[], datetime],
) -> None:
    """Look at what nobody else looks at: the outbox's room, the certificate, old instructions."""
    while True:
        now = clock()
        try:
            judge_outbox(condition, outbox.state(now), now)
            desk.tidy(now)
        except OutboxCorruptError:
            raise
        except (OutboxError, NotesError) as error:
            _LOG.error("the gateway's condition is not known: %s", error)
        if settings.broker_tls is not None:
            _judge_certificate(settings.broker_tls, settings.gateway_id, condition, now)
        await asyncio.sleep(WATCH_S)


def _judge_certificate(files: TlsFiles, gateway: str, condition: Condition, now: datetime) -> None:
    try:
        said = expires_soon(own_certificate(files, gateway), now)
    except CertificateError as error:
        said = str(error)
    if said is None:
        condition.clear(TroubleCode.CERTIFICATE_EXPIRING)
    else:
        condition.raise_trouble(TroubleCode.CERTIFICATE_EXPIRING, None, said, now)


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
