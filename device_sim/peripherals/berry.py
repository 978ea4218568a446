"""A Berry BM1000: BCI frames, a hundred a second, over ISSC's serial service.

Owns how a moment is encoded and cut into notifications. The rest is in `stream`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from bumble import core
from bumble.core import AdvertisingData

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.encoders.berry import frame
from device_sim.faults import Trait
from device_sim.peripherals.finger import Shown
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.peripherals.stream import Stream

MODEL: Final = "BM1000C"
FRAMES_PER_MOMENT: Final = 100
# Four frames fill the 20 bytes of a notification without a larger MTU; one is left over now and
# then, so that frames are cut across notifications as on the real device.
NOTIFICATION_BYTES: Final = 18


class BerryOximeter(Stream):
    """A pulse oximeter without memory: `spo2` in % and `pulse_rate` per minute."""

    service_uuid = core.UUID("49535343-FE7D-4AE5-8FA9-9FAFD205E455")
    # Its frame has a strength and no mark for a weak one.
    traits = Stream.traits - {Trait.SIGNAL}
    stream_uuid = core.UUID("49535343-1E4D-4BD9-BA61-23C647249616")

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(
            DeviceIdentity(serial, MODEL, "BerryMed", manufacturer="Berry Electronic"),
            log,
            clock=clock,
        )

    def encode_moment(self, shown: Shown, number: int) -> list[bytes]:  # noqa: ARG002 - no counter
        """Write the hundred frames of one second, cut into notifications."""
        frames = b"".join(
            frame(
                shown.spo2,
                shown.pulse_rate,
                pleth=abs(beat - FRAMES_PER_MOMENT // 2),
                finger_off=shown.finger_off,
                beep=beat == 0,
            )
            for beat in range(FRAMES_PER_MOMENT)
        )
        cuts = [*range(0, len(frames), NOTIFICATION_BYTES), len(frames)]
        return [frames[start:end] for start, end in pairwise(cuts)]

    def advertised(self) -> bytes:
        """Advertise by name only, as the real one does."""
        kind, flag = AdvertisingData.Type, AdvertisingData.Flags
        flags = flag.LE_GENERAL_DISCOVERABLE_MODE | flag.BR_EDR_NOT_SUPPORTED
        return bytes(
            AdvertisingData(
                [
                    (kind.FLAGS, bytes([flags])),
                    (kind.COMPLETE_LOCAL_NAME, self.identity.name.encode()),
                ]
            )
        )
