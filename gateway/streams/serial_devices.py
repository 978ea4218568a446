"""Devices behind a serial port: the Vitalograph lung monitor and the Nonin classic frame.

Owns what is answered and when a port is opened again. Must not know what carries the bytes.

Invariants
----------
1. A blow is acknowledged when it is on disk. One whose checksum is wrong is answered NAK, and
   sent again; one the disk did not take gets no answer, and is sent in the next connection.
2. A port that is lost or never there is opened again, for ever; only a damaged outbox ends it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from typing import Final

from gateway.conversations.home import Home
from gateway.errors import OutboxCorruptError, OutboxError, ProfileError
from gateway.intake import Taken
from gateway.kit import SerialSource
from gateway.profiles.nonin import NoninClassic
from gateway.profiles.vitalograph import FRAME_BYTES, LungMonitorBlow
from gateway.streams.frames import StxFrames
from gateway.streams.listener import StreamKind, StreamListener
from gateway.streams.moments import Heard
from gateway.streams.serial_port import SerialPort, open_port
from gateway.timing.device_clock import DeviceClock
from telekol.backoff import delay_s
from telekol.health import TroubleCode
from telekol.observation import Device

_LOG = logging.getLogger(__name__)

ACK: Final = b"\x06"
NAK: Final = b"\x15"
CUT_AFTER_S: Final = 2.0
"""A frame is 59 bytes, 60 ms at 9600 baud; one that has not ended by now was cut short."""
SILENT_S: Final = 300.0
"""How long an open port may be silent before it is opened anew: a link that died without a word
looks like a device that is switched off."""
FIRST_WAIT_S: Final = 3.0
MOST_WAIT_S: Final = 30.0
"""A lung monitor is awake for a minute or more after a blow."""
NONIN_WAIT_S: Final = 15.0
"""A Nonin must be left alone this long before it can be connected to again (OpenTele)."""

_BATTERY_LOW: Final = TroubleCode.DEVICE_BATTERY_LOW
_STREAM: Final = StreamKind(NoninClassic, frame_bytes=4, vouches=True, tells_finger=True)


class SerialDevice(ABC):
    """What is said over an open port; a device that does not answer says nothing."""

    first_wait_s: float = FIRST_WAIT_S

    @abstractmethod
    def fed(self, chunk: bytes) -> bytes:
        """Take bytes in, keep what they say; gives the answer, which may be nothing."""

    def quiet(self) -> bytes:
        """Take in that nothing came for CUT_AFTER_S; gives the answer."""
        return b""

    def opened(self) -> None:  # noqa: B027 - most devices have nothing to do then
        """Take in that a connection begins."""

    def closed(self) -> None:  # noqa: B027 - the same
        """Take in that the connection is over."""


class LungMonitor(SerialDevice):
    """A Vitalograph lung monitor."""

    def __init__(self, home: Home, address: str) -> None:
        self._home = home
        self._address = address
        self._frames = StxFrames(FRAME_BYTES)

    def opened(self) -> None:
        """Forget what the last connection left."""
        self._frames.drop()

    def fed(self, chunk: bytes) -> bytes:
        """Answer each blow."""
        return b"".join(self._answer(frame) for frame in self._frames.fed(chunk))

    def quiet(self) -> bytes:
        """Ask for a frame that was cut short."""
        if not self._frames.is_open:
            return b""
        self._frames.drop()
        _LOG.info("%s sent a frame that was cut short; asking again", self._address)
        return NAK

    def _answer(self, frame: bytes) -> bytes:
        try:
            blow = LungMonitorBlow.from_bytes(frame)
        except ProfileError as error:
            _LOG.warning("%s sent what cannot be read: %s", self._address, error)
            return NAK
        device = Device(
            address=self._address,
            manufacturer="Vitalograph",
            model="lung monitor",
            serial=blow.serial.strip(),
        )
        self._home.intake.take_measurement(blow, frame, device, DeviceClock(), self._home.now())
        now = self._home.now()
        self._home.condition.note_device(self._address, model=device.model, heard_at=now)
        return ACK


class ClassicOximeter(SerialDevice):
    """A Nonin with the four-byte frame."""

    first_wait_s = NONIN_WAIT_S

    def __init__(self, home: Home, address: str) -> None:
        self._home = home
        self._device = Device(address=address, manufacturer="Nonin", model="classic")
        self._rule = _STREAM.rule()
        self._listener = StreamListener(_STREAM, self._rule, address)
        self._unkept: list[Heard] = []

    def opened(self) -> None:
        """Begin in the middle of a frame, with the same rule."""
        self._listener = StreamListener(_STREAM, self._rule, self._device.address)

    def fed(self, chunk: bytes) -> bytes:
        """Listen; the device wants no answer."""
        self._keep(self._listener.fed(chunk, self._home.now(), asyncio.get_running_loop().time()))
        return b""

    def closed(self) -> None:
        """Keep the latest steady stretch of a finger that was never seen to leave."""
        self._keep(self._listener.ended())

    def _keep(self, readings: tuple[Heard, ...]) -> None:
        self._unkept.extend(readings)
        while self._unkept:
            measurement, frame, at = self._unkept[0]
            taken = self._home.intake.take_measurement(
                measurement, frame, self._device, DeviceClock(), at
            )
            self._unkept.pop(0)
            self._tell(taken)

    def _tell(self, taken: Taken) -> None:
        condition, now = self._home.condition, self._home.now()
        address = self._device.address
        condition.note_device(address, model=self._device.model, heard_at=now)
        if "low-battery" in taken.flags:
            condition.raise_trouble(_BATTERY_LOW, address, "the device says so", now)
        else:
            condition.clear(_BATTERY_LOW, address)


_DEVICES: Final[dict[str, type[LungMonitor | ClassicOximeter]]] = {
    "vitalograph": LungMonitor,
    "nonin-classic": ClassicOximeter,
}


class SerialReader:
    """Reads one serial port, for ever."""

    def __init__(self, source: SerialSource, home: Home) -> None:
        self._source = source
        self._device: SerialDevice = _DEVICES[source.family](home, source.address)
        self._said = ""

    async def run(self) -> None:
        """Read until cancelled.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged.
        """
        failures = 0
        while True:
            try:
                await self._use(await open_port(self._source))
                failures, self._said = 0, ""
            except OutboxCorruptError:
                raise
            except (OSError, TimeoutError, OutboxError) as error:
                failures += 1
                self._say(str(error) or type(error).__name__)
            except Exception:  # noqa: BLE001 - a bug met by one device must not stop the others
                failures += 1
                _LOG.exception("%s: the conversation broke off unexpectedly", self._source.address)
            wait_s = delay_s(
                max(failures, 1),
                random.random(),  # noqa: S311
                first_s=self._device.first_wait_s,
                most_s=MOST_WAIT_S,
            )
            await asyncio.sleep(max(wait_s, self._device.first_wait_s))

    async def _use(self, port: SerialPort) -> None:
        _LOG.info("%s is connected", self._source.address)
        self._device.opened()
        try:
            await self._listen(port)
        finally:
            port.close()
            self._device.closed()

    async def _listen(self, port: SerialPort) -> None:
        silent_s = 0.0
        while silent_s < SILENT_S:
            try:
                async with asyncio.timeout(CUT_AFTER_S):
                    chunk = await port.read()
            except TimeoutError:
                silent_s += CUT_AFTER_S
                self._answer(port, self._device.quiet())
                continue
            if not chunk:
                return
            silent_s = 0.0
            self._answer(port, self._device.fed(chunk))

    def _answer(self, port: SerialPort, answer: bytes) -> None:
        if answer:
            port.write(answer)

    def _say(self, reason: str) -> None:
        """Say why a port cannot be used: what is new at once, the same never again."""
        level = logging.DEBUG if reason == self._said else logging.INFO
        _LOG.log(level, "%s: %s; trying again", self._source.address, reason)
        self._said = reason
