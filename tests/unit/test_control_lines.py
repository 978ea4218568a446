"""The simulator's control channel, as far as a line is read before any home is asked."""

from __future__ import annotations

import asyncio

import pytest

from device_sim.control_server import ControlServer


@pytest.mark.parametrize("line", [b"hello\n", b"{'command': 'status'}\n", b"\xff\n"])
async def test_a_line_that_is_no_json_is_answered_with_what_one_looks_like(line: bytes) -> None:
    answer = await ControlServer({}, asyncio.Event()).answer(line)
    assert answer["ok"] is False
    assert 'Expected a line of JSON, such as {"command": "status"}' in answer["error"]
