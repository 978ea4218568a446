"""The hub: nobody waits for a slow browser, and nobody is left believing they are current."""

from __future__ import annotations

import asyncio

from clinician_api.hub import BLIND, LIVE, QUEUE_LENGTH, RELOAD, Hub, Message
from clinician_api.listener import read

CASE = Message("case", '{"kind":"case"}')


async def _all(subscriber) -> list[Message]:
    found = []
    while not subscriber._queue.empty():
        found.append(await subscriber.get())
    return found


async def test_everybody_gets_every_message_in_order():
    hub = Hub()
    with hub.subscribe() as one, hub.subscribe() as two:
        hub.publish(CASE)
        hub.publish(RELOAD)
        assert await _all(one) == await _all(two) == [BLIND, CASE, RELOAD]
    assert len(hub) == 0


async def test_a_slow_browser_is_told_to_reload_and_costs_nobody_else():
    hub = Hub()
    with hub.subscribe() as slow, hub.subscribe() as quick:
        got = await _all(quick)
        for _ in range(QUEUE_LENGTH * 3):
            hub.publish(CASE)
            got += await _all(quick)
        assert got.count(CASE) == QUEUE_LENGTH * 3
        left = await _all(slow)
        assert left[0] is RELOAD
        assert len(left) <= QUEUE_LENGTH


async def test_a_slow_browser_still_hears_that_we_are_blind():
    hub = Hub()
    hub.set_listening(listening=True)
    with hub.subscribe() as slow:
        for _ in range(QUEUE_LENGTH - 1):
            hub.publish(CASE)
        hub.set_listening(listening=False)
        assert await _all(slow) == [RELOAD, BLIND]


async def test_after_a_silence_everybody_reloads():
    hub = Hub()
    hub.set_listening(listening=True)
    with hub.subscribe() as subscriber:
        hub.set_listening(listening=False)
        hub.set_listening(listening=False)
        hub.set_listening(listening=True)
        assert await _all(subscriber) == [LIVE, BLIND, LIVE, RELOAD]


async def test_closing_ends_streams_that_are_open_and_those_to_come():
    hub = Hub()
    with hub.subscribe() as open_one:
        hub.publish(CASE)
        waiting = asyncio.create_task(_all(open_one))
        hub.close()
        assert await waiting == [None]
    with hub.subscribe() as late:
        assert await late.get() is None


def test_a_notification_goes_on_unchanged_or_not_at_all():
    payload = '{"kind" : "finding", "readings" : ["a", "b"]}'
    assert read(payload) == Message("finding", payload)
    for nonsense in ("", "{}", "[]", "3", '"case"', '{"kind":"other"}', '{"kind":null}', "{"):
        assert read(nonsense) is None
