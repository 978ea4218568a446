"""Who asks, for whatever one request does. Knows neither HTTP nor database.

The guard sets it from the session, once for each request; `database` says it in every
transaction. A variable of the context, so that no query can be written that forgets it: the
threads in which endpoints run have a copy of their request's context.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

clinician: Final[ContextVar[str | None]] = ContextVar("clinician", default=None)
"""Id of the clinician who is signed in; None for nobody."""
