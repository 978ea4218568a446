"""Bumble's host, which sends HCI commands, made to wait for every answer.

Owns that a command once sent is waited for, whoever gives up on it. Must not know what the
commands do.

Bumble sends one command at a time, but when the task that waits for the answer is cancelled it
takes the next command at once. The late answer is then taken for the next one's: an
InvalidStateError, or an assertion that fails in whoever comes next. Our operations are cancelled
whenever a link ends under them; two that hang up one link are enough.

Invariants
----------
1. The next command is sent after the answer to the one before, or after its time is up.
2. `stop_waiting` leaves no task behind.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bumble import hci
from bumble.host import Host

from gateway.radio.tasks import stop

Command = hci.HCI_SyncCommand[Any] | hci.HCI_AsyncCommand
Answer = hci.HCI_Command_Complete_Event[Any] | hci.HCI_Command_Status_Event


class PatientHost(Host):
    """A host whose commands outlive the tasks that sent them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._commands: set[asyncio.Task[Answer]] = set()
        super().__init__(*args, **kwargs)

    async def _send_command(
        self, command: Command, response_timeout: float | None = None
    ) -> Answer:
        task = asyncio.create_task(super()._send_command(command, response_timeout))
        self._commands.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def stop_waiting(self) -> None:
        """Give up on every answer: the controller is gone."""
        await stop(*self._commands)

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._commands.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain if nobody waits
