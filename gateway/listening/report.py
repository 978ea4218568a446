"""Who hears of the radio's condition: the supervisor's status line and the server.

Owns the translation into the codes of `telekol.troubles`. Must not know how the condition came
about.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.condition import Condition
from gateway.listening.recovery import DeviceTrouble
from gateway.systemd_notify import Notifier
from telekol.health import RadioState, TroubleCode

_CODES: Final = {
    DeviceTrouble.BOND_LOST: TroubleCode.BOND_LOST,
    DeviceTrouble.REFUSED: TroubleCode.PAIRING_REFUSED,
    DeviceTrouble.UNREACHABLE: TroubleCode.DEVICE_UNREACHABLE,
}


class RadioReport:
    """Tells the supervisor and the server.

    Parameters
    ----------
    now
        Gives the time, aware.
    """

    def __init__(
        self, notifier: Notifier, condition: Condition, now: Callable[[], datetime]
    ) -> None:
        self.notifier = notifier
        self._condition = condition
        self._now = now
        self._said: RadioState | None = None

    def radio_is(self, state: RadioState) -> None:
        """Say what the radio does."""
        self._condition.set_radio(state, self._now())
        if state is not self._said:
            self._said = state
            self.notifier.status(f"radio: {state}")

    def radio_fails(self, detail: str, *, is_blind: bool) -> None:
        """Raise the trouble; blind is worse than unavailable and takes its place."""
        code = TroubleCode.RADIO_BLIND if is_blind else TroubleCode.RADIO_UNAVAILABLE
        if is_blind:
            self._condition.clear(TroubleCode.RADIO_UNAVAILABLE)
        self._condition.raise_trouble(code, None, detail, self._now())

    def radio_works(self) -> None:
        """Clear both."""
        self._condition.clear(TroubleCode.RADIO_UNAVAILABLE)
        self._condition.clear(TroubleCode.RADIO_BLIND)

    def device_fails(self, address: str, trouble: DeviceTrouble, detail: str) -> None:
        """Raise a device's trouble."""
        self._condition.raise_trouble(_CODES[trouble], address, detail, self._now())

    def device_works(self, address: str) -> None:
        """Clear whatever there was about its link, and note that it was heard."""
        for code in _CODES.values():
            self._condition.clear(code, address)
        self._condition.note_device(address, heard_at=self._now())
