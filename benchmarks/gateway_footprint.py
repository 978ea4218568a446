"""What a gateway costs its little computer: disk, memory, processor, and the time to be safe.

    python -m benchmarks.gateway_footprint --indications 1000 --idle 60

prints one JSON object; benchmarks/README.md says how to read it. Linux only: memory and
processor time are read from /proc.

The gateway is the production process, started with ``telekol gateway``, in two radios: `hci`
drives a virtual controller over TCP (the dearer radio: the whole Bluetooth stack in Python),
`bluez` talks to a stand-in for BlueZ over a real message bus (what a Raspberry Pi uses). `home` is
`bluez` as it stands in a home: with mutual TLS to a broker, the local port and the drop folder.
Every number has its reference measured in the same run, because numbers of two machines, or of
one machine on two days, do not compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from benchmarks.weighing import (
    idle_cpu_s_per_minute,
    installed_size,
    memory,
    processor_s,
    running,
    settled,
)
from device_sim.emission import EmissionLog
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.virtual_radio import VirtualRadio
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.profiles import sig_uuid
from gateway.timing.device_clock import DeviceClock
from telekol.observation import Device
from tests.support.fake_bluez import FakeBlueZ, message_bus
from tests.support.messages import observation
from tests.support.processes import free_port, wait_until
from tests.support.secure_broker import Authority, SecureBroker

MEMORY_GOAL_MB: Final = 80.0
"""The aim: a Raspberry Pi Zero 2 W has 512 MB for everything."""
GATEWAY: Final = "gw-bench-001"
READINGS_A_WEEK: Final = 70
"""Ten a day."""
START: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)


def gateway(
    folder: Path, radio: str, broker_url: str = "mqtt://127.0.0.1:9", log_level: str = "WARNING"
) -> list[str]:
    """Name the production process; by itself its broker is not there, as without a line."""
    return [
        *(sys.executable, "-m", "telekol", "gateway", "--id", GATEWAY),
        *("--outbox", str(folder / "outbox.db"), "--radio", radio),
        *("--broker-url", broker_url, "--log-level", log_level),
    ]


async def reference(folder: Path, idle_s: float) -> dict[str, Any]:
    """Measure a Python that only sleeps, and one that has loaded bleak too."""
    found = {}
    for name, program in (
        ("python", "import asyncio; asyncio.run(asyncio.sleep(3600))"),
        ("python_bleak", "import asyncio, bleak; asyncio.run(asyncio.sleep(3600))"),
    ):
        with running([sys.executable, "-c", program], folder / "reference.log") as pid:
            await settled(pid)
            found[name] = memory(pid)
            if name == "python_bleak":
                found[name]["idle_cpu_s_per_minute"] = await idle_cpu_s_per_minute(pid, idle_s)
    return found


async def over_bluez(folder: Path, idle_s: float) -> dict[str, Any]:
    """Measure a gateway on the system's Bluetooth that hears nothing."""
    with message_bus(folder) as address:
        daemon = FakeBlueZ(address)
        await daemon.start()
        log = folder / "gateway.log"
        with running(gateway(folder, "platform"), log, DBUS_SYSTEM_BUS_ADDRESS=address) as pid:
            await settled(pid)
            assert daemon.adapter["Discovering"].value, log.read_text(encoding="utf-8")  # noqa: S101
            idle = await idle_cpu_s_per_minute(pid, idle_s)
            found = {"idle": memory(pid), "idle_cpu_s_per_minute": idle}
        await asyncio.sleep(0.5)  # what the gateway said last is answered
        await daemon.stop()
    return found


