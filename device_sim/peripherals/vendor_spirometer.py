"""A spirometer with a closed protocol: its maker's program hands in one document a session.

Owns how the document is handed in: as a file in a folder, or by HTTP. The document itself is in
`encoders.spirometry_document`. It is on no air that we could know.

Invariants:

1. A document appears in the folder whole or not at all.
2. By HTTP it is sent again until the gateway says that it is kept, or that it never will be.
"""

from __future__ import annotations

import asyncio
import logging
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Final

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders.spirometry_document import Session, document
from device_sim.errors import DeviceStateError
from device_sim.faults import Parameters, Trait
from device_sim.peripherals.instrument import Instrument, Stored
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.tasks import stop
from device_sim.virtual_radio import Air

_LOG = logging.getLogger(__name__)

MODEL: Final = "SIM-SDK1"
AGAIN_S: Final = 1.0
ANSWER_S: Final = 10.0
KEPT: Final = frozenset({200, 201, 202})
PEF_MARGIN: Final = Decimal("0.3")
"""Half of the 0.01 L/s to which the document tells it, in L/min."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where documents are handed in: a folder, or a URL with the token that opens it."""

    folder: Path | None = None
    url: str | None = None
    token: str | None = None


class VendorSpirometer(Instrument):
    """A spirometer: `fev1` and `fvc` in L, `pef` in L/min."""

    quantities = frozenset({"fev1", "fvc", "pef"})
    is_set_by_hand = True
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.CLOCK, Trait.MEMORY})

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(serial, MODEL, "Sim SDK Spirometer", manufacturer="Sim Maker")
        super().__init__(identity, log, clock=clock)
        self.door: Door | None = None
        self._waiting: deque[Stored] = deque()
        self._delivered: list[Stored] = []
        self._ready = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def where(self) -> str:
        """Where its documents go."""
        door = self.door
        return "nowhere" if door is None else str(door.url or door.folder)

    @property
    def pending_count(self) -> int:
        """How many documents wait to be handed in."""
        return len(self._waiting)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell which sessions wait to be handed in."""
        return tuple(stored.measurement for stored in self._waiting if stored.measurement)

    def hand_in_to(self, door: Door) -> None:
        """Say where documents go from now on; what waits goes there too.

        Raises
        ------
        DeviceStateError
            If the folder does not exist.
        """
        if door.folder is not None and not door.folder.is_dir():
            raise DeviceStateError(f"Expected a folder that exists, found {door.folder}.")
        self.door = door
        self._ready.set()

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write the document."""
        values = dict(measurement.values)
        session = Session(values["fev1"], values["fvc"], values["pef"])
        return (
            document(
                session,
                measurement.device_time or NEVER_SET,
                serial=self.serial,
                manufacturer=self.identity.manufacturer,
                model=self.identity.model,
            ),
        )

    def keep(self, stored: Stored) -> None:
        """Hand in as soon as that can be done."""
        self._waiting.append(stored)
        self._ready.set()

    async def start(self, radio: Air) -> None:  # noqa: ARG002 - it is not on that air
        """Start the maker's program."""
        self._life = asyncio.create_task(self._live(), name=f"device {self.serial}")

    async def close(self) -> None:
        """End the maker's program."""
        if self._life:
            await stop(self._life)
            self._life = None

    async def _live(self) -> None:
        while True:
            await self._ready.wait()
            while self._waiting and self.door and not self.faults.has("silent"):
                if not await self._hand_in(self.door, self._waiting[0]):
                    break
                self._delivered.append(self._waiting.popleft())
            if self._waiting:
                await asyncio.sleep(AGAIN_S)
            else:
                self._ready.clear()

    async def _hand_in(self, door: Door, stored: Stored) -> bool:
        """Hand one document in; True when it need not be handed in again."""
        payload = self._spoiled(stored.packets[0], stored)
        if stored.measurement:
            self._log.indicated(stored.measurement)
        if door.folder is not None:
            await asyncio.to_thread(self._drop, door.folder, payload)
            kept: bool | None = True
        else:
            kept = await asyncio.to_thread(_post, door, payload)
        if kept and stored.measurement:
            self._log.confirmed(stored.measurement)
        return kept is not None

    def _drop(self, folder: Path, payload: bytes) -> None:
        name = f"{self.serial}-{self.clock.now():%Y%m%dT%H%M%S%f}"
        part = folder / f"{name}.part"
        part.write_bytes(payload)
        part.rename(folder / f"{name}.json")

    def _onsets(self) -> dict[str, Callable[[Parameters], None]]:
        return super()._onsets() | {"repeats-memory": lambda _given: self._hand_all_in_again()}

    def _hand_all_in_again(self) -> None:
        self._waiting.extendleft(reversed(self._delivered))
        self._delivered.clear()
        self._ready.set()

    def _margins(self) -> Mapping[str, Decimal]:
        return {"pef": PEF_MARGIN}


def _post(door: Door, payload: bytes) -> bool | None:
    """Post a document; False: it is refused for good, ``None``: it must be sent again."""
    assert door.url is not None  # noqa: S101 - a door is a folder or a URL
    headers = {"Content-Type": "application/json"}
    if door.token:
        headers["Authorization"] = f"Bearer {door.token}"
    request = urllib.request.Request(door.url, payload, headers)  # noqa: S310 - given by a person
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            return answer.status in KEPT
    except urllib.error.HTTPError as error:
        _LOG.warning("A document was not taken: %s", error)
        return None if error.code >= 500 else False
    except OSError as error:
        _LOG.info("Nobody took the document: %s", error)
        return None
