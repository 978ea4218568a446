"""Builds the whole house on one machine and takes it down again.

Touches processes, the database and the broker through the modules beside it. The services are
the production processes, started by the same command and settings as anywhere else.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import httpx
import psycopg
from rich.console import Console

from device_sim.control import SimControl
from device_sim.demo import broker, history, seeding
from device_sim.demo.broker import BrokerKind
from device_sim.demo.place import Place, Ports
from device_sim.demo.postgres import STOP, EmbeddedPostgres
from device_sim.demo.records import DatabaseAwayError, Records
from device_sim.demo.services import Service, Supervisor
from device_sim.errors import ControlError
from telekol.errors import TelekolError

READY_TIMEOUT_S: Final = 60.0
SIGN_IN: Final = ("ingest", "alerts", "api")
"""The services that sign in to the database."""


@dataclass(frozen=True, slots=True)
class Size:
    """How big a house to build, and on which broker."""

    homes: int
    seed: int
    broker: BrokerKind = BrokerKind.AUTO


class House:
    """The running house: database, broker, services, homes.

    Entered, everything runs; left, everything has stopped and the data stays.
    """

    def __init__(self, place: Place, ports: Ports, size: Size, console: Console) -> None:
        self._place = place
        self._ports = ports
        self._size = size
        self._console = console
        self._stack = contextlib.ExitStack()
        self.supervisor = Supervisor(place.logs)
        self.address = f"http://127.0.0.1:{ports.api}"
        self.emissions = place.folder / f"emissions-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
        self.gateways = tuple(f"gateway-{n:04d}" for n in range(1, size.homes + 1))
        self.url = ""
        self._password = secrets.token_hex(24)
        self.broker_url = ""

    def __enter__(self) -> Self:
        try:
            with self._stack:
                self._build()
                self._stack = self._stack.pop_all()
        except subprocess.CalledProcessError as error:
            output = (error.stderr or b"").decode(errors="replace").strip()
            raise TelekolError(f"{error.cmd[-1]} failed: {output}") from None
        except OSError as error:
            raise TelekolError(f"cannot build the demo's house: {error}") from None
        except psycopg.OperationalError as error:
            raise TelekolError(f"the database went away while the demo started: {error}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def control(self) -> SimControl:
        """Connect to the simulator."""
        return SimControl(self._ports.control)

    def records(self) -> Records:
        """Connect to the database, to read it back."""
        return Records(self.url)

    def _build(self) -> None:
        self.supervisor.begin()
        self._start_postgres()
        self._migrate()
        homes = seeding.homes_of(self.gateways, [74.0] * len(self.gateways))
        new_homes = seeding.seed(self.url, homes)
        seeding.seed_silence(self.url)
        self.broker_url = broker_url = self._start_broker()
        self._start_services(broker_url)
        self._await(self._api_answers, "the board", "api")
        self._send_history(broker_url, new_homes)
        self._start_homes(broker_url)

    def _start_postgres(self) -> None:
        """Start the database as one of the services, so that it is looked after as they are."""
        postgres = EmbeddedPostgres(self._place.postgres)
        self._stack.callback(postgres.close)
        postgres.prepare()
        self._stack.callback(self.supervisor.stop)
        arguments, account = postgres.arguments, postgres.account
        self.supervisor.add(Service("postgres", arguments, os.environ, account, STOP))
        self.url = postgres.url()
        self._await(postgres.answers, "PostgreSQL", "postgres")

    def _migrate(self) -> None:
        """Bring the database up to date and give each service a login, as an operator does."""
        passwords = {f"TELEKOL_{name.upper()}_PASSWORD": self._password for name in SIGN_IN}
        for command in (["migrate"], ["database", "logins"]):
            subprocess.run(  # noqa: S603 - our own commands
                [sys.executable, "-m", "telekol", *command],
                env={**os.environ, **passwords, "TELEKOL_DATABASE_URL": self.url},
                check=True,
                capture_output=True,
            )
        self._say("Database", "migrated; each service has a login of its own")

    def _database(self, service: str) -> dict[str, str]:
        """Say how a service signs in: in its own role, as anywhere else."""
        login = f"//telekol_{service}_login:{self._password}@"
        return {"TELEKOL_DATABASE_URL": self.url.replace("//postgres@", login, 1)}

    def _start_broker(self) -> str:
        command = broker.prepare(self._place.broker, self._ports.broker, self._size.broker)
        self.supervisor.start("broker", command.arguments)
        self._say("MQTT broker", command.kind)
        return command.url

    def _start_services(self, broker_url: str) -> None:
        self._telekol("ingest", TELEKOL_BROKER_URL=broker_url, **self._database("ingest"))
        # A demo lives a day in seconds: the reading after a red is no second measurement of it.
        self._telekol("alerts", TELEKOL_ALERTS_LONGEST_WAIT_S="0", **self._database("alerts"))
        self._telekol(
            "api",
            TELEKOL_API_PORT=str(self._ports.api),
            TELEKOL_API_SECRET=secrets.token_urlsafe(32),
            TELEKOL_API_DEMO_SIGN_IN="true",
            **self._database("api"),
        )

    def _send_history(self, broker_url: str, homes: list[seeding.DemoHome]) -> None:
        """Let the past be stored and judged before the present begins."""
        if not homes:
            return
        history.send(broker_url, homes, datetime.now(UTC))
        boots = [history.boot_of(home) for home in homes]
        with contextlib.closing(self.records()) as records:
            self._await(lambda: _is_settled(records, boots), "earlier readings", "ingest")

    def _start_homes(self, broker_url: str) -> None:
        arguments = ["sim", "--homes", str(self._size.homes), "--seed", str(self._size.seed)]
        arguments += ["--interval-s", "0", "--control", str(self._ports.control)]
        arguments += ["--base-port", str(self._ports.first_home)]
        arguments += ["--emissions", str(self.emissions)]
        self.supervisor.start("sim", [sys.executable, "-m", "telekol", *arguments])
        self._await(self._sim_answers, "the simulated homes", "sim")
        for number, gateway in enumerate(self.gateways):
            self._telekol(
                "gateway",
                name=gateway,
                TELEKOL_BROKER_URL=broker_url,
                TELEKOL_GATEWAY_ID=gateway,
                # Simulated homes are on this machine's time, whatever keeps it.
                TELEKOL_GATEWAY_CLOCK="system",
                # One machine's few homes are no storm, and a person waits for the first reading.
                TELEKOL_GATEWAY_RECONNECT_WINDOW_S="1",
                TELEKOL_GATEWAY_OUTBOX=str(self._place.outboxes / f"{gateway}.sqlite"),
                TELEKOL_GATEWAY_RADIO=f"tcp-client:127.0.0.1:{self._ports.first_home + number}",
            )
        self._say("Homes", f"{len(self.gateways)}, each with a gateway, an oximeter and a scale")

    def _telekol(self, service: str, name: str = "", **environment: str) -> None:
        arguments = [sys.executable, "-m", "telekol", service]
        self.supervisor.start(name or service, arguments, **environment)

    def _await(self, condition: Callable[[], bool], what: str, service: str) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                log = self.supervisor.log_of(service)
                raise TelekolError(
                    f"waited {READY_TIMEOUT_S:.0f} s in vain for {what}; its log is {log}"
                )
            time.sleep(0.1)
        self._say(what[0].upper() + what[1:], "ready")

    def _api_answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _sim_answers(self) -> bool:
        try:
            with self.control() as sim:
                return len(sim.status()["homes"]) == self._size.homes
        except ControlError:
            return False

    def _say(self, what: str, how: str) -> None:
        self._console.print(f"  [green]✓[/green] {what}: {how}", highlight=False)


def _is_settled(records: Records, boots: list[UUID]) -> bool:
    try:
        return records.is_settled(boots)
    except DatabaseAwayError:
        return False
