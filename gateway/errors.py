"""The exceptions of the gateway.

    TelekolError
    └── GatewayError
        ├── ProfileError              a device sent bytes that cannot be read
        ├── UnknownProfileError       we were asked for a layout that does not exist
        ├── OutboxError               the outbox cannot do what was asked; nothing was kept
        │   ├── OutboxFullError       its size limit is reached and nothing may be given up
        │   ├── DiskFullError         the disk under it has no room
        │   └── OutboxCorruptError    the outbox's file is damaged; only a new start helps
        │       └── OutboxGoneError   its file was removed or replaced under the gateway
        └── BrokerUnavailableError    the MQTT broker cannot be reached or hung up

A radio that cannot be used is ``gateway.radio.RadioUnavailableError``.
"""

from __future__ import annotations

from telekol.errors import TelekolError


class GatewayError(TelekolError):
    """Anything the gateway raises on purpose."""


class ProfileError(GatewayError):
    """A device sent bytes that cannot be read."""


class UnknownProfileError(GatewayError):
    """We were asked for a layout that does not exist."""


class OutboxError(GatewayError):
    """The outbox cannot do what was asked; nothing of it was kept."""


class OutboxFullError(OutboxError):
    """The outbox has reached its size limit, and all it holds must be kept."""


class DiskFullError(OutboxError):
    """The disk under the outbox has no room; nothing of what was asked was kept."""


class OutboxCorruptError(OutboxError):
    """The outbox's file is damaged; opening it anew moves it aside."""


class OutboxGoneError(OutboxCorruptError):
    """The outbox's file was removed or replaced while it was open; opening it anew helps."""


class BrokerUnavailableError(GatewayError):
    """The MQTT broker cannot be reached, refused us or hung up."""
