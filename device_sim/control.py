r"""Steering a running simulator from another process: JSON lines over a localhost socket.

Owns the protocol and its client; `control_server` is the other end. One request per line, one
answer per line, in order::

    {"command": "measure", "home": "gateway-0001", "device": "oximeter",
     "values": {"spo2": 84, "pulse_rate": 104}}
    {"ok": true, "serial": "PLX-000001", "device_time": "2026-03-14T08:30:05",
     "values": {"spo2": 84.0, "pulse_rate": 104.0}}

Commands:

``measure``
    Measure now. `values` may leave out quantities, or be left out: the patient's usual ones.
``set-usual``
    Change the patient's usual levels from now on; `values` as for ``measure``.
``set-clock``
    Set the device's clock wrong by `error_s` seconds against UTC.
``drop-link``
    End the device's connection abruptly.
``indicate-raw``
    Indicate the bytes in `hex`, whatever they mean.
``press-pairing``
    Hold the button of a device that is paired so (A&D, Beurer scale).
``choose-user``
    On a scale with users: the index `user` stands on it from now on.
``hand-in``
    Where a vendor-spirometer's documents go: `folder`, or `url` with `token`.
``fault``
    Switch on the fault `name`; its parameters beside it, e.g. ``"seconds": 3``.
``heal``
    Switch off the fault `name`, or every fault of the device.
``faults``
    List every fault: what it does, its parameters, which kinds of device can have it, and what
    the server must show in the end (`readings`, `time_tolerance_s`, `technical`).
``start`` / ``stop``
    Start (each `interval_s`) or stop the routine of measuring; of one home, or of all when
    `home` is absent.
``status``
    Tell each home's moniker and each device's taken, indicated, confirmed and pending counts,
    and the same four in `total`; and how many measurements are still `in_memory`, told or not, and
    whether a gateway is `connected` to it.
``quit``
    End the simulator.

An answer to a request that cannot be carried out is ``{"ok": false, "error": "..."}``; the
connection stays usable.
"""

from __future__ import annotations

import json
import socket
from types import TracebackType
from typing import Any, Self

from device_sim.errors import ControlError

Answer = dict[str, Any]


class SimControl:
    """Blocking calls to a running simulator, for tests and the demo.

    Parameters
    ----------
    port
        What the simulator printed as its control port.
    timeout_s
        How long an answer may take.

    Examples
    --------
    >>> with SimControl(9100) as sim:  # doctest: +SKIP
    ...     sim.measure("gateway-0001", "oximeter", spo2=84)
    """

    def __init__(self, port: int, *, timeout_s: float = 10.0) -> None:
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        except OSError as error:
            raise ControlError(
                f"Expected a simulator with --control {port} on this machine, found none "
                f"({error}). Start it first."
            ) from error
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def request(self, command: str, **arguments: object) -> Answer:
        """Send one request and return its answer.

        Raises
        ------
        ControlError
            When the simulator refuses it, or is gone.
        """
        line = json.dumps({"command": command} | arguments).encode() + b"\n"
        try:
            self._socket.sendall(line)
            answer = self._lines.readline()
        except OSError as error:
            raise ControlError(f"Expected an answer to {command}: {error}.") from error
        if not answer:
            raise ControlError(f"Expected an answer to {command}; the simulator is gone.")
        found: Answer = json.loads(answer)
        if not found.pop("ok"):
            raise ControlError(found["error"])
        return found

    def measure(self, home: str, device: str, **values: float) -> Answer:
        """Measure now; `values` by quantity, the patient's usual ones where left out."""
        return self.request("measure", home=home, device=device, values=values)

    def set_usual(self, home: str, **values: float) -> None:
        """Change the patient's usual levels, those that are given, from now on."""
        self.request("set-usual", home=home, values=values)

    def set_clock(self, home: str, device: str, error_s: float) -> Answer:
        """Set the device's clock wrong by `error_s` against UTC."""
        return self.request("set-clock", home=home, device=device, error_s=error_s)

    def drop_link(self, home: str, device: str) -> None:
        """End the device's connection abruptly."""
        self.request("drop-link", home=home, device=device)

    def indicate_raw(self, home: str, device: str, payload: bytes) -> None:
        """Indicate `payload`, whatever it means."""
        self.request("indicate-raw", home=home, device=device, hex=payload.hex())

    def fault(self, home: str, device: str, name: str, **parameters: float) -> Answer:
        """Switch a fault on; see `device_sim.faults`."""
        return self.request("fault", home=home, device=device, name=name, **parameters)

    def heal(self, home: str, device: str, name: str | None = None) -> Answer:
        """Switch a fault of the device off, or all."""
        named = {} if name is None else {"name": name}
        return self.request("heal", home=home, device=device, **named)

    def faults(self) -> Answer:
        """List every fault."""
        return self.request("faults")

    def start(self, interval_s: float, home: str | None = None) -> None:
        """Start the routine of measuring, of one home or of all."""
        self.request("start", interval_s=interval_s, **_optional(home))

    def stop(self, home: str | None = None) -> None:
        """Stop the routine of measuring, of one home or of all."""
        self.request("stop", **_optional(home))

    def status(self, home: str | None = None) -> Answer:
        """Tell monikers and counts; see the module's description."""
        return self.request("status", **_optional(home))

    def quit(self) -> None:
        """End the simulator."""
        self.request("quit")


def _optional(home: str | None) -> dict[str, str]:
    return {} if home is None else {"home": home}