@contextmanager
def secure_line(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Run the production broker with mutual TLS; gives its address and the gateway's files."""
    authority = Authority(folder / "certificates")
    files = authority.gateway(GATEWAY)
    with SecureBroker(folder, authority) as broker:
        yield (
            f"mqtts://localhost:{broker.tls_port}",
            {
                "TELEKOL_BROKER_TLS_CA": str(files.ca),
                "TELEKOL_BROKER_TLS_CERTIFICATE": str(files.certificate),
                "TELEKOL_BROKER_TLS_KEY": str(files.key),
            },
        )


async def in_a_home(folder: Path, idle_s: float) -> dict[str, Any]:
    """Measure a gateway with all that a home has; a week's readings of it were sent."""
    outbox = Outbox.open(folder / "outbox.db", START)
    outbox.put([observation(91.0) for _ in range(READINGS_A_WEEK)])
    outbox.close()
    log = folder / "gateway.log"
    with message_bus(folder) as address, secure_line(folder) as (broker_url, files):
        daemon = FakeBlueZ(address)
        await daemon.start()
        (folder / "spirometry").mkdir()
        environment = {
            **files,
            "DBUS_SYSTEM_BUS_ADDRESS": address,
            "TELEKOL_GATEWAY_DROP_FOLDER": str(folder / "spirometry"),
            "TELEKOL_GATEWAY_LOCAL_PORT": str(free_port()),
        }
        arguments = gateway(folder, "platform", broker_url, "INFO")
        with running(arguments, log, **environment) as pid:
            await asyncio.to_thread(wait_until, lambda: "connected" in log.read_text(), "TLS", 30)
            await settled(pid)
            idle = await idle_cpu_s_per_minute(pid, idle_s)
            found = {"idle": memory(pid), "idle_cpu_s_per_minute": idle}
        await asyncio.sleep(0.5)  # what the gateway said last is answered
        await daemon.stop()
    return found


async def over_hci(folder: Path, idle_s: float, indications: int) -> dict[str, Any]:
    """Measure a gateway on an HCI controller, idle and after many indications."""
    air = VirtualRadio("bench")
    await air.start()
    oximeter = PulseOximeter("PLX-1", EmissionLog())
    await oximeter.start(air)
    try:
        with running(gateway(folder, air.moniker), folder / "gateway.log") as pid:
            await settled(pid)
            idle = memory(pid)
            cpu = await idle_cpu_s_per_minute(pid, idle_s)
            before, since = processor_s(pid), time.monotonic()
            await _indicate(oximeter, indications)
            took_s = time.monotonic() - since
            used_s = processor_s(pid) - before
            found = {
                "idle": idle,
                "idle_cpu_s_per_minute": cpu,
                f"after_{indications}_indications": memory(pid),
                "per_indication_ms": round(took_s / indications * 1e3, 2),
                "cpu_per_indication_ms": round(used_s / indications * 1e3, 2),
            }
    finally:
        await oximeter.close()
        await air.close()
    with sqlite3.connect(folder / "outbox.db") as outbox:
        (kept,) = outbox.execute("select count(*) from observation").fetchone()
    found["readings_kept"] = kept
    return found


async def _indicate(oximeter: PulseOximeter, count: int) -> None:
    for number in range(count):
        oximeter.indicate_raw(payload(oximeter, number))
    while oximeter.pending_count:  # noqa: ASYNC110 - the count is the simulator's
        await asyncio.sleep(0.02)


def payload(oximeter: PulseOximeter, number: int) -> bytes:
    """Encode the nth measurement: another second, another value."""
    values = {"spo2": Decimal(88 + number % 8), "pulse_rate": Decimal(60 + number % 40)}
    moment = (START + timedelta(seconds=number)).replace(tzinfo=None)
    return oximeter.encode(values, moment)


def to_commit(folder: Path, indications: int) -> dict[str, Any]:
    """Time from an indication's bytes to the commit of its readings; and of an empty commit."""
    outbox = Outbox.open(folder / "outbox.db", START)
    intake = Intake(GATEWAY, outbox, ZoneInfo("Europe/Copenhagen"), lambda: None)
    oximeter = PulseOximeter("PLX-2", EmissionLog())
    device = Device(address="C0:00:00:00:00:01", manufacturer="", model="", serial="PLX-2")
    uuid = sig_uuid(0x2A5E)
    took_s = []
    for number in range(indications):
        data = payload(oximeter, number)
        since = time.perf_counter()
        intake.take(uuid, data, device, DeviceClock(), START + timedelta(seconds=number))
        took_s.append(time.perf_counter() - since)
    kept = outbox.depth()
    outbox.close()
    return {"readings_kept": kept, **percentiles(took_s)}


def empty_commit(folder: Path, times: int) -> dict[str, Any]:
    """Time a commit of one small row, written and synchronised as the outbox does."""
    database = sqlite3.connect(folder / "empty.db", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.execute("create table t (x)")
    took_s = []
    for number in range(times):
        since = time.perf_counter()
        database.execute("insert into t values (?)", (number,))
        took_s.append(time.perf_counter() - since)
    database.close()
    return percentiles(took_s)


def percentiles(took_s: Sequence[float]) -> dict[str, float]:
    """Give the median and the 99th percentile in milliseconds."""
    cuts = statistics.quantiles(took_s, n=100)
    return {"p50_ms": round(cuts[49] * 1e3, 3), "p99_ms": round(cuts[98] * 1e3, 3)}


async def measure(folder: Path, idle_s: float, indications: int) -> dict[str, Any]:
    """Measure everything."""
    for name in ("bluez", "home", "hci", "commit", "empty"):
        await asyncio.to_thread((folder / name).mkdir)
    base = await reference(folder, idle_s)
    bluez = await over_bluez(folder / "bluez", idle_s)
    home = await in_a_home(folder / "home", idle_s)
    hci = await over_hci(folder / "hci", idle_s, indications)
    commit = to_commit(folder / "commit", indications)
    empty = empty_commit(folder / "empty", indications)
    size = {"gateway": installed_size("tele-kol[gateway]"), "bleak": installed_size("bleak")}
    most_mb = hci[f"after_{indications}_indications"]["rss_mb"]
    return {
        "installed": {**size, "ratio": round(size["gateway"]["mb"] / size["bleak"]["mb"], 1)},
        "reference": base,
        "bluez": {
            **bluez,
            "rss_ratio": round(bluez["idle"]["rss_mb"] / base["python_bleak"]["rss_mb"], 2),
        },
        "home": {
            **home,
            "rss_ratio": round(home["idle"]["rss_mb"] / base["python_bleak"]["rss_mb"], 2),
        },
        "hci": {**hci, "rss_ratio": round(most_mb / base["python_bleak"]["rss_mb"], 2)},
        "indication_to_commit": {
            **commit,
            "empty_commit": empty,
            "ratio_p50": round(commit["p50_ms"] / empty["p50_ms"], 2),
        },
        "goal_rss_mb": MEMORY_GOAL_MB,
        "goal_met": {
            "bluez": bluez["idle"]["rss_mb"] < MEMORY_GOAL_MB,
            "home": home["idle"]["rss_mb"] < MEMORY_GOAL_MB,
            "hci": most_mb < MEMORY_GOAL_MB,
        },
    }


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--indications", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to watch an idle process")
    options = parser.parse_args()
    # Not under /tmp, which is memory on many machines: commits are synchronised to a disk.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        found = asyncio.run(measure(Path(folder), options.idle, options.indications))
    print(json.dumps(found, indent=2))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
