"""Puts the parts of the gateway together: who is given what.

Owns the wiring and nothing else. Must not know what any part does.

What asks for the time is given one of two: `TrustedTime.now` for readings and devices' clocks,
which may be an undated moment and says so, or `TrustedTime.earliest` for book-keeping, which is
always a date.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from gateway.clock_book import ClockBook
from gateway.clock_troubles import ClockTroubles
from gateway.condition import Condition
from gateway.conversations import Home
from gateway.delivery import DeliveryPlan
from gateway.device_notes import DeviceNotes
from gateway.health import HealthReporter
from gateway.held_readings import HeldReadings
from gateway.instruction_book import InstructionBook
from gateway.instruction_desk import InstructionDesk
from gateway.intake import Intake
from gateway.local_parts import local_parts
from gateway.mqtt import Broker
from gateway.outbox import Outbox
from gateway.radio_parts import radio_parts
from gateway.radio_report import RadioReport
from gateway.redating import Redater
from gateway.serial_devices import SerialReader
from gateway.settings import GatewaySettings
from gateway.systemd_notify import Notifier
from gateway.timekeeper import Timekeeper
from gateway.trusted_time import SystemClock, TrustedTime
from gateway.uplink import Uplink
from gateway.watch import keep_house, watch, watch_room

Part = Coroutine[Any, Any, None]


def parts_of(
    settings: GatewaySettings, outbox: Outbox, instructions: InstructionBook, notifier: Notifier
) -> tuple[Part, ...]:
    """Make every part of a gateway, to be run beside each other for ever."""
    held = HeldReadings(outbox.file)
    known = held.last_known()
    time = TrustedTime(SystemClock(settings.gateway_clock).look, known)
    condition = Condition(dated=time.dated_at_least)
    troubles = ClockTroubles(condition, time.earliest)
    clocks = ClockBook(outbox, time, settings.zone, troubles.judged)
    desk = InstructionDesk(
        settings.gateway_id, instructions, outbox, partial(_is_clock_trusted, condition)
    )
    uplink = _uplink(settings, outbox, instructions, desk, condition, time)
    intake = Intake(settings.gateway_id, outbox, settings.zone, uplink.wake, held, time)
    home = _home(settings, intake, outbox, condition, time)
    report = RadioReport(notifier, condition, time.earliest)
    watch_room(outbox, condition, time.earliest)
    redater = Redater(outbox, clocks, is_first=known is None or known.boot != time.boot)
    time.on_step = redater.stepped
    keeper = Timekeeper(time, held, intake, clocks, lambda: uplink.is_connected, troubles, redater)
    return (
        *radio_parts(settings, outbox, home, clocks, report, time.earliest),
        *(SerialReader(source, home).run() for source in settings.serial_sources),
        *local_parts(
            settings,
            outbox,
            condition,
            on_kept=uplink.wake,
            now=time.earliest,
            knows_time=lambda: time.is_trusted,
        ),
        uplink.run(),
        keeper.run(),
        keep_house(outbox, time.earliest),
        watch(settings, outbox, desk, condition, time.earliest),
    )


def _home(
    settings: GatewaySettings,
    intake: Intake,
    outbox: Outbox,
    condition: Condition,
    time: TrustedTime,
) -> Home:
    return Home(
        intake,
        settings.zone,
        time.now,
        notes=DeviceNotes(settings.device_notes),
        receipts=outbox,
        condition=condition,
        keeps_batteries=True,
        adverts=settings.adverts,
    )


def _uplink(
    settings: GatewaySettings,
    outbox: Outbox,
    instructions: InstructionBook,
    desk: InstructionDesk,
    condition: Condition,
    time: TrustedTime,
) -> Uplink:
    reporter = HealthReporter(
        settings.gateway_id,
        condition,
        outbox,
        instructions.next_connection,
        time.earliest,
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
        time.earliest,
        settings.uplink_policy,
    )
    condition.listen(uplink.news)
    return uplink


def _is_clock_trusted(condition: Condition) -> bool:
    clock = condition.snapshot().clock
    return clock is None or clock.trusted
