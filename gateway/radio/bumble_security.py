"""Pairing and encrypting a link over an HCI controller.

Owns the decision between the keys we have, keys that are stale, and pairing anew. Must not know
what is read or written.

A device forgets its bonds with its battery. It then answers our keys with "key missing", or
drops the link. That is not mended by trying again, so it is told apart from a bad link by the
error codes, and repaired.

Invariants
----------
1. Only a device that the policy allows is paired; a bond of ours is its own permission.
2. The old keys stay in the store until the new ones are there, and aside until those have
   encrypted a link.
3. One attempt at a time, whoever asks: we, or the device by a security request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from bleak.exc import BleakError
from bumble import hci
from bumble.device import Connection

from gateway.radio.errors import (
    BondLostError,
    BondRepairError,
    LinkEndedError,
    PairingRefusedError,
    StrangerError,
)
from gateway.radio.hci import HciAdapter

_LOG = logging.getLogger(__name__)

WANTS_SECURITY: Final = frozenset({0x05, 0x0C, 0x0F})
"""ATT errors insufficient authentication, key size and encryption (Core v5.4 Vol 3 Part F
3.4.1.1): the device has the value and wants a paired link for it."""

_KEYS_GONE: Final = frozenset(
    {
        hci.HCI_ErrorCode.AUTHENTICATION_FAILURE_ERROR,
        hci.HCI_ErrorCode.PIN_OR_KEY_MISSING_ERROR,
        hci.HCI_ErrorCode.CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR,
    }
)
"""What a controller reports when the other side has no key, or another."""


class Doing(Protocol):
    """Does something on a link and gives bleak's errors."""

    def __call__(self, work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """Do `work`; it ends with the link."""
        ...


class LinkSecurity:
    """Secures one link.

    Parameters
    ----------
    doing
        Does something on the link.
    end_reason
        Gives the HCI reason with which the link has ended, 0 while it stands.
    """

    def __init__(
        self,
        adapter: HciAdapter,
        link: Connection,
        doing: Doing,
        end_reason: Callable[[], int],
    ) -> None:
        self._adapter = adapter
        self._link = link
        self._do = doing
        self._end_reason = end_reason
        self._turn = asyncio.Lock()
        self._peer = str(link.peer_address)

    async def has_keys(self) -> bool:
        """Say whether the device was bonded to us."""
        keystore = self._adapter.device.keystore
        return keystore is not None and await keystore.get(self._peer) is not None

    async def secure(self) -> None:
        """Encrypt the link with our keys, or pair.

        Raises
        ------
        StrangerError
            When the device may not be paired.
        PairingRefusedError
            When it does not agree.
        BondRepairError
            When the next connection can repair the bond.
        BondLostError
            When it lost its keys and does not pair anew.
        """
        async with self._turn:
            if self._link.is_encrypted:
                return
            was_bonded = await self.has_keys()
            if was_bonded and self._peer not in self._adapter.stale and await self._encrypted():
                return
            await self._pair(was_bonded=was_bonded)

    async def _encrypted(self) -> bool:
        try:
            await self._do(self._link.encrypt())
        except BleakError as error:
            if self._why(error) not in _KEYS_GONE:
                raise
            self._found_stale(error)
            return False
        if self._adapter.bonds is not None:
            self._adapter.bonds.proved(self._peer)
        return True

    def _found_stale(self, error: BleakError) -> None:
        if self._adapter.bonds is not None and self._adapter.bonds.put_back(self._peer):
            raise BondRepairError(
                f"Expected {self._peer} to know its new keys, found that it does not; the keys "
                "before them are tried at its next sighting."
            ) from error
        _LOG.warning("%s no longer has our keys (%s); pairing anew", self._peer, error)
        self._adapter.stale.add(self._peer)
        if isinstance(error, LinkEndedError):
            raise BondRepairError(
                f"Expected {self._peer} to know our keys, found that it hung up on them; it is "
                "paired anew at its next sighting."
            ) from error

    async def _pair(self, *, was_bonded: bool) -> None:
        policy = self._adapter.policy
        if not policy.allows(self._peer, was_bonded=was_bonded):
            raise StrangerError(policy.refusal(self._peer))
        try:
            await self._do(self._link.pair())
        except (BleakError, TimeoutError) as error:
            if was_bonded:
                raise BondLostError(
                    f"Expected {self._peer}, which lost our keys (has its battery been out?), to "
                    f"pair anew; found that it does not ({error}). Put it into pairing mode and "
                    "switch it on near the gateway."
                ) from error
            raise PairingRefusedError(
                f"Expected {self._peer} to pair, found that it does not ({error}). Put it into "
                "pairing mode, or give its passkey in TELEKOL_GATEWAY_PASSKEYS."
            ) from error
        self._adapter.stale.discard(self._peer)
        _LOG.info("%s is paired", self._peer)

    def _why(self, error: BleakError) -> int:
        if isinstance(error, LinkEndedError):
            return self._end_reason()
        cause = error.__cause__
        return (isinstance(cause, hci.HCI_Error) and cause.error_code) or 0
