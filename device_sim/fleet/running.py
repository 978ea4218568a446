"""Runs a fleet: connects its gateways, lets them live, counts. Touches the clock and the disk.

Owns the fleet's course from the first connection to the summary.

Invariant: what is emitted is written to the oracle file before it is sent for the first time, so
that whatever the server holds can be compared with it, also after a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TextIO

from device_sim.errors import FleetError
from device_sim.fleet.delivery import Tally
from device_sim.fleet.gateway import FleetOrder, Gateway
from device_sim.fleet.line import Line
from telekol.errors import WireError

OPENING_AT_ONCE: Final = 100
"""Connections that are being made at the same time; brokers keep a backlog of about as many."""

TEND_S: Final = 10.0


class Fleet:
    """All of them."""

    def __init__(self, order: FleetOrder) -> None:
        self._order = order
        self._gateways: dict[str, Gateway] = {}
        self._lines: list[Line] = []
        self._oracle: TextIO | None = None
        self._bad_receipts = 0

    async def run(self, stop: asyncio.Event) -> dict[str, Any]:
        """Tell the story and give the summary."""
        order = self._order
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with self._oracle_file():
            for number in range(1, order.gateways + 1):
                gateway = Gateway(order, number, self._note)
                self._gateways[gateway.id] = gateway
                if number % 50 == 0:
                    await asyncio.sleep(0)
            try:
                await self._connect()
                await self._live(stop)
            finally:
                for line in self._lines:
                    await line.close()
        return self._summary(loop.time() - began_s)

    async def _connect(self) -> None:
        for name, gateways in self._shares():
            line = Line(
                self._order.address,
                name,
                [gateway.id for gateway in gateways],
                self._on_receipt,
                partial(_all_back, gateways),
                gateways[0].will if self._order.connections is None else None,
            )
            for gateway in gateways:
                gateway.line = line
            self._lines.append(line)
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def open_one(line: Line) -> None:
            async with gate:
                await line.open()

        await asyncio.gather(*(open_one(line) for line in self._lines))
        if not any(line.is_ready for line in self._lines):
            said = next((line.refusal for line in self._lines if line.refusal), "nobody answers")
            raise FleetError(
                f"Expected an MQTT broker at {self._order.address.host}:"
                f"{self._order.address.port}, found: {said}. Start it, or give --broker."
            )

    def _shares(self) -> Iterator[tuple[str, Sequence[Gateway]]]:
        gateways = list(self._gateways.values())
        if self._order.connections is None:
            yield from ((gateway.id, [gateway]) for gateway in gateways)
            return
        count = min(self._order.connections, len(gateways))
        for number in range(count):
            yield f"{self._order.prefix}-line-{number + 1:04d}", gateways[number::count]

    async def _live(self, stop: asyncio.Event) -> None:
        give_up = asyncio.Event()
        lives = asyncio.create_task(self._all_lives(give_up))
        tending = asyncio.create_task(self._tend())
        ends = [each.ends_at for each in self._gateways.values()]
        left_s = (max(ends) - datetime.now(UTC)).total_seconds()
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(
                {lives, stopped},
                timeout=max(left_s, 0) + self._order.drain_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            give_up.set()
            for each in self._gateways.values():
                each.wake()
            await lives
            for task in (tending, stopped):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _all_lives(self, give_up: asyncio.Event) -> None:
        await asyncio.gather(*(each.live(give_up) for each in self._gateways.values()))

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            for line in self._lines:
                line.tend()

    def _on_receipt(self, topic: str, payload: bytes) -> None:
        gateway = self._gateways.get(topic.split("/")[3])
        if gateway is None:
            return
        try:
            gateway.hear(payload, asyncio.get_running_loop().time())
        except WireError:
            self._bad_receipts += 1

    def _note(self, gateway: str, number: int, observation: Any) -> None:
        if self._oracle is None:
            return
        line = {
            "id": str(observation.id),
            "gateway": gateway,
            "seq": number,
            "quantity": observation.quantity.value,
            "value": observation.value,
            "measured_at": observation.measured_at.isoformat(),
        }
        self._oracle.write(json.dumps(line) + "\n")

    @contextlib.contextmanager
    def _oracle_file(self) -> Iterator[None]:
        if self._order.oracle is None:
            yield
            return
        try:
            with self._order.oracle.open("w", encoding="utf-8", buffering=1) as opened:
                self._oracle = opened
                yield
        except OSError as error:
            raise FleetError(
                f"Expected to write the oracle to {self._order.oracle}; the system said: "
                f"{error.strerror}. Give a file in a folder that you may write."
            ) from error

    def _summary(self, seconds: float) -> dict[str, Any]:
        total = Tally()
        for gateway in self._gateways.values():
            total.add(gateway.delivery.tally)
        waits = sorted(total.waits_s)
        return {
            "gateways": len(self._gateways),
            "connections": len(self._lines),
            "emitted": sum(len(each.emitted) for each in self._gateways.values()),
            "observations": total.observations,
            "receipted": total.settled,
            "without_receipt": sum(each.delivery.waiting for each in self._gateways.values()),
            "refused": total.refused,
            "messages": total.messages,
            "resent": total.resent,
            "sent_twice": total.sent_twice,
            "overtaken": total.overtaken,
            "unreadable_receipts": self._bad_receipts,
            "lost_connections": sum(line.failures for line in self._lines),
            "receipt_p50_s": _quantile(waits, 0.50),
            "receipt_p99_s": _quantile(waits, 0.99),
            "seconds": round(seconds, 1),
            "observations_per_s": round(total.settled / seconds, 1) if seconds else 0.0,
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


def _all_back(gateways: Sequence[Gateway]) -> None:
    for gateway in gateways:
        gateway.back()


def _quantile(values: Sequence[float], part: float) -> float | None:
    return round(values[int(part * (len(values) - 1))], 3) if values else None
