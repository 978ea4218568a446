"""The exceptions that every room shares.

    TelekolError                 anything we raise on purpose
    ├── SettingsError            an environment variable is missing or wrong
    ├── TlsError                 a certificate or key file cannot be used
    ├── WireError                a peer sent a message that cannot be read
    └── DatabaseSchemaError      the database is not at the version this code needs

A message says what was expected, what was found and what to do next.
"""

from __future__ import annotations


class TelekolError(Exception):
    """Anything Tele-KOL raises on purpose; its text is fit to show to an operator."""


class SettingsError(TelekolError):
    """An environment variable is missing or wrong."""


class TlsError(TelekolError):
    """A certificate or key file cannot be used."""


class DatabaseSchemaError(TelekolError):
    """The database is not at the version this code needs."""


class WireError(TelekolError):
    """A peer sent a message that cannot be read.

    Parameters
    ----------
    code
        Short, stable word for the cause, as stored in the quarantine table.
    reason
        What was expected, what was found, in a sentence.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
