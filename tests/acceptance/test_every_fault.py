"""Every fault by name, of production processes: what the server must show in the end.

The expectations are the simulator's own (`device_sim.faults`), compared by
`tests.support.oracle`; here stand the stories, and what support is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from device_sim.demo.broker import BrokerKind
from device_sim.demo.postgres import EmbeddedPostgres
from device_sim.faults import FAULTS
from tests.support.databases import migrated_copy
from tests.support.processes import Broker, wait_until
from tests.support.street import WIRED, WITHIN_S, Home, Step, Street

Walked = dict[str, Future[None]]

SLOW = ("streaming-oximeter", "nonin-classic")
"""A finger is in for twenty seconds."""
OF_ANOTHER_PERSON = "wrong-person scale"


def _read(home: Home, kind: str, what: str = "a healthy measurement") -> None:
    home.measure(kind)
    home.until_right(kind, f"{what} of the {kind}")


def _while(fault: str, kind: str, told: str = "", **parameters: float) -> Step:
    """Read, begin the fault, read again, heal, read a third time; the long ones read twice."""

    def step(home: Home) -> None:
        if kind not in SLOW:
            _read(home, kind)
        apart = home.fault if kind in WIRED else home.fault_apart
        apart(kind, fault, **parameters)
        _read(home, kind, f"what was measured with {fault}")
        if told:
            home.until_told(kind, told)
        home.heal(kind)
        _read(home, kind, f"what was measured after {fault}")
        if told:
            home.until_over(kind, told)

    return step


def _once(fault: str, kind: str, told: str = "", **parameters: float) -> Step:
    """Read, then measure with a fault that passes by itself, and once more after it."""

    def step(home: Home) -> None:
        _read(home, kind)
        home.fault(kind, fault, **parameters)
        _read(home, kind, f"what was measured with {fault}")
        if told:
            # A trouble lasts until a whole conversation went well, so the next is one of its own.
            home.until_hung_up(kind)
        _read(home, kind, f"what was measured after {fault}")
        if told:
            home.until_told(kind, told)
            home.until_over(kind, told)

    return step


def _told_live_and_cut(home: Home) -> None:
    """What was told live and cut is a record too, and read as one in the next connection."""
    kind = "spirometer"
    _read(home, kind)
    home.fault(kind, "truncated")
    home.measure(kind)
    wait_until(lambda: not home.status(kind)["faults"], "a packet to be cut", WITHIN_S)
    home.until_hung_up(kind)
    _read(home, kind, "what was cut, and what was measured after it,")
    home.until_told(kind, "unreadable-measurement")


def _kept_while_silent(fault: str, kind: str, **parameters: float) -> Step:
    """The clock changes while a reading lies in the device, out of reach."""

    def step(home: Home) -> None:
        _read(home, kind)
        home.fault_apart(kind, "silent")
        home.measure(kind)
        home.fault(kind, fault, **parameters)
        home.measure(kind)
        home.heal(kind, "silent")
        home.until_right(kind, f"what was measured before and after {fault}")
        _read(home, kind, f"what was measured later than {fault}")

    return step


def _silent(home: Home) -> None:
    kind = "oximeter"
    _read(home, kind)
    home.fault_apart(kind, "silent")
    for _ in range(3):
        home.measure(kind)
    assert home.status(kind)["pending"] == 3
    home.heal(kind)
    home.until_right(kind, "what was measured out of reach")


def _lost_bond(home: Home) -> None:
    kind = "and-scale"
    _read(home, kind)
    home.fault_apart(kind, "lost-bond")
    home.measure(kind)
    home.until_told(kind, "bond-lost")
    assert home.status(kind)["pending"] == 1
    home.ask("press-pairing", kind)
    home.until_right(kind, "what waited for the scale to be paired again")
    home.until_over(kind, "bond-lost")


def _battery_removed(home: Home) -> None:
    kind = "beurer-scale"
    _read(home, kind)
    home.fault_apart(kind, "battery-removed")
    home.ask("press-pairing", kind)
    _read(home, kind, "what was measured with new batteries")
    home.heal(kind)
    _read(home, kind, "what was measured later")


def _never_answers(home: Home) -> None:
    kind = "thermometer"
    _read(home, kind)
    home.fault_apart(kind, "never-answers")
    home.measure(kind)
    home.until_told(kind, "device-unreachable")
    home.heal(kind)
    home.until_right(kind, "what waited for the thermometer to answer")
    home.until_over(kind, "device-unreachable")


def _other_person(home: Home) -> None:
    kind = "scale"
    for _ in range(2):
        _read(home, kind)
    home.fault(kind, "wrong-person")
    _read(home, kind, "the weighing of somebody else")
    home.heal(kind)
    _read(home, kind)


STORIES: dict[str, tuple[int, Step]] = {
    # A radio that one device keeps busy is shared with nobody.
    "never-answers thermometer": (1, _never_answers),
    "answers-slowly cuff": (2, _while("answers-slowly", "cuff")),
    "finger-off streaming-oximeter": (3, _while("finger-off", "streaming-oximeter")),
    "weak-signal nonin-classic": (8, _while("weak-signal", "nonin-classic")),
    "battery-low nonin-classic": (
        9,
        _while("battery-low", "nonin-classic", told="device-battery-low"),
    ),
    "finger-off oximeter": (4, _while("finger-off", "oximeter")),
    "weak-signal oximeter": (4, _while("weak-signal", "oximeter")),
    "link-lost oximeter": (4, _once("link-lost", "oximeter", count=2)),
    "silent oximeter": (4, _silent),
    "link-lost beurer-scale": (4, _once("link-lost", "beurer-scale")),
    "battery-removed beurer-scale": (4, _battery_removed),
    "clock-1970 cuff": (4, _while("clock-1970", "cuff")),
    "clock-never-set thermometer": (4, _while("clock-never-set", "thermometer")),
    "repeats-memory scale": (5, _while("repeats-memory", "scale")),
    "clock-drift scale": (5, _kept_while_silent("clock-drift", "scale", s_per_day=8640)),
    "daylight-saving body-scale": (5, _kept_while_silent("daylight-saving", "body-scale")),
    "clock-jump and-cuff": (5, _kept_while_silent("clock-jump", "and-cuff")),
    "lost-bond and-scale": (5, _lost_bond),
    "battery-low thermometer": (
        8,
        _while("battery-low", "thermometer", told="device-battery-low"),
    ),
    "truncated scale": (6, _once("truncated", "scale", told="unreadable-measurement")),
    "truncated beurer-po60": (6, _once("truncated", "beurer-po60")),
    "bit-flipped beurer-po60": (6, _once("bit-flipped", "beurer-po60")),
    "repeats-memory beurer-po60": (6, _while("repeats-memory", "beurer-po60")),
    "truncated vitalograph": (6, _once("truncated", "vitalograph")),
    "bit-flipped vitalograph": (6, _once("bit-flipped", "vitalograph")),
    "bit-flipped cuff": (6, _once("bit-flipped", "cuff")),
    OF_ANOTHER_PERSON: (10, _other_person),
    "truncated recording-oximeter": (7, _once("truncated", "recording-oximeter")),
    "link-lost recording-oximeter": (7, _once("link-lost", "recording-oximeter")),
    "repeats-memory recording-oximeter": (7, _while("repeats-memory", "recording-oximeter")),
    "link-lost spirometer": (7, _once("link-lost", "spirometer", count=2)),
    "truncated spirometer": (7, _told_live_and_cut),
}


def _homes() -> list[list[str]]:
    """Give each home the kinds of its stories."""
    kinds: dict[int, list[str]] = {}
    for name, (number, _step) in STORIES.items():
        kinds.setdefault(number, []).append(name.split()[1])
    return [sorted(set(kinds[number])) for number in sorted(kinds)]


# Minutes of real waits, so `make streets` walks it and `make test` does not.
pytestmark = pytest.mark.street


@pytest.fixture(scope="module")
def street(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres
) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with (
        migrated_copy(postgres) as url,
        Broker(folder, BrokerKind.MOSQUITTO) as broker,
        Street(folder, broker.url, url, _homes()) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def walked(street: Street) -> Walked:
    return street.walk(STORIES)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("story", [story for story in STORIES if story != OF_ANOTHER_PERSON])
def test_the_server_shows_what_it_must(walked: Walked, story: str) -> None:
    walked[story].result(8 * WITHIN_S)


@pytest.mark.timeout(900)
def test_the_weight_of_another_person_is_nobodys(walked: Walked) -> None:
    walked[OF_ANOTHER_PERSON].result(8 * WITHIN_S)


def test_every_fault_has_a_story() -> None:
    assert {story.split()[0] for story in STORIES} == FAULTS.keys()


@pytest.mark.timeout(900)
def test_in_the_end_nothing_is_doubled_and_the_server_is_quiet(
    street: Street, walked: Walked
) -> None:
    for outcome in walked.values():
        outcome.exception(8 * WITHIN_S)
    assert [text for home in street.homes for text in home.complaints()] == []
    try:
        wait_until(lambda: not _troubles(street), "the end of every trouble", WITHIN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {'; '.join(_troubles(street))}") from None


def _troubles(street: Street) -> list[str]:
    return [
        f"{home.gateway_id} {kind}: {code}"
        for home in street.homes
        for kind in home.kinds
        for code in home.troubles(kind)
    ]
