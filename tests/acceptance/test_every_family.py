"""Every family of device, of production processes: what it measured is in the database.

The simulator's devices were written without knowing the gateway. What they took as a measurement
must be stored once, with its value, time, marks and device; `tests.support.oracle` compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from device_sim.demo.broker import BrokerKind
from device_sim.demo.postgres import EmbeddedPostgres
from device_sim.kit import KINDS
from gateway.door.place import token_of
from tests.support.databases import migrated_copy
from tests.support.processes import Broker, wait_until
from tests.support.street import WITHIN_S, Home, Step, Street

HOMES = (
    ("oximeter", "scale", "cuff", "thermometer", "body-scale", "and-scale", "and-cuff"),
    ("streaming-oximeter", "beurer-scale", "xiaomi-scale-v1", "vitalograph"),
    ("berry-bm1000", "spirometer", "vendor-spirometer"),
    ("nonin-3230", "spirometer-fev6", "xiaomi-scale-v2"),
    ("beurer-po60", "recording-oximeter", "nonin-classic"),
)
"""Split so that homes are done at about the same time: a finger in a stream takes half a minute."""

Walked = dict[str, Future[None]]


def _read_twice(kind: str) -> Step:
    """Two measurements, the second when the first is stored: the first teaches the clock."""

    def step(home: Home) -> None:
        for number in (1, 2):
            home.measure(kind)
            home.until_right(kind, f"measurement {number} of the {kind}")

    return step


def _by_folder_and_http(home: Home) -> None:
    kind = "vendor-spirometer"
    home.ask("hand-in", kind, folder=str(home.drop_folder))
    home.measure(kind)
    home.until_right(kind, "the session that was dropped into the folder")
    token = token_of(home.outbox).read_text(encoding="ascii").strip()
    url = f"http://127.0.0.1:{home.local_port}/spirometry"
    home.ask("hand-in", kind, url=url, token=token)
    home.measure(kind)
    home.until_right(kind, "the session that was posted")
    wait_until(lambda: len(list((home.drop_folder / "taken").glob("*.json"))) == 1, "the file")
    assert not list((home.drop_folder / "refused").glob("*"))


def _steps() -> dict[str, tuple[int, Step]]:
    special: dict[str, Step] = {"vendor-spirometer": _by_folder_and_http}
    return {
        kind: (number, special.get(kind) or _read_twice(kind))
        for number, kinds in enumerate(HOMES, 1)
        for kind in kinds
    }


@pytest.fixture(scope="module")
def street(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres
) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with (
        migrated_copy(postgres) as url,
        Broker(folder, BrokerKind.MOSQUITTO) as broker,
        Street(folder, broker.url, url, HOMES) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def walked(street: Street) -> Walked:
    return street.walk(_steps())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_device_measured_is_in_the_database(walked: Walked, kind: str) -> None:
    walked[kind].result(2 * WITHIN_S * max(map(len, HOMES)))


@pytest.mark.timeout(600)
def test_in_the_end_nothing_is_doubled_and_everything_has_its_serial_number(
    street: Street, walked: Walked
) -> None:
    for outcome in walked.values():
        outcome.exception(2 * WITHIN_S * max(map(len, HOMES)))
    assert [text for home in street.homes for text in home.complaints()] == []
    with street.database() as connection:
        devices = set(connection.execute("select address, serial from device"))
        assert connection.execute("select count(*) from quarantine").fetchone() == (0,)
    told = {serial for _address, serial in devices}
    silent = {"xiaomi-scale-v1", "xiaomi-scale-v2", "nonin-classic"}
    for home in street.homes:
        for kind in home.kinds:
            if kind not in silent:
                assert home.serials[kind] in told
            elif kind != "nonin-classic":
                assert (home.addresses[kind], "") in devices
