"""A street: several homes in one simulator, each with a gateway of its own, and one server.

Every process is a production one: `telekol sim`, a `telekol gateway` for each home, Mosquitto,
`telekol ingest`, PostgreSQL. What is done in a home is a walk of steps; homes are walked side by
side, because a radio speaks with one device at a time and real seconds pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from device_sim.control import SimControl
from device_sim.errors import ControlError
from tests.support import oracle
from tests.support.house import add_home
from tests.support.processes import Process, free_port, telekol, wait_until
from tests.support.proxy import Proxy

NAMED: Final = ("beurer-po60", "berry-bm1000", "xiaomi-scale-v1", "xiaomi-scale-v2")
"""Kinds that the gateway must be told the family of, which has the same name there."""
PAIRED: Final = ("and-scale", "and-cuff", "beurer-scale")
WIRED: Final = ("vitalograph", "nonin-classic")
WITHIN_S: Final = 120.0
"""For one step: most take a few seconds, and the machine may be busy with something else."""


@dataclass
class Home:
    """One home of the street, steered from one thread."""

    street: Street
    number: int
    kinds: tuple[str, ...]
    addresses: dict[str, str] = field(default_factory=dict)
    serials: dict[str, str] = field(default_factory=dict)

    @property
    def gateway_id(self) -> str:
        """As the simulator calls it."""
        return f"gateway-{self.number:04d}"

    def __post_init__(self) -> None:
        self.folder = self.street.folder / self.gateway_id
        self.folder.mkdir()
        self.outbox = self.folder / "outbox.sqlite"
        self.drop_folder = self.folder / "spirometry"
        self.drop_folder.mkdir()
        self.local_port = free_port()
        self.gateway: Process = Process([], self.folder / "gateway.log")
        self.line = Proxy(self.street.broker)

    # -- steering ------------------------------------------------------------------------

    def measure(self, kind: str, **values: float) -> None:
        """Measure once."""
        with self.street.control() as sim:
            sim.measure(self.gateway_id, kind, **values)

    def fault(self, kind: str, name: str, **parameters: float) -> None:
        """Switch a fault on."""
        with self.street.control() as sim:
            sim.fault(self.gateway_id, kind, name, **parameters)

    def fault_apart(self, kind: str, name: str, **parameters: float) -> None:
        """Switch a fault on when the device has hung up, so that it does not come in between."""
        self.until_hung_up(kind)
        self.fault(kind, name, **parameters)

    def until_hung_up(self, kind: str) -> None:
        """Wait until nobody is connected to the device."""
        wait_until(lambda: not self.status(kind)["connected"], f"the {kind} to hang up", WITHIN_S)

    def heal(self, kind: str, name: str | None = None) -> None:
        """Switch a fault off."""
        with self.street.control() as sim:
            sim.heal(self.gateway_id, kind, name)

    def ask(self, command: str, kind: str, **more: Any) -> None:
        """Send another command about a device."""
        with self.street.control() as sim:
            sim.request(command, home=self.gateway_id, device=kind, **more)

    def status(self, kind: str) -> dict[str, Any]:
        """Tell what the device counts."""
        with self.street.control() as sim:
            status = sim.status(self.gateway_id)["homes"][self.gateway_id]
        found: dict[str, Any] = status["devices"][kind]
        return found

    # -- what the server shows -----------------------------------------------------------

    def complaints(self, *kinds: str) -> list[str]:
        """Say what is wrong in the database with what these devices measured."""
        mine = {self.serials[kind]: self.addresses[kind] for kind in kinds or self.kinds}
        lines = self.street.emissions.read_text(encoding="utf-8").splitlines()
        with self.street.database() as connection:
            found = [row for row in oracle.rows(connection) if row.gateway == self.gateway_id]
        return oracle.complaints(oracle.wanted(lines), found, mine)

    def until_right(self, kind: str, what: str) -> None:
        """Wait until the device has nothing more to say and the database shows all of it."""
        wrong: list[str] = ["nothing yet"]

        def is_right() -> bool:
            if self.status(kind)["pending"]:
                wrong[:] = [f"{self.status(kind)['pending']} wait in the device"]
            else:
                wrong[:] = self.complaints(kind)
            return not wrong

        try:
            wait_until(is_right, what, WITHIN_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: " + "; ".join(wrong)) from None

    def troubles(self, kind: str) -> list[str]:
        """List the codes of a device's troubles that the server knows to be there now."""
        with self.street.database() as connection:
            found = connection.execute(
                "select code from technical_trouble where gateway_id = %s and device = %s",
                [self.gateway_id, self.addresses[kind]],
            )
            return sorted(row[0] for row in found)

    def had_trouble(self, kind: str, code: str) -> bool:
        """Say whether the server knows of a trouble, now or earlier."""
        with self.street.database() as connection:
            found = connection.execute(
                "select 1 from gateway_trouble where gateway_id = %s and device = %s and code = %s",
                [self.gateway_id, self.addresses[kind], code],
            )
            return found.fetchone() is not None

    def until_told(self, kind: str, code: str) -> None:
        """Wait until the server shows a trouble."""
        what = f"the trouble {code} of the {kind} of {self.gateway_id}"
        wait_until(lambda: self.had_trouble(kind, code), what, WITHIN_S)

    def until_over(self, kind: str, code: str) -> None:
        """Wait until the server shows a trouble no more."""
        what = f"the end of the trouble {code} of the {kind} of {self.gateway_id}"
        wait_until(lambda: code not in self.troubles(kind), what, WITHIN_S)

    # -- the gateway ---------------------------------------------------------------------

    def prepare(self, status: Mapping[str, Any]) -> None:
        """Learn the devices' names, and make the gateway."""
        for kind, device in status["devices"].items():
            self.serials[kind] = device["serial"]
            self.addresses[kind] = device["address"]
        self.gateway = telekol(
            self.folder,
            "gateway",
            TELEKOL_GATEWAY_ID=self.gateway_id,
            TELEKOL_GATEWAY_OUTBOX=str(self.outbox),
            TELEKOL_GATEWAY_RADIO=status["moniker"],
            TELEKOL_GATEWAY_CLOCK="system",
            TELEKOL_GATEWAY_DEVICES=self._kit(),
            TELEKOL_GATEWAY_SERIAL=self._ports(),
            TELEKOL_GATEWAY_DROP_FOLDER=str(self.drop_folder),
            TELEKOL_GATEWAY_LOCAL_PORT=str(self.local_port),
            TELEKOL_GATEWAY_RESEND_FIRST_S="1",
            TELEKOL_GATEWAY_RESEND_MOST_S="4",
            TELEKOL_BROKER_URL=f"mqtt://127.0.0.1:{self.line.port}",
        )

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Cut the line to the broker, so that no receipt comes."""
        self.line.cut()
        try:
            yield
        finally:
            self.line.mend()

    def _kit(self) -> str:
        named = [f"{kind}@{self.addresses[kind]}" for kind in self.kinds if kind in NAMED]
        return ",".join(named + [self.addresses[kind] for kind in self.kinds if kind in PAIRED])

    def _ports(self) -> str:
        return ",".join(f"{kind}@{self.addresses[kind]}" for kind in self.kinds if kind in WIRED)


Step = Callable[[Home], None]


class Street:
    """The homes and the server.

    Parameters
    ----------
    homes
        The kinds of device that each home uses; the simulator has all of them in each.
    """

    def __init__(
        self, folder: Path, broker_url: str, database_url: str, homes: Sequence[Sequence[str]]
    ) -> None:
        self.folder = folder
        self.broker = ("127.0.0.1", int(broker_url.rpartition(":")[2]))
        self.database_url = database_url
        self.emissions = folder / "emissions.jsonl"
        self.homes = [Home(self, n, tuple(kinds)) for n, kinds in enumerate(homes, 1)]
        self._stack = ExitStack()
        self._control_port = free_port()
        database = {"TELEKOL_DATABASE_URL": database_url}
        self.ingest = telekol(folder, "ingest", TELEKOL_BROKER_URL=broker_url, **database)
        every = sorted({kind for kinds in homes for kind in kinds})
        self.sim = telekol(
            folder,
            "sim",
            *("--homes", str(len(homes)), "--interval-s", "0", "--base-port", "0"),
            *("--control", str(self._control_port), "--emissions", str(self.emissions)),
            *(part for kind in every for part in ("--device", kind)),
        )

    def control(self) -> SimControl:
        """Open a line to the simulator; a measurement may have to wait for a free second."""
        return SimControl(self._control_port, timeout_s=60)

    def database(self) -> psycopg.Connection[Any]:
        """Open a connection to the database."""
        return psycopg.connect(self.database_url, autocommit=True)

    def __enter__(self) -> Self:
        with self.database() as connection:
            for home in self.homes:
                add_home(connection, home.gateway_id)
        for home in self.homes:
            self._stack.enter_context(home.line)
        for process in (self.ingest, self.sim):
            self._stack.enter_context(process)
        wait_until(self._sim_answers, "the simulator", 60)
        with self.control() as sim:
            status = sim.status()["homes"]
            for home in self.homes:
                for kind in status[home.gateway_id]["devices"].keys() - set(home.kinds):
                    sim.fault(home.gateway_id, kind, "silent")  # it would ask to be paired
        for home in self.homes:
            home.prepare(status[home.gateway_id])
            self._stack.enter_context(home.gateway)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def walk(self, steps: Mapping[str, tuple[int, Step]]) -> dict[str, Future[None]]:
        """Take the steps, those of one home one after the other, homes side by side.

        Parameters
        ----------
        steps
            Name -> number of the home and what is done there.
        """
        outcomes: dict[str, Future[None]] = {name: Future() for name in steps}
        executor = ThreadPoolExecutor(len(self.homes))
        self._stack.callback(executor.shutdown, cancel_futures=True)
        for home in self.homes:
            own = {name: step for name, (number, step) in steps.items() if number == home.number}
            executor.submit(_walk_one, home, own, outcomes)
        return outcomes

    def _sim_answers(self) -> bool:
        try:
            with self.control() as sim:
                return len(sim.status()["homes"]) == len(self.homes)
        except ControlError:
            return False


def _walk_one(home: Home, steps: Mapping[str, Step], outcomes: Mapping[str, Future[None]]) -> None:
    for name, step in steps.items():
        try:
            step(home)
        except BaseException as error:  # noqa: BLE001 - the test that asks for it raises it
            outcomes[name].set_exception(error)
        else:
            outcomes[name].set_result(None)
