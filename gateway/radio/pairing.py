"""Who may be paired, and with which passkey.

Owns the decision; pure but for `PairingWindow`, which reads one small file. Must not know how
pairing is done.

A neighbour's device advertises the same services as the patient's, and pairing with it would
capture it: many devices keep one bond and forget their owner's phone for it. So the gateway
pairs with a device only when somebody has said so (decision 0016):

1. its address is in the list of the kit (`TELEKOL_GATEWAY_DEVICES`); or
2. somebody opened the pairing window for some minutes (`telekol gateway bonds pair`); or
3. it was bonded to us before and has lost its keys: that bond is repaired.

An address is no proof of who a device is, and Just Works does not protect against somebody who
is in the room while it pairs. The window and the list bound when that can be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

LONGEST_WINDOW_S: Final = 3600.0
"""A window that somebody forgot must close by itself; an hour is more than a whole kit takes."""


def normal(address: str) -> str:
    """Write an address as it is compared: capitals, colons, without a type."""
    return address.partition("/")[0].replace("-", ":").upper()


@dataclass(frozen=True, slots=True)
class PairingPolicy:
    """Says whether a device may be paired.

    Attributes
    ----------
    devices
        Addresses of the home's kit; empty: not known.
    passkeys
        Six digits by address, for devices that have one printed on them.
    window_open
        Says whether the pairing window is open now.
    """

    devices: frozenset[str] = frozenset()
    passkeys: Mapping[str, int] = field(default_factory=dict)
    window_open: Callable[[], bool] = lambda: False

    def allows(self, address: str, *, was_bonded: bool = False) -> bool:
        """Say whether `address` may be paired now."""
        return was_bonded or normal(address) in self.devices or self.window_open()

    def passkey(self, address: str) -> int | None:
        """Give the passkey of `address`, if it has one."""
        return self.passkeys.get(normal(address))

    def refusal(self, address: str) -> str:
        """Say why `address` was not paired, and what to do."""
        return (
            f"Expected {address} to be one of this home's devices, since it asks to be paired; "
            "found it neither in TELEKOL_GATEWAY_DEVICES nor the pairing window open. If it "
            "belongs here, add its address, or run 'telekol gateway bonds pair' and switch it on."
        )


class PairingWindow:
    """A file that says until when the window is open; one process writes, another reads."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now

    def open_until(self, until: datetime) -> None:
        """Open the window."""
        self._path.write_text(json.dumps({"until": until.isoformat()}), encoding="utf-8")

    def close(self) -> None:
        """Close the window."""
        self._path.unlink(missing_ok=True)

    def is_open(self) -> bool:
        """Say whether it is open; a file that cannot be read is a closed window."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            until = datetime.fromisoformat(found["until"])
            left_s = (until - self._now()).total_seconds()
        except (OSError, ValueError, KeyError, TypeError):
            return False
        # A clock that was years off when the window was opened must not hold it open for years.
        return 0 < left_s <= LONGEST_WINDOW_S
