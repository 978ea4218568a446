"""Notes about single devices that must survive a restart: consent codes, batteries, memories.

Owns one small JSON file beside the outbox. Touches the disk. Must not know what the notes mean.

Invariants
----------
1. What `write` was told is on disk when it returns: a new file, synced, takes the old one's name.
2. A file that cannot be read is moved aside and said so, and the notes begin anew: every note
   can be made again, at the price of a scale's new user slot or a record that is sent twice.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gateway.errors import OutboxError

_LOG = logging.getLogger(__name__)

CONSENT: Final = "consent"
"""The topic of what a scale with users knows us by; a backup carries it along."""

_WRITTEN: Final = TypeAdapter(dict[str, dict[str, str]])


class DeviceNotes:
    """Texts by a device's address and a topic.

    Parameters
    ----------
    path
        The file; None keeps the notes in memory, for tests.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._notes = {} if path is None else _read(path)

    def read(self, address: str, topic: str) -> str | None:
        """Give a note, if there is one."""
        return self._notes.get(address.upper(), {}).get(topic)

    def about(self, topic: str) -> dict[str, str]:
        """Give every device's note of a topic, by address."""
        return {name: notes[topic] for name, notes in self._notes.items() if topic in notes}

    def write(self, address: str, topic: str, text: str | None) -> None:
        """Keep a note, or with None remove it; on disk when this returns.

        Raises
        ------
        OutboxError
            If it could not be written; the old notes stand.
        """
        if self.read(address, topic) == text:
            return
        notes = {key: dict(value) for key, value in self._notes.items()}
        of_device = notes.setdefault(address.upper(), {})
        if text is None:
            of_device.pop(topic, None)
        else:
            of_device[topic] = text
        if self._path is not None:
            _replace(self._path, notes)
        self._notes = notes


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        return _WRITTEN.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutboxError(
            f"expected to read the notes about devices in {path.name!r}: {error}; check the folder"
        ) from error
    except ValidationError as error:
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        _LOG.error(
            "the notes about devices cannot be read (%s); they are kept as %s and begun anew. "
            "Scales that need consent will register anew",
            error.errors(include_url=False, include_input=False)[0]["msg"],
            aside.name,
        )
        return {}


def _replace(path: Path, notes: Mapping[str, Mapping[str, str]]) -> None:
    new = path.with_name(path.name + ".new")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(notes, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise OutboxError(
            f"cannot write the notes about devices: {error}; nothing was changed"
        ) from error
