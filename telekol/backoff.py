"""How long to wait before trying again.

Pure: the caller brings the random number. Full jitter over the upper half keeps a fleet
that lost its broker at the same moment from coming back at the same moment (paho's own
back-off has none; field lesson 12 of its source).
"""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 60.0


def delay_s(
    attempt: int, luck: float, *, first_s: float = FIRST_S, most_s: float = LONGEST_S
) -> float:
    """Give the wait before try number `attempt` + 1, in seconds.

    Parameters
    ----------
    attempt
        How many tries have failed, from 1.
    luck
        A random number in [0, 1).

    Returns
    -------
    float
        Between half and all of ``first_s * 2**(attempt - 1)``, never more than `most_s`.

    Examples
    --------
    >>> delay_s(1, 0.0), delay_s(3, 0.5), delay_s(99, 0.0)
    (0.25, 1.5, 30.0)
    """
    # The exponent is capped before the power: 2.0**1100 would overflow after days offline.
    whole = min(most_s, first_s * 2.0 ** min(max(attempt, 1) - 1, 32))
    return whole * (0.5 + luck / 2)
