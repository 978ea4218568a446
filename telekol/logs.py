"""Logging for every service: one line an event, UTC, key=value where there is a value.

No civil registration number, name or free text written by a person is ever logged; ids are.
"""

from __future__ import annotations

import logging
import sys
import time


def set_up(service: str, level: str) -> None:
    """Send the service's log to standard error, one line an event.

    Parameters
    ----------
    service
        Name shown on every line, e.g. ``ingest``.
    level
        DEBUG, INFO, WARNING or ERROR.
    """
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ {service} %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
