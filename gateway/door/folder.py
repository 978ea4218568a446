"""A folder into which a program drops spirometry documents: each is taken once, and moved.

Owns the folder. Must not know what a document says. For software that can write a file and
nothing else.

Invariants
----------
1. A file is moved only after its readings are committed, or refused for good: into ``taken`` or
   ``refused``, there with the reasons beside it. What could not be kept stays and is tried again.
2. A file that is still being written is left alone until it has been still for a moment.
3. A file that cannot be read or moved is tried again and keeps no other back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from gateway.door.intake import Answer
from gateway.door.spirometry_document import LIMIT_BYTES
from gateway.errors import GatewayError, OutboxCorruptError

_LOG = logging.getLogger(__name__)

AT_ONCE: Final = 20
"""Files taken in one go, each two commits of some 10 ms on a card: the devices wait meanwhile."""

EVERY_S: Final = 2.0
STILL_S: Final = 2.0
"""How long a file must not have changed: a program that writes in pieces does so faster."""

_ANSWER: Final = ".answer.txt"
_STEM_MOST: Final = 220
"""Bytes of a name's stem; a file system takes 255 for all of it."""


class DropFolder:
    """Takes what lies in a folder.

    Parameters
    ----------
    take
        Takes the bytes of a document, and answers after the commit.
    """

    def __init__(self, folder: Path, take: Callable[[bytes], Answer]) -> None:
        self._folder = folder
        self._take = take
        self._said = False

    async def run(self) -> None:
        """Look again and again.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged or gone: only a new start helps.
        """
        while True:
            try:
                self.sweep(time.time())
                self._said = False
            except OutboxCorruptError:
                raise
            except (OSError, GatewayError) as error:
                if not self._said:
                    _LOG.error("the drop folder cannot be emptied: %s; it is tried again", error)
                self._said = True
            await asyncio.sleep(EVERY_S)

    def sweep(self, now_s: float) -> int:
        """Take files that are complete, AT_ONCE at most; give how many were moved.

        Raises
        ------
        OSError
            If a file could not be read or moved; the others were.
        GatewayError
            If nothing can be kept now.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moved, trouble = 0, None
        for file in sorted(self._folder.glob("*.json")):
            try:
                if _is_still(file, now_s):
                    self._move(file, self._take(_read(file)))
                    moved += 1
            except OSError as error:
                trouble = error
            if moved == AT_ONCE:
                break
        if trouble is not None:
            raise trouble
        return moved

    def _move(self, file: Path, answer: Answer) -> None:
        is_refused = answer.status >= HTTPStatus.BAD_REQUEST
        place = self._folder / ("refused" if is_refused else "taken")
        place.mkdir(mode=0o700, exist_ok=True)
        target = _free(place / file.name)
        if is_refused:
            # Programs name files after patients; a log does not.
            _LOG.warning("a file in the drop folder is refused; the reasons lie beside it")
        target.with_suffix(_ANSWER).write_bytes(answer.as_json(indent=2) + b"\n")
        file.rename(target)


def _read(file: Path) -> bytes:
    # Not through a link: the gateway may read files that the writer of the link may not. And not
    # waiting for what a pipe will say, should one have taken the file's place.
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as opened:
        return opened.read(LIMIT_BYTES + 1)


def _is_still(file: Path, now_s: float) -> bool:
    found = file.lstat()
    # Before or after: a gateway without a clock may have written it while it was ahead.
    return stat.S_ISREG(found.st_mode) and abs(now_s - found.st_mtime) >= STILL_S


def _free(path: Path) -> Path:
    """Give `path`, or the first name like it that is free: names may come again.

    Shortened to what leaves room for a number and for the name of the answer beside it.
    """
    stem = os.fsdecode(os.fsencode(path.stem)[:_STEM_MOST])
    number, free = 1, path.with_stem(stem)
    while free.exists():
        number += 1
        free = path.with_stem(f"{stem}-{number}")
    return free
