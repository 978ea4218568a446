"""How long to wait before trying again.

Pure: the caller brings the random number. Two ways, for two purposes: `delay_s` for one party
that tries again (jitter over the upper half, so that it never tries at once), `spread_s` for a
fleet that lost its broker in the same moment and must not come back in the same moment (full
jitter, as paho's own back-off has none at all).
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


def spread_s(attempt: int, luck: float, *, window_s: float, most_s: float = LONGEST_S) -> float:
    """Give the wait of one of many before try number `attempt`, in seconds.

    All of the wait is chance: thousands that begin together are spread evenly over the window, so
    that no second sees more than about ``1 / window_s`` of their first tries.

    Parameters
    ----------
    attempt
        Which try it is since the connection was lost, from 1.
    luck
        A random number in [0, 1).
    window_s
        Over how many seconds first tries are spread; doubles with each try.

    Returns
    -------
    float
        Between 0 and ``window_s * 2**(attempt - 1)``, never more than `most_s`, or than `window_s`
        if that is longer.

    Examples
    --------
    >>> spread_s(1, 0.5, window_s=10), spread_s(2, 0.5, window_s=10), spread_s(99, 0.5, window_s=10)
    (5.0, 10.0, 30.0)
    """
    whole = min(max(most_s, window_s), window_s * 2.0 ** min(max(attempt, 1) - 1, 32))
    return whole * luck
