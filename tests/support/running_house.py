"""The whole way, of production processes: simulated home, gateway, broker, ingest, alerts, api.

Every process is started as in production and can be killed and started again by itself; the
lines to broker and database go through proxies that can be cut.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from device_sim.control import SimControl
from device_sim.errors import ControlError
from tests.support.processes import Process, free_port, telekol, wait_until

GATEWAY = "gateway-0001"
NURSE = "nurse-1"


@dataclass
class RunningHouse:
    """One home and the services, each by its name."""

    folder: Path
    broker_url: str
    database_url: str

    def __post_init__(self) -> None:
        self._stack = ExitStack()
        self.emissions = self.folder / "emissions.jsonl"
        self.outbox = self.folder / "outbox.sqlite"
        self.api_port, self._control_port, self._home_port = (free_port() for _ in range(3))
        self.address = f"http://127.0.0.1:{self.api_port}"
        database = {"TELEKOL_DATABASE_URL": self.database_url}
        broker = {"TELEKOL_BROKER_URL": self.broker_url}
        self.ingest = telekol(self.folder, "ingest", **database, **broker)
        self.alerts = telekol(self.folder, "alerts", **database)
        self.api = telekol(
            self.folder,
            "api",
            TELEKOL_API_PORT=str(self.api_port),
            TELEKOL_API_SECRET="only-for-this-test-" * 3,
            TELEKOL_API_DEMO_SIGN_IN="true",
            **database,
        )
        self.sim = telekol(
            self.folder,
            "sim",
            *("--interval-s", "0", "--control", str(self._control_port)),
            *("--base-port", str(self._home_port), "--emissions", str(self.emissions)),
        )
        self.gateway = telekol(
            self.folder,
            "gateway",
            TELEKOL_GATEWAY_ID=GATEWAY,
            TELEKOL_GATEWAY_OUTBOX=str(self.outbox),
            TELEKOL_GATEWAY_RADIO=f"tcp-client:127.0.0.1:{self._home_port}",
            TELEKOL_GATEWAY_RESEND_FIRST_S="1",
            TELEKOL_GATEWAY_RESEND_MOST_S="4",
            **broker,
        )

    def __enter__(self) -> Self:
        for process in self.processes:
            self._stack.enter_context(process)
        wait_until(self._sim_answers, "the simulator")
        wait_until(self._api_answers, "the board")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def processes(self) -> tuple[Process, ...]:
        return (self.ingest, self.alerts, self.api, self.sim, self.gateway)

    def control(self) -> SimControl:
        return SimControl(self._control_port)

    def _sim_answers(self) -> bool:
        try:
            with self.control() as sim:
                return bool(sim.status()["homes"])
        except ControlError:
            return False

    def _api_answers(self) -> bool:
        try:
            with urlopen(f"{self.address}/healthz", timeout=2) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except OSError:
            return False
