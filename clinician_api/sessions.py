"""The session cookie: who signed in, signed, and for how long it holds.

Pure but for the secret it is made with: it takes `now` and returns values. It does not know
how somebody proved who they are (`sign_in` does) nor whether the clinician still exists
(`visitor` asks the database, at every request).

Invariants
----------
1. A cookie that was changed, is signed with another secret or is too old is no session.
2. The cookie holds the clinician's id and the time of signing in, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer


def cookie_name(port: int) -> str:
    """Name the cookie of the board at `port`.

    Browsers keep cookies by host and ignore ports, so two boards on one host would sign each
    other's people out.

    Examples
    --------
    >>> cookie_name(8077)
    'telekol_session_8077'
    """
    return f"telekol_session_{port}"


LIFETIME: Final = timedelta(hours=9)
"""A working day with its breaks. It does not slide: a board left open on a wall signs out."""

_CLOCK_SLACK: Final = timedelta(minutes=1)
"""Two servers' clocks may differ this much; a cookie from further ahead is refused."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that holds.

    Parameters
    ----------
    clinician_id
        Who signed in.
    until
        When it ends, aware.
    """

    clinician_id: str
    until: datetime


class SessionCookies:
    """Writes and reads the cookie's value."""

    def __init__(self, secret: str, port: int = 0) -> None:
        self.name = cookie_name(port)
        self._serializer = URLSafeSerializer(secret, salt="telekol.session.v1")

    def issue(self, clinician_id: str, now: datetime) -> str:
        """Write the cookie of somebody who signs in at `now`."""
        return self._serializer.dumps([clinician_id, int(now.timestamp())])

    def read(self, value: str | None, now: datetime) -> SignedIn | None:
        """Read a cookie; None unless it holds at `now`."""
        if not value:
            return None
        try:
            clinician_id, issued_s = self._serializer.loads(value)
            issued = datetime.fromtimestamp(issued_s, tz=now.tzinfo)
        except (BadSignature, ValueError, TypeError, OverflowError, OSError):
            return None
        if not isinstance(clinician_id, str) or issued > now + _CLOCK_SLACK:
            return None
        until = issued + LIFETIME
        return SignedIn(clinician_id, until) if now < until else None
