"""An MQTT broker without Docker or root: Mosquitto when it is installed, else iotcore's wheel.

Owns the broker's configuration for demo and tests and the command that starts it; both run as
a child process in the foreground. Production has its own, see docker-compose.yml.
"""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from telekol.errors import TelekolError

MESSAGE_LIMIT_BYTES: Final = 256 * 1024
"""Twice what our messages may hold, so that ours is the limit that answers with a reason."""

QUEUE_LIMIT: Final = 100_000
"""Messages kept for an ingest that is away; Mosquitto's default of 1000 drops in silence."""

_MOSQUITTO: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
persistence true
persistence_location {folder}/
autosave_interval 60
max_queued_messages {queue}
max_inflight_messages 1000
message_size_limit {message}
log_type error
log_type warning
"""

_IOTCORE: Final = """\
id = 0
[router]
id = 0
max_connections = 2000
max_outgoing_packet_count = 1000
max_segment_size = 10485760
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {message}
max_inflight_count = 1000
dynamic_filters = true
"""


class BrokerKind(StrEnum):
    """Which broker to run."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    IOTCORE = "iotcore"


@dataclass(frozen=True, slots=True)
class BrokerCommand:
    """How to start a broker: its kind, its command line, and where it listens."""

    kind: BrokerKind
    arguments: tuple[str, ...]
    url: str


def find_mosquitto() -> str | None:
    """Give the path of Mosquitto, which Debian keeps outside an ordinary user's PATH."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("mosquitto", path=search)


def prepare(folder: Path, port: int, kind: BrokerKind = BrokerKind.AUTO) -> BrokerCommand:
    """Write a configuration into `folder` and give the command that starts the broker.

    Raises
    ------
    TelekolError
        If Mosquitto is asked for and not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mosquitto = find_mosquitto()
    if kind is BrokerKind.MOSQUITTO and mosquitto is None:
        raise TelekolError(
            "Mosquitto is not installed; run: sudo apt-get install mosquitto, or use iotcore"
        )
    if mosquitto is None or kind is BrokerKind.IOTCORE:
        return _iotcore(folder, port)
    return _mosquitto(mosquitto, folder, port)


def _mosquitto(program: str, folder: Path, port: int) -> BrokerCommand:
    config = folder / "mosquitto.conf"
    text = _MOSQUITTO.format(
        port=port,
        user=getpass.getuser(),
        folder=folder,
        queue=QUEUE_LIMIT,
        message=MESSAGE_LIMIT_BYTES,
    )
    config.write_text(text, encoding="utf-8")
    return BrokerCommand(BrokerKind.MOSQUITTO, (program, "-c", str(config)), _url(port))


def _iotcore(folder: Path, port: int) -> BrokerCommand:
    config = folder / "iotcore.toml"
    config.write_text(_IOTCORE.format(port=port, message=MESSAGE_LIMIT_BYTES), encoding="utf-8")
    start = "import sys; from iotcore import Broker; Broker(config_path=sys.argv[1]).run_forever()"
    arguments = (sys.executable, "-c", start, str(config))
    return BrokerCommand(BrokerKind.IOTCORE, arguments, _url(port))


def _url(port: int) -> str:
    return f"mqtt://127.0.0.1:{port}"
