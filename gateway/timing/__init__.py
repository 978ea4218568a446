"""When something was measured: devices' clocks, the gateway's own, and what waits for a date."""
