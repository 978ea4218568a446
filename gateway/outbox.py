"""The outbox: every reading, from the device's indication to the server's receipt.

Owns the rows, their sequence numbers and when one is released. Must not know devices or MQTT.
Used from one thread.

Invariants
----------
1. `put` returns after the readings are on disk, all of them or none.
2. Sequence numbers of one life of the outbox are consecutive and never used twice.
3. A row is released by the receipt for a message of the same life that held it and that this
   process has published since the row last began to wait, and by nothing else. Released rows
   stay as history for thirty days, so that a server restored from an old backup can be healed.
4. A number means one reading for ever: what waits again because the server asked keeps the life
   (`boot`) and number it had. What was never released belongs to the present life.
5. A file that was removed or replaced while it was open takes no reading any more: what a
   device was told is kept can be found by the next start.
6. What is given up (`gateway.outbox_room`) or cannot be read any more is told to the server
   (`gateway.outbox_gaps`).

What else changes with it: `gateway.outbox_schema`, telekol.wire (what a receipt says).
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from gateway.clock_notes import ClockNotes
from gateway.errors import DiskFullError, OutboxFullError
from gateway.outbox_file import OutboxFile
from gateway.outbox_gaps import Gaps
from gateway.outbox_place import leftovers
from gateway.outbox_room import DEFAULT_LIMIT_BYTES, SMALL_BATCH, GivenUp, RoomKeeper
from gateway.outbox_rows import Kept, OutboxState, Room, Row, believed
from gateway.outbox_table import RowTable
from telekol.observation import Observation
from telekol.wire import Abandoned, Receipt

__all__ = ["Kept", "Outbox", "OutboxState", "Room", "Row"]

_LOG = logging.getLogger(__name__)

HISTORY: Final = timedelta(days=30)
"""How long a released row is kept: promise 1 of the architecture."""


class Outbox:
    """Readings on disk, waiting for their receipts.

    Parameters
    ----------
    limit_bytes
        Most bytes of pages in use; see `gateway.outbox_room` for what is given up then.

    Attributes
    ----------
    on_released
        Called after a receipt has released rows: a conversation that waits to erase a device's
        memory asks `released` then.
    on_room
        Called with the new `Room` when it changes.
    """

    def __init__(self, file: OutboxFile, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.file = file
        self.on_released: Callable[[], None] | None = None
        self.on_room: Callable[[Room], None] | None = None
        self._db = file.db
        self._gaps = Gaps(file)
        self._rows = RowTable(file, self._gaps)
        self._keeper = RoomKeeper(file, self._gaps, limit_bytes)
        self._published: dict[str, set[int]] = defaultdict(set)
        self._room = Room.PLENTY
        self._damaged_files = len(leftovers(file.path))
        self._boot, self._last_seq, self._waiting, self._history = "", 0, 0, 0
        self._recall()
        file.on_rollback(self._recall)

    @classmethod
    def open(cls, path: Path, now: datetime, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> Outbox:
        """Open the outbox at `path`; see `gateway.outbox_file.OutboxFile.open`."""
        return cls(OutboxFile.open(path, now), limit_bytes)

    @property
    def boot(self) -> UUID:
        """Names this life of the outbox."""
        return UUID(self._boot)

    @property
    def last_seq(self) -> int:
        """The highest sequence number given in this life, 0 for none."""
        return int(self._last_seq)

    def put(self, observations: Sequence[Observation]) -> Kept:
        """Keep readings; when this returns, those that are new are on disk.

        Raises
        ------
        OutboxFullError
            If the size limit is reached and nothing may be given up.
        DiskFullError
            If the disk has no room, not even after history was given up.
        OutboxError
            If they could not be written. In every case none of them was.
        OutboxGoneError
            If the file is no longer in its place. The readings may be in what was rescued of
            it; when the device gives them again they are known.
        """
        if not observations:
            return Kept()
        try:
            return self._put_with_remedies(observations)
        except OutboxFullError:
            self._say_room(Room.FULL)
            raise
        except DiskFullError:
            self._say_room(Room.DISK_FULL)
            raise

    def _put_with_remedies(self, observations: Sequence[Observation]) -> Kept:
        """On a full disk, write over the log; then over the oldest history; then give up."""
        for remedy in (self.file.reuse_log, self._trade_history_for_room):
            try:
                return self._put(observations)
            except DiskFullError:
                with contextlib.suppress(DiskFullError):
                    remedy()
        return self._put(observations)

    def _put(self, observations: Sequence[Observation]) -> Kept:
        arrived = max(item.received_at for item in observations)
        with self.file.transaction():
            found = self._rows.sort(observations)
            gone = self._keeper.make(arrived) if found.news else GivenUp()
            for row in found.spoilt:
                self._rows.set_aside(row, arrived)
            seqs = tuple(range(self._last_seq + 1, self._last_seq + 1 + len(found.news)))
            self._rows.insert(self._boot, seqs, found.news)
        self._last_seq += len(seqs)
        self._take_in(gone, news=len(seqs), is_changed=bool(found.spoilt))
        return Kept(seqs, found.news, found.repeated, found.clashes)

    def pending(self, limit: int) -> tuple[Row, ...]:
        """List the oldest `limit` waiting rows and the newest `limit`, in order.

        What the server asked for from earlier lives is older than what this life holds.
        """
        return self._rows.pending(self._boot, limit)

    def read(
        self, first: int, last: int, now: datetime, boot: UUID | None = None
    ) -> tuple[Observation, ...]:
        """Read the waiting observations from `first`, as far as they are consecutive.

        A row that is not what was written is set aside with the reason, so that it never holds
        back its neighbours; the server is told that its number will not come.

        Parameters
        ----------
        boot
            The life they belong to, the present one when left out.
        """
        life = self._boot if boot is None else str(boot)
        rows = self._rows.waiting(life, first, last)
        run: list[Observation] = []
        for expected, row in enumerate(rows, start=first):
            observation = self._parse(row, now) if row[1] == expected else None
            if observation is None:
                break
            run.append(observation)
        return tuple(run)

    def published(self, first: int, last: int, boot: UUID | None = None) -> None:
        """Note that a message with these rows is on its way: a receipt may release them."""
        life = self._boot if boot is None else str(boot)
        self._published[life].update(range(first, last + 1))

    def reports(self, now: datetime) -> tuple[Abandoned, ...] | None:
        """Give what the next message has to tell of numbers that will never come."""
        return self._gaps.reports(now)

    def told(self, boot: UUID, first: int, reports: Iterable[Abandoned], now: datetime) -> None:
        """Note that the message that begins with this number carries `reports`."""
        self._gaps.told(boot, first, reports, now)

    def settle(self, receipt: Receipt, now: datetime) -> int:
        """Release what the server has stored or refused; give how many rows that were.

        Only the run that is answered is released. `through` may count numbers that the server
        settled for other readings: when this file is an older state of itself, that cannot be
        seen before its numbers have passed the old ones. For the same reason a receipt that
        waited in the broker for an earlier process releases nothing; the rows are sent again.

        A receipt for numbers of the present life that were never given means that this file is
        an older state of itself (a restored card, a disk that lied about a commit): a new life
        begins, since the numbers to come are already taken.
        """
        life = str(receipt.boot)
        if life == self._boot and max(receipt.through, receipt.last) > self._last_seq:
            self._begin_new_life(receipt)
            return 0
        if life != self._boot and not self._published.get(life):
            _LOG.info("a receipt of another life of the outbox is ignored: %s", receipt.boot)
            return 0
        released = self._release(life, receipt, now)
        self._gaps.answered(receipt.boot, receipt.first)
        if released and self.on_released is not None:
            self.on_released()
        return released

    def send_again(self, boot: UUID, first: int, last: int | None, now: datetime) -> int:
        """Let rows of history wait again, under the life and numbers the server knows.

        Rows that wait already are left. Give how many rows wait again; what is no longer here is
        logged, and the server keeps its gap: nobody else has it.

        Parameters
        ----------
        boot
            The life the server asks about; need not be the present one.
        last
            The last number asked for, None for all there are.
        """
        life, count, at = str(boot), 0, first - 1
        while True:
            with self.file.transaction():
                seqs = self._rows.ask_again(life, at, last, now)
            if not seqs:
                break
            count, at = count + len(seqs), seqs[-1]
            self._waiting, self._history = self._waiting + len(seqs), self._history - len(seqs)
        self._rows.say_what_is_gone(life, first, last, count)
        return count

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Say which of these readings the server has, by its receipt.

        A device may erase what is in the answer. What was given up, was forgotten from history
        or waits again is not in it.
        """
        return self._rows.released(ids)

    def prune(self, now: datetime) -> int:
        """Forget rows released more than thirty days ago, and keep to the limit; give how many."""
        with self.file.transaction():
            ClockNotes(self.file).forget(now)
            self._gaps.forget(now - HISTORY)
        old = 0
        while gone := self._forget(now - HISTORY):
            old += gone
        return old + self._keep_to_limit(now)

    def redate(
        self, first: int, last: int, change: Callable[[Observation], Observation | None]
    ) -> int:
        """Let `change` correct readings that were never on their way; give how many it did.

        A reading keeps its id and its number. One that cannot be corrected stays as it is.
        """
        count = 0
        with self.file.transaction():
            for row in self._rows.unsent(self._boot, first, last):
                if row[1] not in self._published[self._boot]:
                    count += self._rows.corrected(row, change)
        return count

    def state(self, now: datetime) -> OutboxState:
        """Say how it stands; costs the same whatever waits."""
        return OutboxState(
            depth=self._waiting,
            oldest_age=self.oldest_age(now),
            history=self._history,
            size_bytes=self._keeper.used_bytes(),
            limit_bytes=self._keeper.limit_bytes,
            last_seq=self.last_seq,
            abandoned=self._gaps.count,
            room=self._room,
            damaged_files=self._damaged_files,
        )

    def depth(self) -> int:
        """Give the number of waiting rows."""
        return self._waiting

    def oldest_age(self, now: datetime) -> timedelta | None:
        """Say how long the oldest waiting row has waited; None if none waits."""
        since = self._rows.waits_since()
        return None if since is None else now - since

    def close(self) -> None:
        """Close the file and let another process have it."""
        self.file.close()

    def _recall(self) -> None:
        """Read what is kept in memory: at the start, and when a shared transaction was undone."""
        self._boot, self._last_seq = self._rows.life()
        self._waiting, self._history = self._rows.counted()
        self._gaps.recount()

    def _parse(self, row: Any, now: datetime) -> Observation | None:
        try:
            return believed(row)
        except ValueError as error:
            _LOG.error("row %d is set aside: %s", row[1], error)
        with self.file.transaction():
            self._rows.set_aside(row, now)
        self._take_in(GivenUp(), is_changed=True)
        return None

    def _release(self, life: str, receipt: Receipt, now: datetime) -> int:
        published = self._published[life]
        answered = {seq for seq in published if receipt.first <= seq <= receipt.last}
        with self.file.transaction():
            released = self._rows.release(life, answered, receipt, now)
        published -= answered
        self._waiting, self._history = self._waiting - released, self._history + released
        self._say_room(self._standing())
        return released

    def _begin_new_life(self, receipt: Receipt) -> None:
        """Give what was never released new numbers; what was asked for again keeps its own."""
        boot = str(uuid4())
        with self.file.transaction():
            waiting = self._rows.move(self._boot, boot)
        _LOG.error(
            "the server has readings up to %d of this outbox, which has given %d numbers: the "
            "file is an older state of itself. A new life begins; %d waiting readings go along",
            max(receipt.through, receipt.last),
            self._last_seq,
            waiting,
        )
        self._boot, self._last_seq = boot, waiting
        self._published.clear()

    def _trade_history_for_room(self) -> None:
        """Free pages in the file when the disk has none; needs a disk that takes a deletion."""
        with self.file.transaction():
            gone = self._keeper.drop_history(SMALL_BATCH)
        self._history -= gone  # whether there is room now, the next try says
        if gone:
            _LOG.warning("the disk is full: %d rows of history were given up", gone)

    def _forget(self, before: datetime) -> int:
        with self.file.transaction():
            gone = self._rows.forget(before)
        self._history -= gone
        return gone

    def _keep_to_limit(self, now: datetime) -> int:
        """Make room as `put` does, so that a lowered limit holds; give how much history went."""
        try:
            with self.file.transaction():
                gone = self._keeper.make(now)
        except OutboxFullError:
            self._say_room(Room.FULL)
            return 0
        self._take_in(gone)
        return gone.history

    def _take_in(self, gone: GivenUp, *, news: int = 0, is_changed: bool = False) -> None:
        """Count what a transaction did, now that it is on disk."""
        self._waiting += news - gone.waiting
        self._history -= gone.history
        if is_changed:
            self._waiting, self._history = self._rows.counted()
        if is_changed or gone.waiting:
            self._gaps.recount()
        if gone.waiting:
            _LOG.error("the outbox is full: %d waiting readings were given up", gone.waiting)
        self._say_room(Room.GIVING_UP if gone.waiting else self._standing())

    def _standing(self) -> Room:
        standing = self._keeper.standing(self._waiting, self._history)
        # Making room is done in batches; between two of them the trouble is not over.
        is_over = standing is Room.PLENTY or self._room is not Room.GIVING_UP
        return standing if is_over else Room.GIVING_UP

    def _say_room(self, room: Room) -> None:
        if room is self._room:
            return
        self._room = room
        _LOG.log(logging.INFO if room is Room.PLENTY else logging.ERROR, "outbox: %s", room)
        if self.on_room is not None:
            self.on_room(room)
