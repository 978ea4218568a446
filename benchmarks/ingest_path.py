"""How fast readings go from the broker to their receipts, and what the references do there.

All messages wait in the broker before a run begins, in the session of the client under test: so
what publishes them takes nothing away from what is measured. The end is where a home sees it: a
small C client (mosquitto_sub) notes when each receipt comes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from benchmarks import ingest_clients as clients
from benchmarks import ingest_sender
from benchmarks.ingest_world import Message
from telekol import topics
from tests.support.processes import Broker, telekol

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
        self._process = telekol(
            folder,
            "ingest",
            TELEKOL_DATABASE_URL=database,
            TELEKOL_BROKER_URL=broker.url,
            TELEKOL_LOG_LEVEL="WARNING",
        )
        self._folder = folder

    def make_session(self) -> None:
        """Let the broker keep messages for it from now on."""
        receipts = self._listen(1)
        with self._process:
            time.sleep(1.5)
        receipts.kill()

    def drain(self, messages: int) -> tuple[float, dict[str, float]]:
        """Run it on what waits; messages per second, and its memory at the start and the end."""
        listener = self._listen(messages)
        time.sleep(0.3)
        memory: list[int] = []
        deadline_s = time.monotonic() + _LONGEST_S
        with self._process as process:
            while listener.poll() is None:
                if not process.is_running or time.monotonic() > deadline_s:
                    listener.kill()
                    raise SystemExit(f"ingest did not answer everything:\n{process.output()}")
                memory.append(psutil.Process(process.pid).memory_info().rss)
                time.sleep(0.5)
        assert listener.stdout is not None  # noqa: S101 - it was asked for
        moments = sorted(float(line) for line in listener.stdout.read().split())
        first = int(messages * clients.WARM_UP)
        rate = (messages - first) / (moments[-1] - moments[first - 1])
        usage = {"rss_mb_at_start": memory[min(2, len(memory) - 1)] / 2**20}
        return rate, usage | {"rss_mb_at_end": memory[-1] / 2**20}

    def _listen(self, messages: int) -> subprocess.Popen[str]:
        program = shutil.which("mosquitto_sub")
        if program is None:
            raise SystemExit(
                "mosquitto_sub is missing. Run: sudo apt-get install mosquitto-clients"
            )
        command = [program, "-p", str(self._broker.port), "-t", _RECEIPTS, "-F", "%U", "-q", "0"]
        return subprocess.Popen(  # noqa: S603 - ours
            [*command, "-C", str(messages)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
