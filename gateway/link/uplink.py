"""The uplink: keeps what waits in the outbox on its way, and releases it on the receipt.

Owns the conversation with the server over MQTT: connecting again and again, publishing what
the delivery plan says, reading receipts; carries health, instructions and acknowledgements for
those who know them. Must not know devices.

Invariants
----------
1. A broker that is away, at the start or later, is not an error: readings are kept and sent
   when it is back.
2. A message is published only on a live connection, and never more than the plan allows.
3. A receipt that cannot be read is logged and changes nothing.
4. A connection that was lost, and the first after a start, is tried after a wait that is all
   chance: a broker that restarts loses every home in the same second.
5. Readings go first: health and acknowledgements are published after them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from gateway.condition import Condition
from gateway.errors import (
    BrokerRefusedError,
    BrokerUnavailableError,
    NotesError,
    OutboxCorruptError,
    OutboxError,
)
from gateway.keeping.outbox import Outbox
from gateway.link.delivery import DeliveryPlan, Run
from gateway.link.health import HealthReporter
from gateway.link.instruction_desk import InstructionDesk, Told
from gateway.link.mqtt import Broker, Connection, Will
from gateway.link.policy import UplinkPolicy
from telekol import topics
from telekol.backoff import spread_s
from telekol.errors import WireError
from telekol.health import TroubleCode
from telekol.instructions import encode_acknowledgement
from telekol.wire import ObservationMessage, Receipt, decode_receipt, encode

_LOG = logging.getLogger(__name__)

SILENCE_S: Final = 30.0
"""A broker that owes a PUBACK for so long is not there, whatever TCP says (and should paho's
thread have died, this is how we notice)."""

_IDLE_S: Final = 10.0
"""How often an idle uplink looks whether its connection still lives."""

_NEVER_S: Final = float("inf")

_STABLE_S: Final = 30.0
"""A connection that ends sooner counts as a failure, so that a broker that takes us and throws
us out at once (two gateways with one id) is not asked ten times a second."""


class Uplink:
    """Sends what waits in the outbox.

    Parameters
    ----------
    gateway
        This gateway's id; also its client id, so that the broker keeps one session for it.
    reporter, desk
        Who knows health and who knows instructions.
    condition
        Told when the broker refuses us.
    clock
        Gives the time, aware.
    """

    def __init__(
        self,
        gateway: str,
        broker: Broker,
        outbox: Outbox,
        plan: DeliveryPlan,
        reporter: HealthReporter,
        desk: InstructionDesk,
        condition: Condition,
        clock: Callable[[], datetime],
        policy: UplinkPolicy = UplinkPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self._gateway = gateway
        self._broker = broker
        self._outbox = outbox
        self._plan = plan
        self._reporter = reporter
        self._desk = desk
        self._condition = condition
        self._clock = clock
        self._policy = policy
        self._work = asyncio.Event()
        self._absence_said = False
        self._telling: set[tuple[UUID, str]] = set()
        self.is_connected = False

    def wake(self) -> None:
        """Say that there is something new to send."""
        self._work.set()

    def news(self) -> None:
        """Say that the home's condition has changed."""
        self._reporter.changed()
        self.wake()

    async def run(self) -> None:
        """Send, for ever.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged: a new start of the process begins a new one.
        """
        attempt = 1
        while True:
            window_s = self._policy.reconnect_window_s
            await asyncio.sleep(spread_s(attempt, random.random(), window_s=window_s))  # noqa: S311
            began_s = self._now_s()
            try:
                await self._converse()
            except BrokerUnavailableError as error:
                self._say_absence(error)
            except OutboxCorruptError:
                raise
            except OutboxError as error:
                _LOG.error("sending stops for a moment: %s", error)
            attempt = 1 if self._now_s() - began_s > _STABLE_S else attempt + 1

    def _say_absence(self, error: BrokerUnavailableError) -> None:
        # Said once for each absence; a home may be offline for a week.
        level = logging.DEBUG if self._absence_said else logging.WARNING
        _LOG.log(level, "%s; readings are kept and sent when it is back", error)
        self._absence_said = True
        if isinstance(error, BrokerRefusedError):
            self._on_refusal(str(error))

    def _on_refusal(self, reason: str) -> None:
        self._condition.raise_trouble(TroubleCode.BROKER_REFUSED, None, reason, self._clock())

    async def _converse(self) -> None:
        """Talk over one connection until it ends."""
        connection = Connection(
            self._broker,
            {
                topics.receipts(self._gateway): self._on_receipt_payload,
                topics.instructions(self._gateway): self._on_instruction_payload,
            },
            Will(topics.health(self._gateway), self._reporter.will(), self._policy.offline_after_s),
            self._on_refusal,
        )
        try:
            await connection.open()
            self._begin()
            self.is_connected = True
            while not connection.ended.done():
                self._work.clear()
                self._publish_due(connection)
                self._publish_news(connection)
                if connection.silent_s() > SILENCE_S:
                    _LOG.warning("the broker is silent; connecting anew")
                    return
                await self._wait_for_work(connection)
            _LOG.warning("%s; connecting anew", connection.ended.result())
        finally:
            self.is_connected = False
            await connection.close()

    def _begin(self) -> None:
        self._absence_said = False
        self._condition.clear(TroubleCode.BROKER_REFUSED)
        _LOG.info(
            "connected to the broker; %d readings wait for their receipt", self._outbox.depth()
        )
        self._plan.reset()
        self._telling.clear()
        self._reporter.opened()

    def _publish_news(self, connection: Connection) -> None:
        """Send the acknowledgements that the broker has not taken, and the health that is due."""
        for told in self._to_tell():
            key = (told.acknowledgement.instruction, str(told.acknowledgement.state))
            if key not in self._telling:
                self._telling.add(key)
                connection.publish(
                    topics.acknowledgements(self._gateway),
                    encode_acknowledgement(told.acknowledgement),
                    on_confirmed=partial(self._on_told, key, told),
                )
        report = self._reporter.take(random.random())  # noqa: S311
        if report is not None:
            connection.publish(topics.health(self._gateway), report, retain=True)

    def _to_tell(self) -> tuple[Told, ...]:
        try:
            return self._desk.to_tell()
        except NotesError as error:
            # Instructions can wait; readings must not wait for them.
            _LOG.error("acknowledgements wait: %s", error)
            return ()

    def _on_told(self, key: tuple[UUID, str], told: Told) -> None:
        told.confirmed()
        self._telling.discard(key)

    def _on_instruction_payload(self, payload: bytes) -> None:
        self._desk.take(payload, self._clock())
        self.wake()

    async def _wait_for_work(self, connection: Connection) -> None:
        now_s = self._now_s()
        due_s = min(self._plan.wake_at_s or _NEVER_S, self._reporter.wake_at_s or _NEVER_S)
        wait_s = min(max(due_s - now_s, 0.01), _IDLE_S)
        work = asyncio.ensure_future(self._work.wait())
        try:
            waits: set[asyncio.Future[Any]] = {work, connection.ended}
            await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    def _publish_due(self, connection: Connection) -> None:
        pending = self._outbox.pending(self._plan.window)
        now_s = self._now_s()
        for run in self._plan.next_runs(pending, now_s, random.random()):  # noqa: S311
            self._publish(connection, run)

    def _publish(self, connection: Connection, run: Run) -> None:
        now = self._clock()
        observations = self._outbox.read(run.first, run.last, now, run.boot)
        if not observations:
            # Settled meanwhile in part, or unreadable; the plan looks at the outbox again.
            self._plan.drop(run)
            self.wake()
            return
        message = ObservationMessage(
            v=1,
            gateway=self._gateway,
            boot=run.boot,
            seq=run.first,
            sent_at=now,
            observations=observations,
        )
        self._outbox.published(run.first, run.first + len(observations) - 1, run.boot)
        # Not sent means that the connection has ended; the next one begins with a new plan.
        connection.publish(topics.observations(self._gateway), self._encoded(message))

    def _encoded(self, message: ObservationMessage) -> bytes:
        """Add what is to be told of numbers that will never come, if there is room for it."""
        reports = self._outbox.reports(message.sent_at)
        if reports is None:
            return encode(message)
        try:
            payload = encode(message.model_copy(update={"abandoned": reports}))
        except WireError:
            return encode(message)
        self._outbox.told(message.boot, message.seq, reports, message.sent_at)
        return payload

    def _on_receipt_payload(self, payload: bytes) -> None:
        try:
            receipt = decode_receipt(payload)
            self._on_receipt(receipt)
        except WireError as error:
            _LOG.warning("a receipt cannot be read and is left alone: %s", error)
        except Exception:  # noqa: BLE001 - the connection must outlive a bug in here
            _LOG.exception("a receipt could not be taken in; what it settles is sent again")

    def _on_receipt(self, receipt: Receipt) -> None:
        if receipt.gateway != self._gateway:
            _LOG.warning("a receipt for another gateway is left alone: %s", receipt.gateway)
            return
        boot = self._outbox.boot
        released = self._outbox.settle(receipt, self._clock())
        _LOG.debug("receipt through %d: %d released", receipt.through, released)
        if self._outbox.boot != boot:
            self._plan.reset()
        else:
            self._plan.settled(receipt.boot, receipt.first, receipt.last, self._now_s())
        self.wake()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
