"""Fans the database's notifications out to every open board.

Owns the subscribers and their queues. Pure asyncio: it knows no database and no HTTP, and is
used from one event loop only.

Invariants
----------
1. Publishing never waits: a browser that reads slowly costs its own queue, which is bounded,
   and nobody else anything.
2. A subscriber that missed something is told so (`RELOAD`), it is never left believing that
   it is up to date.
3. Every subscriber knows whether the database is being listened to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

QUEUE_LENGTH: Final = 256
"""Messages one browser may lag behind. A message is about 300 bytes, so 80 kB a browser."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a browser: the event's name and its data, JSON as text."""

    event: str
    data: str


RELOAD: Final = Message("reload", "{}")
"""Something may have been missed: fetch the page's content again."""
LIVE: Final = Message("live", '{"listening":true}')
BLIND: Final = Message("live", '{"listening":false}')
"""We hear nothing from the database just now."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """One open stream. `get` gives None when the stream should end."""

    _queue: asyncio.Queue[Message | None] = field(
        default_factory=lambda: asyncio.Queue(QUEUE_LENGTH)
    )

    async def get(self) -> Message | None:
        """Wait for the next message."""
        return await self._queue.get()

    def offer(self, message: Message) -> None:
        """Queue a message; if there is no room, forget all of them and ask for a reload."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self._forget_all()
            self._queue.put_nowait(RELOAD)
            if message.event == "live":
                self._queue.put_nowait(message)

    def end(self) -> None:
        """Let the stream end."""
        self._forget_all()
        self._queue.put_nowait(None)

    def _forget_all(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()


class Hub:
    """The subscribers of one process."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._listening = False
        self._closed = False

    @property
    def listening(self) -> bool:
        """Whether the database's notifications arrive just now."""
        return self._listening

    def __len__(self) -> int:
        return len(self._subscribers)

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        """Join; the first message says whether we are listening."""
        subscriber = Subscriber()
        subscriber.offer(LIVE if self._listening else BLIND)
        if self._closed:
            subscriber.end()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    def publish(self, message: Message) -> None:
        """Send to all."""
        for subscriber in self._subscribers:
            subscriber.offer(message)

    def set_listening(self, *, listening: bool) -> None:
        """Tell everybody of a change; after a silence they also load again."""
        if listening == self._listening:
            return
        self._listening = listening
        self.publish(LIVE if listening else BLIND)
        if listening:
            self.publish(RELOAD)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.end()
