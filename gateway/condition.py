"""The book of a home's condition: radio, clock, devices and what is wrong now.

Owns what the health message says of everything but the outbox. In memory only: a gateway that
starts finds its troubles again. Any part of the gateway writes into it; only the health
publisher reads it. Pure but for the callback; used from the event loop's thread alone.

Invariants
----------
1. A trouble keeps the ``since`` of when it was first raised until it is cleared.
2. The book is bounded, whatever a radio full of strangers does: a new device takes the place of
   the one that was heard longest ago, and trouble of the gateway itself is never turned away for
   a device's.
3. A trouble that was over before a report told of it is told once, in the next: what a device
   sent and nobody could read is lost, although the measurement after it was right.
4. ``on_change`` is called when there is something new to say: a trouble that came or went, a
   radio, a clock or a battery that changed. That a device was heard again is not news.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from telekol.health import (
    DEVICES_MOST,
    TROUBLES_MOST,
    ClockHealth,
    DeviceHealth,
    RadioHealth,
    RadioState,
    Trouble,
    TroubleCode,
)

_LOG = logging.getLogger(__name__)

_Key = tuple[str, str | None]
"""Code and device of a trouble."""

_NAME_MOST: Final = 64
_DETAIL_MOST: Final = 160
"""With the line above, what the health message takes; longer texts are cut, not refused."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The home's condition at one moment, ready for the health message."""

    radio: RadioHealth | None
    clock: ClockHealth | None
    devices: tuple[DeviceHealth, ...]
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class _Device:
    model: str = ""
    battery_pct: int | None = None
    heard_at: datetime | None = None


class Condition:
    """What is known of the home.

    Parameters
    ----------
    on_change
        Called, without arguments, when there is news; set it later with `listen`.
    dated
        Gives a date for a moment of a gateway that does not know the time yet.
    """

    def __init__(
        self,
        on_change: Callable[[], None] | None = None,
        dated: Callable[[datetime], datetime] = lambda moment: moment,
    ) -> None:
        self._dated = dated
        self._on_change = on_change
        self._radio: RadioHealth | None = None
        self._clock: ClockHealth | None = None
        # Ordered: the device heard longest ago stands first.
        self._devices: dict[str, _Device] = {}
        self._troubles: dict[_Key, Trouble] = {}
        self._told: set[_Key] = set()
        self._passed_untold: dict[_Key, Trouble] = {}

    def listen(self, on_change: Callable[[], None]) -> None:
        """Have `on_change` called when there is news."""
        self._on_change = on_change

    def raise_trouble(
        self, code: TroubleCode, device: str | None, detail: str, now: datetime
    ) -> None:
        """Say that something is wrong; again and again while it lasts is fine.

        Parameters
        ----------
        device
            Address of the device it is about; None for the gateway itself.
        detail
            What the words of the code leave open, for a technician; no measured value.
        """
        place = None if device is None else _cut(device, _NAME_MOST)
        key = (str(code), place)
        known = self._troubles.get(key)
        text = _cut(detail, _DETAIL_MOST)
        if known is not None:
            self._troubles[key] = known.model_copy(update={"detail": text})
            return
        if not self._make_room(is_gateways_own=place is None):
            _LOG.warning("no room in the health message for %s of %s", code, place)
            return
        self._passed_untold.pop(key, None)
        self._troubles[key] = Trouble(
            code=str(code), device=place, since=self._dated(now), detail=text
        )
        _LOG.warning("trouble %s%s: %s", code, f" of {place}" if place else "", text)
        self._changed()

    def clear(self, code: TroubleCode, device: str | None = None) -> None:
        """Say that it is over; of what was not raised this is no news."""
        place = None if device is None else _cut(device, _NAME_MOST)
        key = (str(code), place)
        trouble = self._troubles.pop(key, None)
        if trouble is None:
            return
        if key not in self._told and len(self._passed_untold) < TROUBLES_MOST:
            self._passed_untold[key] = trouble
        self._told.discard(key)
        _LOG.info("trouble %s%s is over", code, f" of {place}" if place else "")
        self._changed()

    def note_device(
        self,
        address: str,
        *,
        model: str = "",
        battery_pct: int | None = None,
        heard_at: datetime | None = None,
    ) -> None:
        """Note what is known of a device; what is not given stays as it was."""
        place = _cut(address, _NAME_MOST)
        known = self._devices.pop(place, None)
        if known is None and len(self._devices) >= DEVICES_MOST:
            self._devices.pop(next(iter(self._devices)))
        before = known or _Device()
        after = _Device(
            model=_cut(model, _NAME_MOST) or before.model,
            battery_pct=_percent(battery_pct, before.battery_pct),
            heard_at=self._dated(heard_at) if heard_at else before.heard_at,
        )
        self._devices[place] = after
        if known is None or replace(before, heard_at=None) != replace(after, heard_at=None):
            self._changed()

    def set_radio(self, state: RadioState, now: datetime) -> None:
        """Say what the radio does; talking and listening change too often to be news."""
        if self._radio is not None and self._radio.state == state:
            return
        calm = {RadioState.LISTENING, RadioState.TALKING}
        is_news = self._radio is None or not {self._radio.state, state} <= calm
        self._radio = RadioHealth(state=state, since=self._dated(now))
        if is_news:
            self._changed()

    def set_clock(self, trusted: bool, why: str) -> None:
        """Say whether the gateway knows the time, and why it thinks so."""
        clock = ClockHealth(trusted=trusted, why=_cut(why, _DETAIL_MOST))
        is_news = self._clock is None or self._clock.trusted != trusted
        self._clock = clock
        if is_news:
            self._changed()

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now, the longest first."""
        return tuple(sorted(self._troubles.values(), key=lambda item: (item.since, item.code)))

    def snapshot(self) -> Snapshot:
        """Give the whole condition as it is."""
        devices = tuple(
            DeviceHealth(
                address=address,
                model=device.model,
                battery_pct=device.battery_pct,
                last_heard_at=device.heard_at,
            )
            for address, device in sorted(self._devices.items())
        )
        return Snapshot(self._radio, self._clock, devices, self.troubles)

    def report(self) -> Snapshot:
        """Give what a report says: what is wrong, and what was and is over but was never told.

        Only for what goes to the server: what it says counts as told.
        """
        room = TROUBLES_MOST - len(self._troubles)
        passed = tuple(self._passed_untold.values())[:room]
        self._passed_untold.clear()
        self._told = set(self._troubles)
        now = self.snapshot()
        return replace(now, troubles=(*now.troubles, *passed))

    def _make_room(self, *, is_gateways_own: bool) -> bool:
        if len(self._troubles) < TROUBLES_MOST:
            return True
        if not is_gateways_own:
            return False
        of_devices = [key for key in self._troubles if key[1] is not None]
        if of_devices:
            self._troubles.pop(of_devices[-1])
        return bool(of_devices)

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()


def _percent(new: int | None, old: int | None) -> int | None:
    return old if new is None else min(max(new, 0), 100)


def _cut(text: str, most: int) -> str:
    """Make a text fit; what a device says of itself need not be printable."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)[:most]
