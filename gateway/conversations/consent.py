"""Devices that want to know who uses them: paired first, then consent by index and code.

Owns the order at the User Control Point, and the note of index and code. Must not know patients:
the gateway is one user of the scale, whoever stands on it. It writes no date of birth, sex or
height to a device: it does not know them, and a weight needs none.

A scale whose battery was taken out has forgotten its users and their codes. It then refuses the
known index, or has given it to somebody else with another code: the gateway registers anew.

Invariants
----------
1. A code is on disk before it is used: a slot whose code is lost can never be used again, and a
   scale has few of them.
2. A new slot is asked for only when the scale said that the old one is not ours; a failure that
   may pass by itself costs no slot.
3. A code is never logged.
"""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass
from typing import Final

from bleak.exc import BleakGATTProtocolError

from gateway.conversations.questions import Questions
from gateway.conversations.talk import Talk
from gateway.device_notes import CONSENT
from gateway.errors import ProfileError
from gateway.profiles import sig_uuid
from gateway.profiles.user_data import (
    MOST_CONSENT,
    ChangeIncrement,
    OpCode,
    Outcome,
    UserControl,
    UserControlResponse,
)
from telekol.health import TroubleCode

_LOG = logging.getLogger(__name__)

SERVICE: Final = sig_uuid(0x181C)
_POINT: Final = sig_uuid(0x2A9F)
_INCREMENT: Final = sig_uuid(0x2A99)
_TOPIC_INCREMENT: Final = "user-data-version"

_NOT_OURS: Final = frozenset({Outcome.USER_NOT_AUTHORISED, Outcome.INVALID_PARAMETER})
"""What a scale answers that does not know the index, or knows it with another code."""


@dataclass(frozen=True, slots=True, repr=False)
class _User:
    """Our slot on a scale; without a speaking repr, for its code's sake."""

    index: int
    code: int


class Consent:
    """The consent of one connection."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        point = talk.link.find(_POINT, SERVICE)
        self._questions = None if point is None else Questions(talk.link, point)

    @property
    def is_wanted(self) -> bool:
        """Whether this device asks for consent at all."""
        return self._questions is not None

    async def give(self) -> None:
        """Be a user of the device; tells of a trouble if it will not have us.

        Raises
        ------
        OutboxError
            If our slot could not be written down; it was not used.
        """
        if self._questions is None:
            return
        try:
            await self._questions.open()
            refusal = await self._consented(self._questions)
        except (BleakGATTProtocolError, ProfileError) as error:
            refusal = str(error)
        self._tell(refusal)
        if refusal is None:
            await self._note_version()

    async def _consented(self, questions: Questions) -> str | None:
        """Consent with the slot we have, else with a new one; gives why that was refused."""
        user = self._known()
        if user is not None:
            answer = await self._ask(questions, UserControl.consent(user.index, user.code))
            if answer.is_success:
                return None
            if answer.outcome not in _NOT_OURS:
                return _said(answer)
            await self._say_forgotten(questions, user)
        return await self._registered(questions)

    async def _registered(self, questions: Questions) -> str | None:
        code = secrets.randbelow(MOST_CONSENT + 1)
        answer = await self._ask(questions, UserControl.register(code))
        if answer.user is None:
            return _said(answer)
        user = _User(answer.user, code)
        self._keep(user)
        _LOG.info("%s: registered as its user %d", self._talk.device.address, user.index)
        answer = await self._ask(questions, UserControl.consent(user.index, user.code))
        return None if answer.is_success else _said(answer)

    async def _say_forgotten(self, questions: Questions, user: _User) -> None:
        listed = await self._ask(questions, UserControl.list_all_users())
        count = str(listed.parameter[0]) if listed.is_success and listed.parameter else "?"
        _LOG.warning(
            "%s no longer knows its user %d (users on it: %s), as after a change of battery; "
            "registering anew",
            self._talk.device.address,
            user.index,
            count,
        )

    async def _ask(self, questions: Questions, request: UserControl) -> UserControlResponse:
        answer = UserControlResponse.from_bytes(await questions.ask(bytes(request)))
        if answer.request != request.opcode:
            raise ProfileError(
                f"user control: expected the answer to {request.opcode:#04x}, found that to "
                f"{answer.request:#04x}; the device is asked again the next time"
            )
        return answer

    async def _note_version(self) -> None:
        """Say when somebody changed the user's data on the scale; ours to read, never to write."""
        characteristic = self._talk.link.find(_INCREMENT, SERVICE)
        payload = None if characteristic is None else await self._talk.link.read(characteristic)
        if payload is None:
            return
        try:
            version = str(ChangeIncrement.from_bytes(payload).number)
        except ProfileError as error:
            _LOG.info("%s: %s", self._talk.device.address, error)
            return
        notes, address = self._talk.home.notes, self._talk.device.address
        before = notes.read(address, _TOPIC_INCREMENT)
        if before not in (None, version):
            _LOG.info("%s: its user's data were changed on the device", address)
        notes.write(address, _TOPIC_INCREMENT, version)

    def _tell(self, refusal: str | None) -> None:
        if refusal is None:
            self._talk.over(TroubleCode.CONSENT_REFUSED)
        else:
            _LOG.warning("%s refuses us as its user: %s", self._talk.device.address, refusal)
            self._talk.trouble(TroubleCode.CONSENT_REFUSED, refusal)

    def _known(self) -> _User | None:
        text = self._talk.home.notes.read(self._talk.device.address, CONSENT)
        if text is None:
            return None
        try:
            note = json.loads(text)
            return _User(int(note["index"]), int(note["code"]))
        except (ValueError, KeyError, TypeError):
            _LOG.error(
                "%s: the note of our user on it cannot be read; registering anew",
                self._talk.device.address,
            )
            return None

    def _keep(self, user: _User) -> None:
        note = json.dumps({"index": user.index, "code": user.code})
        self._talk.home.notes.write(self._talk.device.address, CONSENT, note)


def _said(answer: UserControlResponse) -> str:
    asked = next((item.name for item in OpCode if item == answer.request), hex(answer.request))
    said = next((item.name for item in Outcome if item == answer.outcome), hex(answer.outcome))
    words = {
        Outcome.OPERATION_FAILED: "the scale could not, as when all its user slots are taken; "
        "delete a user on it, or take its batteries out for a minute",
        Outcome.USER_NOT_AUTHORISED: "the scale does not know us",
    }
    why = next((text for outcome, text in words.items() if outcome == answer.outcome), said)
    return f"{asked.lower().replace('_', ' ')}: {why}"
