"""MQTT topics, in one place.

    telekol/v1/gateways/{gateway}/observations        up
    telekol/v1/gateways/{gateway}/receipts            down
    telekol/v1/gateways/{gateway}/health              up, retained, and the Last Will
    telekol/v1/gateways/{gateway}/instructions        down
    telekol/v1/gateways/{gateway}/acknowledgements    up

``{gateway}`` is the gateway's id and, with TLS, its certificate's common name. It can hold
no wildcard and no slash, so a hostile id cannot reach another gateway's topic.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from telekol.errors import WireError

ROOT: Final = "telekol/v1/gateways"
GATEWAY_ID_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"

GatewayId = Annotated[str, Field(pattern=GATEWAY_ID_PATTERN)]

OBSERVATIONS: Final = "observations"
RECEIPTS: Final = "receipts"
HEALTH: Final = "health"
INSTRUCTIONS: Final = "instructions"
ACKNOWLEDGEMENTS: Final = "acknowledgements"

ALL_OBSERVATIONS: Final = f"{ROOT}/+/{OBSERVATIONS}"
ALL_HEALTH: Final = f"{ROOT}/+/{HEALTH}"
ALL_ACKNOWLEDGEMENTS: Final = f"{ROOT}/+/{ACKNOWLEDGEMENTS}"
"""With the two above, what ingest subscribes to."""

_PARTS: Final = re.compile(rf"{ROOT}/([^/]+)/([^/]+)")
_GATEWAY_ID: Final = re.compile(GATEWAY_ID_PATTERN)


def observations(gateway: str) -> str:
    """Topic on which `gateway` sends readings."""
    return f"{ROOT}/{gateway}/{OBSERVATIONS}"


def receipts(gateway: str) -> str:
    """Topic on which `gateway` hears what was stored."""
    return f"{ROOT}/{gateway}/{RECEIPTS}"


def health(gateway: str) -> str:
    """Topic on which `gateway` says how it is; the newest is retained."""
    return f"{ROOT}/{gateway}/{HEALTH}"


def instructions(gateway: str) -> str:
    """Topic on which `gateway` hears what it should do."""
    return f"{ROOT}/{gateway}/{INSTRUCTIONS}"


def acknowledgements(gateway: str) -> str:
    """Topic on which `gateway` says what became of an instruction."""
    return f"{ROOT}/{gateway}/{ACKNOWLEDGEMENTS}"


def channel_of(topic: str) -> str | None:
    """Give the last part of a topic of ours, such as ``health``; None if it is not one."""
    match = _PARTS.fullmatch(topic)
    return match[2] if match else None


def gateway_of(topic: str) -> str:
    """Read the gateway id out of an observations topic; see `sender`."""
    return sender(topic, OBSERVATIONS)


def sender(topic: str, channel: str) -> str:
    """Read the gateway id out of a topic of `channel`.

    Raises
    ------
    WireError
        With code ``bad-topic`` if it is not such a topic or the id is not allowed.
    """
    match = _PARTS.fullmatch(topic)
    if match is None or match[2] != channel or not _GATEWAY_ID.fullmatch(match[1]):
        raise WireError(
            "bad-topic",
            f"expected {ROOT}/GATEWAY/{channel} with GATEWAY like gw-aarhus-017, "
            f"found {topic[:200]!r}",
        )
    return match[1]


def check_sender(topic_gateway: str, message_gateway: str) -> None:
    """See that a message speaks for the gateway on whose topic it came.

    Raises
    ------
    WireError
        With code ``topic-mismatch`` if it speaks for another.
    """
    if topic_gateway != message_gateway:
        raise WireError(
            "topic-mismatch",
            f"the topic is {topic_gateway!r}'s but the envelope says {message_gateway!r}; "
            "a gateway may only speak for itself",
        )
