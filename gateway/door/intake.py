"""The intake for what is handed in at home: spirometry documents and typed readings.

Owns what is answered. Must not know HTTP, sockets or a command line.

Invariants
----------
1. An answer that says kept or known is given after the commit. Before it nothing was promised.
2. What was handed in before is answered as known, and is one reading.
3. What cannot be taken is refused with what was expected and found, and spoils no neighbour.
4. No value is logged.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from http import HTTPStatus
from typing import Any

from gateway.condition import Condition
from gateway.door.observations import observe_session, observe_typed
from gateway.door.spirometry import judge
from gateway.door.spirometry_document import read_document
from gateway.door.spirometry_store import SpirometryStore
from gateway.door.typed import TypedTrouble, read_typed
from gateway.errors import DocumentError, TimeUnknownError, Trouble
from gateway.keeping.outbox import Outbox
from telekol import __version__
from telekol.health import Trouble as HealthTrouble
from telekol.observation import Observation
from telekol.troubles import words

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, as a status of HTTP and the content of a JSON object."""

    status: HTTPStatus
    content: dict[str, Any]

    def as_json(self, indent: int | None = None) -> bytes:
        """Write the content; what somebody sent and no text can hold is written as an escape."""
        text = json.dumps(self.content, ensure_ascii=False, indent=indent)
        return text.encode(errors="backslashreplace")


class LocalIntake:
    """Takes what people and programs of the home hand in.

    Parameters
    ----------
    on_kept
        Called after new readings are on disk: wakes the uplink.
    now
        Gives the time, aware.
    condition
        The book of what is wrong at home.
    knows_time
        Says whether `now` can be trusted.
    """

    def __init__(
        self,
        gateway: str,
        outbox: Outbox,
        documents: SpirometryStore,
        *,
        zone: tzinfo,
        on_kept: Callable[[], None],
        now: Callable[[], datetime],
        condition: Condition,
        knows_time: Callable[[], bool],
    ) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._documents = documents
        self._zone = zone
        self._on_kept = on_kept
        self._now = now
        self._condition = condition
        self._knows_time = knows_time

    def take_spirometry(self, payload: bytes) -> Answer:
        """Keep a session: the document, and its readings.

        Raises
        ------
        OutboxError
            If it could not be written; then no reading was kept.
        TimeUnknownError
            If the gateway does not know the time yet; nothing was kept.
        """
        self._must_know_time()
        try:
            session = read_document(payload)
        except DocumentError as error:
            return _refused(error.troubles)
        now, digest = self._now(), hashlib.sha256(payload).hexdigest()
        result = judge(session)
        observations = observe_session(
            session,
            result,
            gateway=self._gateway,
            digest=digest,
            zone=self._zone,
            received_at=now,
        )
        self._documents.keep(payload, digest, now)
        for reason in result.held_back:
            _LOG.warning("a spirometry session, %s: %s", digest[:16], _without_values(reason))
        return self._keep(observations, "a spirometry session", result.held_back)

    def take_typed(self, payload: bytes) -> Answer:
        """Keep typed readings.

        Raises
        ------
        OutboxError
            If they could not be written; then none was kept.
        TimeUnknownError
            If the gateway does not know the time yet; nothing was kept.
        """
        self._must_know_time()
        now = self._now()
        try:
            typed = read_typed(payload, now, self._zone)
        except DocumentError as error:
            return _refused(error.troubles)
        observations = observe_typed(typed, gateway=self._gateway, received_at=now)
        return self._keep(observations, f"{typed.by} readings")

    def condition(self) -> Answer:
        """Say how the gateway is, in words a person at home or a technician understands."""
        now, snapshot = self._now(), self._condition.snapshot()
        state = self._outbox.state(now)
        age = state.oldest_age
        content = {
            "gateway": self._gateway,
            "version": __version__,
            "waiting": state.depth,
            "oldest_waits_s": None if age is None else round(age.total_seconds()),
            "radio": None if snapshot.radio is None else str(snapshot.radio.state),
            "clock_trusted": None if snapshot.clock is None else snapshot.clock.trusted,
            "troubles": [_told_trouble(one) for one in snapshot.troubles],
        }
        return Answer(HTTPStatus.OK, content)

    def _must_know_time(self) -> None:
        # A device would have forgotten its reading, so what comes by radio is held and dated later.
        # Here somebody is told, and still has it: a wrong date is worse than a second try.
        if not self._knows_time():
            raise TimeUnknownError(
                "the gateway does not know the time yet, as after a power cut without a line"
            )

    def _keep(
        self, observations: Sequence[Observation], what: str, held_back: Sequence[str] = ()
    ) -> Answer:
        kept = self._outbox.put(observations)
        if kept.news:
            _LOG.info("%s: %d new readings kept", what, len(kept.news))
            self._on_kept()
        content = {
            "kept": [_told(item) for item in kept.news],
            "known": kept.repeated,
            "held_back": list(held_back),
        }
        if kept.clashes:
            _LOG.warning("%s: %d readings are known otherwise", what, len(kept.clashes))
            return Answer(HTTPStatus.CONFLICT, {**content, "conflicts": _conflicts(kept.clashes)})
        return Answer(_status(bool(kept.news), bool(observations)), content)


def _status(is_new: bool, is_something: bool) -> HTTPStatus:
    if is_new:
        return HTTPStatus.CREATED
    # A session of bad blows alone: its document is kept, and the answer says why there is no value.
    return HTTPStatus.OK if is_something else HTTPStatus.ACCEPTED


def _told(item: Observation) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "value": item.value,
        "unit": item.unit,
        "measured_at": item.measured_at.isoformat(),
        "quality": list(item.quality),
    }


def _told_trouble(trouble: HealthTrouble) -> dict[str, Any]:
    told: dict[str, Any] = {
        "code": trouble.code,
        "device": trouble.device,
        "since": trouble.since.isoformat(),
        "detail": trouble.detail,
    }
    said = words(trouble.code)
    return told | {
        "danish": f"{said.danish} {said.danish_step}".strip(),
        "english": f"{said.english} {said.english_step}".strip(),
    }


def _conflicts(clashes: Sequence[Observation]) -> list[dict[str, str]]:
    return [
        {
            "field": item.quantity,
            "expected": "the value that is known under the same time or key",
            "found": "another one; a different measurement needs its own time or key",
            "danish": "Målingen findes allerede med et andet tal; indtast den som en ny måling",
            "english": "the reading is known with another number; enter it as a new one",
        }
        for item in clashes
    ]


def _refused(troubles: Sequence[Trouble]) -> Answer:
    errors = []
    for one in troubles:
        told = {"field": one.field, "expected": one.expected, "found": one.found}
        if isinstance(one, TypedTrouble):
            told |= {"danish": one.danish, "english": one.english}
        errors.append(told)
    return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, {"errors": errors})


def _without_values(reason: str) -> str:
    """Cut a reason down to which blow and which rule: a log holds no value."""
    return reason.partition(" of ")[0]
