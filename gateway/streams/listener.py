"""A stream of one oximeter, however it comes: frames in, at most one reading for a finger out.

Owns putting together frames, decoder and rule for a connection. Must not know radios or disks:
whoever feeds it keeps what comes out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import ProfileError
from gateway.profiles.measurement import Measurement
from gateway.streams.frames import Frames, SyncFrames
from gateway.streams.moments import Heard, Thinned, moment_of, picked
from gateway.streams.steady import Steady

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamKind:
    """How a family streams.

    Parameters
    ----------
    frame_bytes
        Size of its frames where they run into each other; None if each value is one.
    vouches
        Whether it marks moments of high quality.
    tells_finger
        Whether each moment says if a finger is in.
    """

    kind: type[Measurement]
    frame_bytes: int | None = None
    vouches: bool = False
    tells_finger: bool = False

    def rule(self) -> Steady[Heard]:
        """Give a new rule for a device of this family."""
        return Steady(waits_for_vouched=self.vouches)


class StreamListener:
    """The stream of one connection; the rule lives longer.

    Parameters
    ----------
    name
        Who streams, for the log.
    """

    def __init__(self, kind: StreamKind, rule: Steady[Heard], name: str) -> None:
        self._kind = kind
        self._rule = rule
        self._name = name
        self._frames: Frames | None = (
            None if kind.frame_bytes is None else SyncFrames(kind.frame_bytes)
        )
        self._thinned = Thinned()
        self._has_complained = False
        self.on_finger_s: float | None = None

    def fed(self, chunk: bytes, at: datetime, at_s: float) -> tuple[Heard, ...]:
        """Take bytes in that were heard at `at`; gives what is now a reading.

        Parameters
        ----------
        at_s
            The same moment by a clock that never jumps, in seconds.
        """
        frames = (chunk,) if self._frames is None else self._frames.fed(chunk)
        return tuple(item for one in frames for item in self._decoded(one, at, at_s))

    def _decoded(self, frame: bytes, at: datetime, at_s: float) -> tuple[Heard, ...]:
        try:
            measurement = self._kind.kind.from_bytes(frame)
        except ProfileError as error:
            if not self._has_complained:  # once a connection: they come a hundred times a second
                _LOG.warning("%s streams what cannot be read: %s", self._name, error)
                self._has_complained = True
            return ()
        heard = (measurement, frame, at)
        moment = moment_of(heard, at_s, tells_finger=self._kind.tells_finger)
        if moment.is_on_finger:
            self.on_finger_s = at_s
        if not self._thinned.passes(moment):
            return ()
        return tuple(map(picked, self._rule.fed(moment)))

    def ended(self) -> tuple[Heard, ...]:
        """Take in that the connection is over; gives what is now a reading."""
        return tuple(map(picked, self._rule.ended()))
