"""The processes of a campaign, and the lines between them. Touches processes.

Each runs as in production. Every line to broker and database goes through a proxy of its own, so
that one can be cut while the others stand.
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg

from device_sim.control import SimControl
from device_sim.demo.place import free_run
from device_sim.demo.postgres import STOP, EmbeddedPostgres
from device_sim.errors import ControlError
from migrations.commands import run as migrate
from tests.chaos.clocks import WallClock
from tests.chaos.disk import SmallDisk
from tests.chaos.plan import home_name, lines
from tests.support.databases import make_logins, sqlalchemy_url
from tests.support.house import add_home
from tests.support.processes import Broker, Process, free_port, telekol, wait_until
from tests.support.proxy import Proxy

DATABASE = "chaos"
START_S = 120.0
"""How long a part may take to start; the machine may have other work."""


class Server(Process):
    """PostgreSQL, that can be killed with -9 and started on the same data."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "data")
        self.postgres.prepare()
        super().__init__(self.postgres.arguments, folder / "postgres.log")

    def start(self) -> Self:
        with self.log.open("ab") as sink:
            self._popen = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                user=self.postgres.account,
                start_new_session=True,
            )
        return self

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut does."""
        own = psutil.Process(self.pid)
        family = [own, *own.children(recursive=True)]
        for process in family:
            process.kill()
        self.wait()
        psutil.wait_procs(family[1:], timeout=START_S)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_running:
            self.signal(STOP)
            self.wait(60)
        self.postgres.close()


class ChaosHouse:
    """Several homes and every service, each by its name in the plan."""

    def __init__(self, folder: Path, homes: int, seed: int) -> None:
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._seed = folder, seed
        self.homes = tuple(home_name(number) for number in range(1, homes + 1))
        self.emissions = folder / "emissions.jsonl"
        self.postgres = Server(folder)
        self.broker = Broker(folder)
        self.disks = {home: SmallDisk(folder / home) for home in self.homes}
        self.clocks = {home: WallClock(folder / f"{home}.clock") for home in self.homes}
        self.lines = {name: Proxy(self._end_of(name)) for name in lines(homes)}
        self._control_port, self._first_port = free_port(), free_run(homes)
        self.sim = self._simulator(homes)
        self.processes: dict[str, Process] = {
            "postgres": self.postgres,
            "broker": self.broker,
            "ingest": self._ingest(),
            "alerts": telekol(
                folder, "alerts", TELEKOL_DATABASE_URL=self._database("alerts-database")
            ),
            **{home: self._gateway(number) for number, home in enumerate(self.homes)},
        }

    @property
    def url(self) -> str:
        """The database by its own socket, where no fault lies."""
        return self.postgres.postgres.url(DATABASE)

    def outbox(self, home: str) -> Path:
        return self.disks[home].folder / "outbox.sqlite"

    def control(self) -> SimControl:
        return SimControl(self._control_port)

    def __enter__(self) -> Self:
        with self._stack:
            for disk in self.disks.values():
                self._stack.callback(disk.close)
            for line in self.lines.values():
                self._stack.enter_context(line)
            self._stack.enter_context(self.postgres)
            self._make_database()
            self._stack.enter_context(self.sim)
            wait_until(self._sim_answers, "the simulator", START_S)
            for name, process in self.processes.items():
                if name != "postgres":
                    self._stack.enter_context(process)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _end_of(self, line: str) -> tuple[str, int] | str:
        if line.endswith("-database"):
            return str(self.postgres.postgres.socket_folder / ".s.PGSQL.5432")
        return "127.0.0.1", self.broker.port

    def _database(self, line: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.lines[line].port}/{DATABASE}"

    def _broker(self, line: str) -> str:
        return f"mqtt://127.0.0.1:{self.lines[line].port}"

    def _simulator(self, homes: int) -> Process:
        return telekol(
            self.folder,
            "sim",
            *("--homes", str(homes), "--seed", str(self._seed), "--interval-s", "0"),
            *("--control", str(self._control_port), "--base-port", str(self._first_port)),
            *("--emissions", str(self.emissions)),
        )

    def _ingest(self) -> Process:
        return telekol(
            self.folder,
            "ingest",
            TELEKOL_DATABASE_URL=self._database("ingest-database"),
            TELEKOL_BROKER_URL=self._broker("ingest-broker"),
            # A server that takes what is on its way for lost would ask for it here.
            TELEKOL_INGEST_ASK_EVERY_S="1",
        )

    def _gateway(self, number: int) -> Process:
        home = self.homes[number]
        folder = self.folder / f"{home}-log"
        folder.mkdir()
        return telekol(
            folder,
            "gateway",
            TELEKOL_GATEWAY_ID=home,
            TELEKOL_GATEWAY_OUTBOX=str(self.outbox(home)),
            TELEKOL_GATEWAY_RADIO=f"tcp-client:127.0.0.1:{self._first_port + number}",
            TELEKOL_GATEWAY_CLOCK="system",
            TELEKOL_GATEWAY_RESEND_FIRST_S="1",
            TELEKOL_GATEWAY_RESEND_MOST_S="4",
            TELEKOL_GATEWAY_HEALTH_INTERVAL_S="3",
            TELEKOL_BROKER_URL=self._broker(home),
            **self.clocks[home].environment,
        )

    def _make_database(self) -> None:
        wait_until(self.postgres.postgres.answers, "PostgreSQL", START_S)
        with closing(psycopg.connect(self.postgres.postgres.url(), autocommit=True)) as admin:
            admin.execute(f"create database {DATABASE}".encode())
        migrate(sqlalchemy_url(self.url))
        make_logins(self.url)
        with psycopg.connect(self.url, autocommit=True) as connection:
            for home in self.homes:
                add_home(connection, home)

    def _sim_answers(self) -> bool:
        try:
            with self.control() as sim:
                return len(sim.status()["homes"]) == len(self.homes)
        except ControlError:
            return False
