"""A sign of life for a service without a port: a file that is touched while work gets done.

Owns the file and the question how old it is, ``python -m telekol.heartbeat``, which a container's
health check asks. Touches disk and clock. It knows no service: what counts as a beat is the
caller's word, and should be that a turn of its loop was completed with everything it needs.

Invariants
----------
1. Only `Heartbeat.beat` makes the file young; a new process begins without one, so that it
   never lives on its predecessor's.
2. A file that cannot be written stops no service: then the check fails, which is the point.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Final

from telekol.errors import SettingsError
from telekol.settings import HeartbeatSettings, load

_LOG = logging.getLogger(__name__)

EVERY_S: Final = 5.0
"""Least time between two touches: a loop turns several times a second, a disk need not."""

OLD_S: Final = 60.0
"""Age at which a service counts as stuck.

A turn takes under a second, the largest batch a few; a database that is away is tried again
every 10 s at the latest. A minute is well beyond each of them, and short beside the half day
that a reading may take.
"""


class Heartbeat:
    """Touches a file while its service gets on; does nothing without a file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._next_s = float("-inf")
        if file is not None:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                _LOG.warning("the heartbeat file %s cannot be removed: %s", file, error)

    def beat(self) -> None:
        """Say that a turn of the service's loop was completed."""
        now_s = time.monotonic()
        if self._file is None or now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        try:
            self._file.touch()
        except OSError as error:
            _LOG.warning("the heartbeat file %s cannot be written: %s", self._file, error)


def complaint(file: Path, now_s: float) -> str | None:
    """Say what is wrong with a service's heartbeat; None if it is well.

    Parameters
    ----------
    now_s
        Unix time in seconds.
    """
    try:
        age_s = now_s - file.stat().st_mtime
    except OSError:
        return f"no heartbeat yet: {file} is not there"
    if age_s > OLD_S:
        return f"expected a heartbeat within {OLD_S:.0f} s, the last was {age_s:.0f} s ago"
    return None


def main() -> None:
    """Exit with 0 if the service that writes TELEKOL_HEARTBEAT_FILE is getting on, else 1."""
    try:
        file = load(HeartbeatSettings).heartbeat_file
    except SettingsError as error:
        sys.exit(str(error))
    sys.exit("TELEKOL_HEARTBEAT_FILE is not set" if file is None else complaint(file, time.time()))


if __name__ == "__main__":
    main()
