"""Indications are confirmed after they were handled, and never otherwise.

Owns the moment at which an ATT confirmation leaves the gateway. Must not know what a
measurement is.

A device deletes a reading when its indication is confirmed, and the gateway commits the
reading to disk in the listener. Hence the invariants:

1. The confirmation is sent after the listener returned.
2. When the listener raises, no confirmation is sent and the link is dropped: the device keeps
   the reading and sends it again on the next connection.
3. An indication that nobody listens to yet is held, unconfirmed, until somebody does. Bonded
   devices remember their subscribers and may indicate before the gateway has subscribed;
   Bumble's own client would confirm and lose the reading.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bumble import att
from bumble.core import BaseBumbleError
from bumble.device import Connection
from bumble.gatt_client import Client

from telekol.errors import TelekolError

_LOG = logging.getLogger(__name__)

Listener = Callable[[bytearray], None]


def nobody_waits() -> None:
    """Take in an answer that nobody waits for."""


class CommitFirstClient(Client):
    """A GATT client for one connection that keeps the three invariants."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._link = connection
        self._listeners: dict[int, Listener] = {}
        self._held: att.ATT_Handle_Value_Indication | None = None
        self._dropping: asyncio.Task[None] | None = None
        self.on_answer: Callable[[], None] = nobody_waits

    @classmethod
    def attach(cls, connection: Connection) -> None:
        """Make `connection` use this client; call it before any data can have arrived."""
        connection.gatt_client = cls(connection)

    @classmethod
    def of(cls, connection: Connection) -> CommitFirstClient:
        """Give the client that `attach` put on `connection`."""
        client = connection.gatt_client
        if not isinstance(client, cls):
            raise TypeError(f"Expected a connection with {cls.__name__}, found {type(client)}.")
        return client

    async def send_request(self, request: att.ATT_PDU) -> att.ATT_PDU:
        """Ask, and tell whoever waits that there was an answer."""
        answer: att.ATT_PDU = await super().send_request(request)
        self.on_answer()
        return answer

    def listen(self, handle: int, listener: Listener) -> None:
        """Call `listener` with each value of characteristic `handle` from now on."""
        self._listeners[handle] = listener
        held = self._held
        if held is not None and held.attribute_handle == handle:
            self._held = None
            asyncio.get_running_loop().call_soon(self.on_att_handle_value_indication, held)

    def stop_listening(self, handle: int) -> None:
        """Forget the listener of characteristic `handle`, if there is one."""
        self._listeners.pop(handle, None)

    def on_att_handle_value_indication(self, indication: att.ATT_Handle_Value_Indication) -> None:
        """Hand the value to its listener; confirm when the listener has returned."""
        listener = self._listeners.get(indication.attribute_handle)
        if listener is None:
            _LOG.debug("Indication on handle %d held: no listener.", indication.attribute_handle)
            self._held = indication
        elif self._handled(listener, indication.attribute_value):
            self.send_confirmation(att.ATT_Handle_Value_Confirmation())

    def on_att_handle_value_notification(
        self, notification: att.ATT_Handle_Value_Notification
    ) -> None:
        """Hand the value to its listener; notifications have no confirmation."""
        listener = self._listeners.get(notification.attribute_handle)
        if listener is not None:
            self._handled(listener, notification.attribute_value)

    def _handled(self, listener: Listener, value: bytes) -> bool:
        try:
            listener(bytearray(value))
        except Exception as error:  # noqa: BLE001 - whatever it was, the device must keep it
            # What is raised on purpose (a full disk) is said in one line by who raised it.
            foreseen = isinstance(error, TelekolError)
            _LOG.log(
                logging.DEBUG if foreseen else logging.ERROR,
                "A value from %s could not be handled; it is not confirmed and the link is "
                "dropped, so that the device keeps it.",
                self._link.peer_address,
                exc_info=None if foreseen else error,
            )
            self._dropping = asyncio.create_task(self._drop_link())
            return False
        return True

    async def _drop_link(self) -> None:
        try:
            await self._link.disconnect()
        except BaseBumbleError as error:
            _LOG.debug("The link was gone before it could be dropped: %s", error)
