"""The radio's side of the process: the reader with all it needs, and the watchdog's feeding.

Owns how these parts are put together. Must not know what any of them does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any, Final

from gateway.conversations import Home
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.keeping.outbox import Outbox
from gateway.listening.reader import Reader
from gateway.listening.recovery import Recovery, RestartRecord
from gateway.listening.report import RadioReport
from gateway.radio import PairingPolicy, PairingWindow, Radio, open_radio
from gateway.settings import GatewaySettings
from gateway.systemd_notify import Progress, feed_watchdog
from gateway.timing.clock_book import ClockBook

_LOG = logging.getLogger(__name__)

_RADIO_LOOP: Final = "radio loop"
_OUTBOX: Final = "outbox"
_PROGRESS_WITHIN_S: Final = {
    # A blind gateway waits 300 s between tries, a conversation may last 200 s; then mending.
    _RADIO_LOOP: 600.0,
    # Asked with each feed of the watchdog.
    _OUTBOX: 180.0,
}
"""How long the parts may go without progress before the supervisor is left to act."""

Part = Coroutine[Any, Any, None]


def radio_parts(
    settings: GatewaySettings,
    outbox: Outbox,
    home: Home,
    clocks: ClockBook,
    report: RadioReport,
    now: Callable[[], datetime],
) -> tuple[Part, Part]:
    """Make the reader and the feeding of the watchdog, to be run beside each other.

    Parameters
    ----------
    now
        Gives a date for book-keeping; readings have the home's own.
    """
    progress = Progress(_PROGRESS_WITHIN_S, time.monotonic)
    # Without a supervisor a process that ends stays ended.
    supervised = report.notifier.is_supervised
    record = RestartRecord(settings.restarts) if supervised else None
    reader = Reader(
        _opener(settings, now),
        home.intake,
        clocks,
        home.zone,
        home.now,
        Recovery(report, record, now),
        partial(progress.beat, _RADIO_LOOP),
        home,
    )
    check = partial(_check_outbox, outbox, progress)
    return reader.run(), feed_watchdog(report.notifier, progress, check)


def _opener(
    settings: GatewaySettings, now: Callable[[], datetime]
) -> Callable[[], Coroutine[Any, Any, Radio]]:
    window = PairingWindow(settings.pairing_window, now)
    policy = PairingPolicy(settings.devices, settings.passkeys, window.is_open)
    return partial(open_radio, settings.gateway_radio, bonds=settings.bonds, policy=policy)


def _check_outbox(outbox: Outbox, progress: Progress) -> None:
    """Beat for the outbox if it answers; a disk that hangs holds this loop and feeds nothing."""
    try:
        outbox.depth()
    except OutboxCorruptError:
        raise
    except OutboxError as error:
        _LOG.error("the outbox does not answer: %s", error)
    else:
        progress.beat(_OUTBOX)
