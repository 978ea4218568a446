"""Waiting on Bumble: its errors become bleak's, and nothing is waited for after its end.

Owns the translation of errors and the end of operations. Must not know adapters or devices.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from bleak.exc import BleakError, BleakGATTProtocolError
from bumble import att
from bumble.core import BaseBumbleError
from bumble.transport.common import TransportLostError

from gateway.radio.errors import LinkEndedError
from gateway.radio.tasks import stop

_T = TypeVar("_T")


@contextlib.contextmanager
def bleak_errors(subject: str) -> Iterator[None]:
    """Turn Bumble's errors into bleak's; `subject` says whose they are."""
    try:
        yield
    except TransportLostError as error:
        raise LinkEndedError(f"{subject}: the controller went away. Open it again.") from error
    except att.ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    # Bumble asserts what its peers should have said, and its futures may be settled twice.
    except (BaseBumbleError, AssertionError, asyncio.InvalidStateError) as error:
        raise BleakError(f"{subject}: {str(error) or type(error).__name__}") from error


async def run_until(end: asyncio.Event, work: Coroutine[Any, Any, _T], why: str) -> _T:
    """Do `work` unless `end` is set first; then stop it and raise `LinkEndedError`.

    Bumble cancels its own requests when a link ends. Running them in a task of their own
    keeps that from looking like a cancellation of the caller.
    """
    task = asyncio.create_task(work)
    ended = asyncio.create_task(end.wait())
    try:
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.cancelled():
            return task.result()
    finally:
        await stop(task, ended)
    raise LinkEndedError(f"Expected the operation to finish, but {why}. Connect again.")
