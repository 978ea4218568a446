"""The line to PostgreSQL, as every part of ingest opens it. Touches the network.

Owns how long a dead line may look alive: a router that forgot us answers nothing and refuses
nothing, and the kernel's own patience is two hours.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

CONNECT_S: Final = 5

_WATCHFUL: Final = {
    # Asked after 10 s of silence, three times 5 s apart: a dead line is known in 25 s.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # What was sent and never acknowledged by the other machine's kernel, milliseconds.
    "tcp_user_timeout": 25_000,
}
"""Well within the minute after which the heartbeat calls ingest unhealthy. A Unix socket, which
cannot be dead in this way, leaves them aside; what the address itself says wins."""

_PLANS: Final = b"set plan_cache_mode = force_generic_plan"
"""Every query of ingest looks up keys, few or many. Planned anew for each batch it costs half a
millisecond, and a plan for these very 500 keys sometimes reads a whole table to find them."""


def open_line(url: str, name: str, options: str = "") -> Connection[Any]:
    """Connect, committing each statement; `name` is what the server shows for us.

    Raises
    ------
    psycopg.OperationalError
        If the database is away.
    """
    given = conninfo_to_dict(url)
    kept: dict[str, Any] = {key: value for key, value in _WATCHFUL.items() if key not in given}
    if options:
        kept["options"] = f"{given.get('options') or ''} {options}".strip()
    line = psycopg.connect(
        url,
        autocommit=True,
        application_name=name,
        connect_timeout=CONNECT_S,
        **kept,
    )
    line.execute(_PLANS)
    return line
