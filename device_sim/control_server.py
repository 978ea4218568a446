"""The simulator's end of the control protocol that `device_sim.control` describes.

Owns the commands and their answers. Must not know who sends them.

Invariant: nothing that a client sends ends the simulator, save ``quit``; a request that cannot
be carried out gets an answer that says why.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from device_sim.errors import ControlError, SimulatorError
from device_sim.faults import described
from device_sim.home import Home
from device_sim.kit import traits_by_kind
from device_sim.peripherals.instrument import Instrument
from device_sim.peripherals.vendor_spirometer import Door, VendorSpirometer

MAX_LINE_BYTES: Final = 65536

Request = dict[str, Any]
Answer = dict[str, Any]


class ControlServer:
    """The simulator's end.

    Parameters
    ----------
    homes
        By gateway id.
    quit_requested
        Set when somebody sends ``quit``.
    """

    def __init__(self, homes: Mapping[str, Home], quit_requested: asyncio.Event) -> None:
        self._homes = homes
        self._quit_requested = quit_requested
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._commands: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "measure": self._measure,
            "set-usual": self._set_usual,
            "set-clock": self._set_clock,
            "drop-link": self._drop_link,
            "indicate-raw": self._indicate_raw,
            "press-pairing": self._press_pairing,
            "choose-user": self._choose_user,
            "hand-in": self._hand_in,
            "fault": self._fault,
            "heal": self._heal,
            "faults": self._faults,
            "start": self._start,
            "stop": self._stop,
            "status": self._status,
            "quit": self._quit,
        }

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1; returns the port (0: any free one)."""
        try:
            self._server = await asyncio.start_server(
                self._converse, "127.0.0.1", port, limit=MAX_LINE_BYTES
            )
        except (OSError, OverflowError) as error:
            raise ControlError(
                f"Expected to listen for control on 127.0.0.1:{port}; the system said: {error}. "
                "Choose another port, or 0 for any free one."
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()

    async def answer(self, line: bytes) -> Answer:
        """Carry out one request line; whatever is wrong with it becomes the answer."""
        try:
            request = _read(line)
            command = self._command(request)
            return {"ok": True, **await command(request)}
        except (SimulatorError, ValueError) as error:
            return {"ok": False, "error": str(error)}

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                answer = await self.answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            # Gone, or a line beyond MAX_LINE_BYTES: there is nobody to answer sensibly.
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def _command(self, request: object) -> Callable[[Request], Awaitable[Answer]]:
        name = request.get("command") if isinstance(request, dict) else request
        if not isinstance(name, str) or name not in self._commands:
            raise ControlError(
                f'Expected {{"command": one of {", ".join(self._commands)}}}, found {name!r}.'
            )
        return self._commands[name]

    def _home(self, request: Request) -> Home:
        home = self._homes.get(str(request.get("home")))
        if home is None:
            raise ControlError(
                f"Expected a home: {', '.join(self._homes)}; found {request.get('home')!r}."
            )
        return home

    def _device(self, request: Request) -> Instrument:
        return self._home(request).device(str(request.get("device")))

    def _chosen(self, request: Request) -> list[Home]:
        return list(self._homes.values()) if "home" not in request else [self._home(request)]

    async def _measure(self, request: Request) -> Answer:
        taken = await self._home(request).measure(
            str(request.get("device")), _decimals(request.get("values", {}))
        )
        return {
            "serial": taken.serial,
            "device_time": taken.device_time and taken.device_time.isoformat(),
            "values": {quantity: float(value) for quantity, value in taken.values},
        }

    async def _set_usual(self, request: Request) -> Answer:
        self._home(request).patient.become(_decimals(request.get("values", {})))
        return {}

    async def _set_clock(self, request: Request) -> Answer:
        error_s = _number(request, "error_s")
        device = self._device(request)
        try:
            device.clock.error = timedelta(seconds=error_s)
            return {"device_time": device.clock.now().isoformat(timespec="seconds")}
        except OverflowError as error:
            device.clock.error = timedelta()
            raise ControlError(f"Expected a clock error a calendar can hold: {error}.") from error

    async def _drop_link(self, request: Request) -> Answer:
        await self._device(request).drop_link()
        return {}

    async def _indicate_raw(self, request: Request) -> Answer:
        payload = bytes.fromhex(str(request.get("hex", "")))
        self._device(request).indicate_raw(payload)
        return {}

    async def _press_pairing(self, request: Request) -> Answer:
        self._device(request).press_pairing()
        return {}

    async def _choose_user(self, request: Request) -> Answer:
        self._device(request).choose_user(int(_number(request, "user")))
        return {}

    async def _hand_in(self, request: Request) -> Answer:
        device = self._device(request)
        if not isinstance(device, VendorSpirometer):
            raise ControlError(
                f"Expected a vendor-spirometer, found {device.identity.model}, which hands in no "
                "documents."
            )
        folder, url, token = (request.get(key) for key in ("folder", "url", "token"))
        if (folder is None) is (url is None):
            raise ControlError("Expected a folder or a url to hand documents in, one of the two.")
        device.hand_in_to(
            Door(folder and Path(str(folder)), url and str(url), token and str(token))
        )
        return {"where": device.where}

    async def _fault(self, request: Request) -> Answer:
        name, device = str(request.get("name")), self._device(request)
        parameters = {
            key: _number(request, key)
            for key in request
            if key not in {"command", "home", "device", "name"}
        }
        await device.begin_fault(name, parameters)
        return {"faults": device.faults.on}

    async def _heal(self, request: Request) -> Answer:
        device, name = self._device(request), request.get("name")
        await device.heal_fault(None if name is None else str(name))
        return {"faults": device.faults.on}

    async def _faults(self, _request: Request) -> Answer:
        return {"faults": described(traits_by_kind())}

    async def _start(self, request: Request) -> Answer:
        interval_s = _number(request, "interval_s")
        for home in self._chosen(request):
            home.start_measuring(interval_s)
        return {}

    async def _stop(self, request: Request) -> Answer:
        for home in self._chosen(request):
            await home.stop_measuring()
        return {}

    async def _status(self, request: Request) -> Answer:
        homes = {home.gateway_id: _home_status(home) for home in self._chosen(request)}
        stages = ("taken", "indicated", "confirmed", "pending")
        devices = [device for home in homes.values() for device in home["devices"].values()]
        total = {stage: sum(device[stage] for device in devices) for stage in stages}
        return {"homes": homes, "total": total}

    async def _quit(self, _request: Request) -> Answer:
        self._quit_requested.set()
        return {}


def _home_status(home: Home) -> dict[str, Any]:
    return {
        "moniker": home.moniker,
        "measuring": home.is_measuring,
        "gateway_connected": home.radio.has_host,
        "devices": {
            kind: {
                "serial": device.serial,
                "address": device.where,
                "faults": device.faults.on,
                **asdict(home.log.counts(device.serial)),
                "pending": device.pending_count,
                "in_memory": len(device.pending()),
                "connected": device.is_connected,
            }
            for kind, device in home.devices.items()
        },
    }


def _decimals(values: object) -> dict[str, Decimal]:
    if not isinstance(values, dict):
        raise ControlError(f'Expected values as {{"quantity": number}}, found {values!r}.')
    try:
        return {str(quantity): Decimal(str(value)) for quantity, value in values.items()}
    except InvalidOperation as error:
        raise ControlError(f"Expected numbers as values, found {values!r}.") from error


def _number(request: Request, name: str) -> float:
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ControlError(f"Expected a number as {name}, found {value!r}.")
    return float(value)


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ControlError(
            f'Expected a line of JSON, such as {{"command": "status"}}; found {line[:60]!r} '
            f"({error})."
        ) from None
