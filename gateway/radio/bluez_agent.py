"""BlueZ's pairing agent: who may be paired, and with which passkey.

Owns the answers to `org.bluez.Agent1`. Must not know how pairing goes on.

BlueZ asks an agent whenever a device wants to be paired. Without one, pairing fails or, worse,
another program's agent answers (bleak registers none). Ours has neither display nor keyboard
(Just Works); it has a keyboard as soon as a device's printed passkey is in the settings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from dbus_fast import Message, MessageType

from gateway.radio.pairing import PairingPolicy, normal

_LOG = logging.getLogger(__name__)

AGENT: Final = "org.bluez.Agent1"
AGENT_PATH: Final = "/telekol/agent"
REJECTED: Final = "org.bluez.Error.Rejected"

_ASKS_FOR_NUMBER: Final = frozenset({"RequestPasskey", "RequestPinCode"})
_ASKS_LEAVE: Final = frozenset({"RequestAuthorization", "AuthorizeService"})
_ONLY_TELLS: Final = frozenset({"Release", "Cancel", "DisplayPasskey", "DisplayPinCode"})


class Agent:
    """Answers BlueZ's questions.

    Parameters
    ----------
    was_bonded
        Says whether an address was bonded to us and lost its keys.
    """

    def __init__(self, policy: PairingPolicy, was_bonded: Callable[[str], bool]) -> None:
        self._policy = policy
        self._was_bonded = was_bonded

    @property
    def capability(self) -> str:
        """What BlueZ tells devices that we have."""
        return "KeyboardOnly" if self._policy.passkeys else "NoInputNoOutput"

    def answer(self, message: Message) -> Message | None:
        """Answer a call to the agent; None if the message is something else."""
        if (
            message.message_type is not MessageType.METHOD_CALL
            or message.interface != AGENT
            or message.path != AGENT_PATH
        ):
            return None
        member = message.member or ""
        if member in _ONLY_TELLS:
            return Message.new_method_return(message)
        address = address_of(str(message.body[0])) if message.body else ""
        return self._decide(message, member, address)

    def _decide(self, message: Message, member: str, address: str) -> Message:
        if not self._policy.allows(address, was_bonded=self._was_bonded(address)):
            _LOG.warning("%s", self._policy.refusal(address))
            return Message.new_error(message, REJECTED, "not one of this home's devices")
        if member in _ASKS_LEAVE:
            _LOG.info("%s may be paired", address)
            return Message.new_method_return(message)
        passkey = self._policy.passkey(address)
        if member in _ASKS_FOR_NUMBER and passkey is not None:
            if member == "RequestPinCode":
                return Message.new_method_return(message, "s", [f"{passkey:06d}"])
            return Message.new_method_return(message, "u", [passkey])
        # RequestConfirmation too: nobody stands here to compare two numbers.
        _LOG.warning(
            "%s wants a passkey to be paired; give it in TELEKOL_GATEWAY_PASSKEYS", address
        )
        return Message.new_error(message, REJECTED, "no passkey is known for this device")


def address_of(path: str) -> str:
    """Give the address in a device's object path ``.../dev_C0_FF_EE_00_00_01``."""
    return normal(path.rpartition("/dev_")[2].partition("/")[0].replace("_", ":"))
