"""How fast readings go from the broker to their receipts, and what the references do there.

All messages wait in the broker before a run begins, in the session of the client under test: so
what publishes them takes nothing away from what is measured. The end is where a home sees it: a
small C client (mosquitto_sub) notes when each receipt comes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from benchmarks import ingest_clients as clients
from benchmarks import ingest_sender
from benchmarks.ingest_world import Message
from telekol import topics
from tests.support.processes import Broker, telekol, wait_until

WINDOW: Final = 1000
"""As ingest asks for."""

_LONGEST_S: Final = 300.0
_RECEIPTS: Final = f"{topics.ROOT}/+/receipts"


def preload(broker: Broker, client_id: str, messages: Iterable[Message]) -> int:
    """Let messages wait for a client that is away; give how many."""
    listener = clients.make(client_id)
    clients.connect(listener, broker.port, WINDOW)
    listener.loop_start()
    time.sleep(0.3)
    listener.loop_stop()
    listener.disconnect()
    written = ingest_sender.packets(messages)
    ingest_sender.send(broker.port, written)
    return len(written)


def client_per_s(broker: Broker, way: str, messages: int, database: str = "") -> float:
    """Run a reference on what waits for it; messages per second."""
    command = [sys.executable, "-m", "benchmarks.ingest_clients", way, "--port", str(broker.port)]
    command += ["--messages", str(messages), "--window", str(WINDOW), "--database", database]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    report = json.loads(done.stdout)
    return float(report["messages"] / report["seconds"])


class Ingest:
    """The production process, on a database and a broker."""

    def __init__(self, folder: Path, broker: Broker, database: str) -> None:
        self._broker = broker
        # Its log is read for what this process has said, not one before it.
        folder = Path(tempfile.mkdtemp(dir=folder))
        self._process = telekol(
            folder,
            "ingest",
            TELEKOL_DATABASE_URL=database,
            TELEKOL_BROKER_URL=broker.url,
            TELEKOL_LOG_LEVEL="INFO",
        )
        self._heard = folder / "receipts.txt"

    def make_session(self) -> None:
        """Let the broker keep messages for it from now on."""
        with self._process as process:
            wait_until(lambda: "receiving from all" in process.output(), "ingest to subscribe", 60)

    def drain(self, messages: int) -> float:
        """Run it on what waits; messages per second."""
        listener = self._listen(messages)
        time.sleep(0.3)
        with self._process:
            self._await(listener)
        moments = sorted(float(line) for line in self._heard.read_text().split())
        first = int(messages * clients.WARM_UP)
        return (messages - first) / (moments[-1] - moments[first - 1])

    def memory_mb(self, rounds: Iterable[list[Message]]) -> list[float]:
        """Let one process answer round after round; its resident memory after each."""
        found = []
        with self._process as process:
            for messages in rounds:
                listener = self._listen(len(messages))
                time.sleep(0.3)
                ingest_sender.send(self._broker.port, ingest_sender.packets(messages))
                self._await(listener)
                found.append(round(psutil.Process(process.pid).memory_info().rss / 2**20, 1))
        return found

    def _await(self, listener: subprocess.Popen[bytes]) -> None:
        deadline_s = time.monotonic() + _LONGEST_S
        while listener.poll() is None:
            if not self._process.is_running or time.monotonic() > deadline_s:
                listener.kill()
                raise SystemExit(f"ingest did not answer everything:\n{self._process.output()}")
            time.sleep(0.1)

    def _listen(self, messages: int) -> subprocess.Popen[bytes]:
        program = shutil.which("mosquitto_sub")
        if program is None:
            raise SystemExit(
                "mosquitto_sub is missing. Run: sudo apt-get install mosquitto-clients"
            )
        command = [program, "-p", str(self._broker.port), "-t", _RECEIPTS, "-F", "%U", "-q", "0"]
        # Into a file: a pipe holds 64 kB, and a listener that is held up would hold the broker up.
        with self._heard.open("wb") as sink:
            return subprocess.Popen([*command, "-C", str(messages)], stdout=sink)  # noqa: S603
