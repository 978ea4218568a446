"""What every Tele-KOL service must agree on.

Owns the quantities and their units, the observation and its identity, the wire
messages, the database tables, the settings mechanism and the command line.
Must not know any service: nothing here imports gateway, ingest, alerts,
clinician_api, device_sim or migrations (import-linter holds this).
"""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
