"""The radio's condition as the gateway knows it: what is done about it, and who is told.

Owns the ladder's state, its record over restarts, and the words. Must not do the remedies
themselves; `gateway.listening.reader` does.

Invariants
----------
1. The server hears of every change: listening, talking, unavailable, blind.
2. The same trouble is logged once at its beginning and then at intervals.
3. The count of restarts is on disk before the process ends for one; without a supervisor the
   process never ends.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, Protocol

from gateway.listening.ladder import Fault, Ladder, Proof, Rung
from telekol.errors import TelekolError
from telekol.health import RadioState

_LOG = logging.getLogger(__name__)

COMPLAIN_EVERY_S: Final = 600.0
"""How often the same trouble with the radio is said again; a home may be without it for days."""
RESTART_STATUS: Final = 75
"""The process's exit status when it wants to be started again: EX_TEMPFAIL of sysexits.h."""
_FORGOTTEN_AFTER_S: Final = 86400.0
"""Restarts of an older trouble do not count: since then the home has been without power, or the
file was left behind."""


@unique
class DeviceTrouble(StrEnum):
    """What is wrong between us and a device, so that a person has to do something."""

    BOND_LOST = "bond-lost"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


class RestartWantedError(TelekolError):
    """The radio is to be tried by a new process."""


class Report(Protocol):
    """Who is told."""

    def radio_is(self, state: RadioState) -> None:
        """Take in the state of the radio; called again and again with the same."""
        ...

    def radio_fails(self, detail: str, *, is_blind: bool) -> None:
        """Take in that the radio is of no use, in words for a support person."""
        ...

    def radio_works(self) -> None:
        """Take in that it hears again."""
        ...

    def device_fails(self, address: str, trouble: DeviceTrouble, detail: str) -> None:
        """Take in that somebody has to see to a device."""
        ...

    def device_works(self, address: str) -> None:
        """Take in that a device was talked to."""
        ...


class NobodyTold:
    """A report that nobody reads."""

    def radio_is(self, state: RadioState) -> None:
        """Tell nobody."""

    def radio_fails(self, detail: str, *, is_blind: bool) -> None:
        """Tell nobody."""

    def radio_works(self) -> None:
        """Tell nobody."""

    def device_fails(self, address: str, trouble: DeviceTrouble, detail: str) -> None:
        """Tell nobody."""

    def device_works(self, address: str) -> None:
        """Tell nobody."""


class RestartRecord:
    """How often and since when the process was restarted for its radio; a small file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, now: datetime) -> tuple[int, float]:
        """Give the restarts of the present trouble and for how many seconds it has lasted."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            restarts, since = int(found["restarts"]), datetime.fromisoformat(found["since"])
            lasted_s = (now - since).total_seconds()
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0.0
        # A gateway without a battery-backed clock may have begun in its own past.
        return (restarts, max(0.0, lasted_s)) if lasted_s < _FORGOTTEN_AFTER_S else (0, 0.0)

    def save(self, restarts: int, since: datetime) -> bool:
        """Write it down; say whether that worked."""
        text = json.dumps({"restarts": restarts, "since": since.isoformat()})
        try:
            self._path.write_text(text, encoding="utf-8")
        except OSError as error:
            _LOG.error("the restart cannot be written down, so it is left out: %s", error)
            return False
        return True

    def clear(self) -> None:
        """Forget them: the trouble is over."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class Recovery:
    """Keeps the ladder and tells of it.

    Parameters
    ----------
    record
        Where restarts are written down; absent: the process is never restarted, because nobody
        would start it again.
    now
        Gives the time, aware.
    now_s
        Gives a time that never jumps, in seconds.
    """

    def __init__(
        self,
        report: Report | None = None,
        record: RestartRecord | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.report = report or NobodyTold()
        self._record = record
        self._now = now
        self._now_s = now_s
        self._complaint: tuple[str, float] = ("", float("-inf"))
        self._heard = False
        self.ladder = Ladder(may_restart=record is not None)
        if record is not None:
            restarts, lasted_s = record.load(now())
            if restarts:
                self.ladder = Ladder.after_restart(restarts, lasted_s, now_s())

    def heard_since_last_asked(self) -> bool:
        """Say whether anything was heard since this was asked last."""
        heard, self._heard = self._heard, False
        return heard

    def listening(self) -> None:
        """Take in that the radio has begun to look for devices."""
        if not self.ladder.is_blind:
            self.report.radio_is(RadioState.LISTENING)

    def saw(self, proof: Proof) -> None:
        """Take in what speaks for the radio."""
        self._heard = self._heard or proof is not Proof.ANSWERED
        before = self.ladder
        self.ladder = before.saw(proof, self._now_s())
        if before.is_troubled and not self.ladder.is_troubled:
            self._tell_that_it_works()
        if proof is Proof.CONNECTED:
            self.report.radio_is(RadioState.TALKING)

    def met(self, fault: Fault, why: str, unforeseen: BaseException | None = None) -> Ladder:
        """Take in a fault; the ladder's `rung` is to be done after its `wait_s`.

        Raises
        ------
        RestartWantedError
            If the process shall end, to be started again.
        """
        self.ladder = self.ladder.met(fault, self._now_s())
        self._complain(why, unforeseen)
        self._tell(fault, why)
        if self.ladder.rung is Rung.RESTART:
            self._restart(why)
        return self.ladder

    def _tell(self, fault: Fault, why: str) -> None:
        if self.ladder.is_blind:
            self.report.radio_is(RadioState.BLIND)
            self.report.radio_fails(self._words(why), is_blind=True)
        elif fault is not Fault.STUCK:
            self.report.radio_is(RadioState.UNAVAILABLE)
            # What a second try mends is nobody's work.
            if self.ladder.rung > Rung.RETRY:
                self.report.radio_fails(self._words(why), is_blind=False)

    def _restart(self, why: str) -> None:
        lasted = timedelta(seconds=self.ladder.last_s - self.ladder.since_s)
        if self._record is not None and self._record.save(
            self.ladder.restarts, self._now() - lasted
        ):
            raise RestartWantedError(
                f"Expected the radio to come back, found that it does not ({why}). The gateway "
                f"ends with status {RESTART_STATUS}, to be started again by its supervisor."
            )

    def _tell_that_it_works(self) -> None:
        _LOG.info("the radio works again")
        self._complaint = ("", float("-inf"))
        if self._record is not None:
            self._record.clear()
        self.report.radio_works()
        self.report.radio_is(RadioState.LISTENING)

    def _complain(self, why: str, unforeseen: BaseException | None) -> None:
        """Say that the radio cannot be used: what is new at once, the same at intervals."""
        now_s = self._now_s()
        before, said_s = self._complaint
        if why == before and now_s - said_s < COMPLAIN_EVERY_S:
            _LOG.debug("the radio cannot be used: %s; %s", why, self.ladder.rung.name)
            return
        self._complaint = (why, now_s)
        _LOG.warning("the radio cannot be used: %s; trying again", why, exc_info=unforeseen)

    def _words(self, why: str) -> str:
        """Say what was tried before what was found: the health message cuts long texts."""
        tried = self.ladder.rung.name.lower().replace("_", "-")
        restarts = f", {self.ladder.restarts} restarts" if self.ladder.restarts else ""
        return f"tried up to {tried}{restarts}; again in {self.ladder.wait_s:g} s: {why}"
