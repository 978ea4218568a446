"""Whose turn it is, among devices that fail, chatter or wait."""

from __future__ import annotations

from gateway.listening.turns import LONGEST_WAIT_S, Turns


def test_who_was_served_longest_ago_is_next() -> None:
    turns = Turns()
    assert turns.next([], 0) is None
    turns.served("a", 1, had_news=True)
    assert turns.next(["a", "b"], 1) == "b"
    turns.served("b", 2, had_news=True)
    assert turns.next(["b", "a"], 2) == "a"
    assert turns.next(["b"], 2) == "b"


def test_a_device_that_fails_waits_longer_each_time_and_success_ends_it() -> None:
    turns = Turns()
    waits_s = [turns.failed("a", 0, 0.0) for _ in range(9)]
    assert waits_s[:4] == [0.5, 1, 2, 4]
    assert waits_s[-1] == LONGEST_WAIT_S / 2
    assert turns.next(["a"], 29) is None
    assert turns.next(["a"], 30) == "a"
    turns.served("a", 30, had_news=True)
    assert turns.next(["a"], 30) == "a"


def test_a_device_that_chatters_without_news_waits_too() -> None:
    turns = Turns()
    turns.served("a", 0, had_news=False)
    assert turns.next(["a"], 0.5) is None
    assert turns.next(["a"], 1) == "a"
