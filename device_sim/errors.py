"""The exceptions of the simulator.

    telekol.errors.TelekolError
    └── SimulatorError           anything the simulator raises on purpose
        ├── NotEncodableError    a value that no such device can send
        ├── DeviceStateError     the device cannot do that now
        ├── ControlError         a control command that cannot be carried out
        ├── ScenarioError        a story that cannot be read, or cannot be told like that
        └── FleetError           a fleet that cannot run: no broker, or too many connections

A message says what was expected, what was found and what to do next.
"""

from __future__ import annotations

from telekol.errors import TelekolError


class SimulatorError(TelekolError):
    """Anything the simulator raises on purpose."""


class NotEncodableError(SimulatorError):
    """A value that no such device can send."""


class DeviceStateError(SimulatorError):
    """The device cannot do that now."""


class ControlError(SimulatorError):
    """A control command that cannot be carried out."""


class ScenarioError(SimulatorError):
    """A story that cannot be read, or cannot be told like that."""


class FleetError(SimulatorError):
    """A fleet that cannot run."""
