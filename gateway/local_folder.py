"""A folder into which a program drops spirometry documents: each is taken once, and moved.

Owns the folder. Must not know what a document says. For software that can write a file and
nothing else.

Invariants
----------
1. A file is moved only after its readings are committed, or refused for good: into ``taken`` or
   ``refused``, there with the reasons beside it. What could not be kept stays and is tried again.
2. A file that is still being written is left alone until it has been still for a moment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError, OutboxCorruptError
from gateway.local_intake import Answer
from gateway.spirometry_document import LIMIT_BYTES

_LOG = logging.getLogger(__name__)

EVERY_S: Final = 2.0
STILL_S: Final = 2.0
"""How long a file must not have changed: a program that writes in pieces does so faster."""


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
        """Take every file that is complete; give how many were moved."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [file for file in sorted(self._folder.glob("*.json")) if _is_still(file, now_s)]
        for file in files:
            with file.open("rb") as opened:
                answer = self._take(opened.read(LIMIT_BYTES + 1))
            self._move(file, answer)
        return len(files)

    def _move(self, file: Path, answer: Answer) -> None:
        is_refused = answer.status >= HTTPStatus.BAD_REQUEST
        place = self._folder / ("refused" if is_refused else "taken")
        place.mkdir(mode=0o700, exist_ok=True)
        target = _free(place / file.name)
        if is_refused:
            # Programs name files after patients; a log does not.
            _LOG.warning("a file in the drop folder is refused; the reasons lie beside it")
        text = json.dumps(answer.content, ensure_ascii=False, indent=2)
        target.with_suffix(".answer.txt").write_text(text + "\n", encoding="utf-8")
        file.rename(target)


def _is_still(file: Path, now_s: float) -> bool:
    found = file.lstat()
    # Not through a link: the gateway may read files that the writer of the link may not.
    return file.is_file() and not file.is_symlink() and now_s - found.st_mtime >= STILL_S


def _free(path: Path) -> Path:
    """Give `path`, or the first name like it that is free: names may come again."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
