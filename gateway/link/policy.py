"""How the uplink behaves over time: its policy and the numbers behind it.

Owns the values, so that settings and uplink agree without loading each other. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RECONNECT_WINDOW_S: Final = 10.0
"""Over how many seconds homes spread their first try after a start or a lost connection.

The trade: a home whose own line blinked waits 5 s on average for nothing, which no reading's use
depends on; in return a broker that is back at once meets a tenth of its homes in each second, 31
of Aarhus's 312, and one that stays away a sixth, never all of them with their TLS handshakes in
one. Tries that fail double the window.
"""

OFFLINE_AFTER_S: Final = 120
"""After how long without us the broker says that we are offline: two waits of the longest
back-off, so that a restart or a blink of the line is no alarm."""

HEALTH_INTERVAL_S: Final = 900.0
"""Most time between two health messages: the server sees depth, battery and clock four times an
hour, for about 100 kB a day on a mobile line."""


@dataclass(frozen=True, slots=True)
class UplinkPolicy:
    """How to connect again, and when to be called offline; in seconds."""

    reconnect_window_s: float = RECONNECT_WINDOW_S
    offline_after_s: int = OFFLINE_AFTER_S
