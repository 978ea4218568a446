"""The exceptions of the gateway.

    TelekolError
    └── GatewayError
        ├── ProfileError              a device sent bytes that cannot be read
        ├── DocumentError             somebody handed in what cannot be read, field by field
        ├── TimeUnknownError          the gateway does not know the time yet; nothing was kept
        ├── NotRunningError           a command needs the running gateway and found none
        ├── UnknownProfileError       we were asked for a layout that does not exist
        ├── OutboxError               the outbox cannot do what was asked; nothing was kept
        │   ├── OutboxFullError       its size limit is reached and nothing may be given up
        │   ├── DiskFullError         the disk under it has no room
        │   └── OutboxCorruptError    the outbox's file is damaged; only a new start helps
        │       └── OutboxGoneError   its file was removed or replaced under the gateway
        ├── BondFileError             a file of bonds is not what it should be
        ├── CertificateError          our key or certificate is missing, wrong or another's
        ├── NotesError                the file of instructions cannot be used
        └── BrokerUnavailableError    the MQTT broker cannot be reached or hung up
            └── BrokerRefusedError    it is there and does not want us as we are

A radio that cannot be used is ``gateway.radio.RadioUnavailableError``.
"""

from __future__ import annotations

from typing import Protocol

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


class BondFileError(GatewayError):
    """A file of bonds is not what it should be; nothing was restored."""


class BrokerUnavailableError(GatewayError):
    """The MQTT broker cannot be reached, refused us or hung up."""


class DocumentError(GatewayError):
    """Somebody handed in a document or readings that cannot be taken.

    Parameters
    ----------
    troubles
        What is wrong, field by field.
    """

    def __init__(self, troubles: tuple[Trouble, ...]) -> None:
        super().__init__("\n".join(str(one) for one in troubles))
        self.troubles = troubles


class Trouble(Protocol):
    """What is wrong with one field; its text names the field, the expected and the found."""

    @property
    def field(self) -> str:
        """Where."""

    @property
    def expected(self) -> str:
        """What should stand there."""

    @property
    def found(self) -> str:
        """What stands there."""


class NotRunningError(GatewayError):
    """A command needs the running gateway, and there is none."""


class BrokerRefusedError(BrokerUnavailableError):
    """The broker is there and does not want us as we are; waiting alone does not help."""


class CertificateError(GatewayError):
    """Our key or certificate is missing, cannot be read or is another's."""


class NotesError(GatewayError):
    """The file of instructions cannot be used; nothing in it was changed."""


class TimeUnknownError(GatewayError):
    """The gateway does not know the time yet, so nothing that is handed in can be dated."""
