"""Ending asyncio tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any


async def stop(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` until each has ended.

    Once is not enough before Python 3.12: `asyncio.wait_for`, on which Bumble's commands wait,
    swallows a cancellation that comes together with its result.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.1)
