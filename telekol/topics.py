"""MQTT topics, in one place.

    telekol/v1/gateways/{gateway}/observations    up
    telekol/v1/gateways/{gateway}/receipts        down

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

ALL_OBSERVATIONS: Final = f"{ROOT}/+/observations"
"""What ingest subscribes to."""

_OBSERVATIONS: Final = re.compile(rf"^{ROOT}/([^/]+)/observations$")


def observations(gateway: str) -> str:
    """Topic on which `gateway` sends readings."""
    return f"{ROOT}/{gateway}/observations"


def receipts(gateway: str) -> str:
    """Topic on which `gateway` hears what was stored."""
    return f"{ROOT}/{gateway}/receipts"


def gateway_of(topic: str) -> str:
    """Read the gateway id out of an observations topic.

    Raises
    ------
    WireError
        With code ``bad-topic`` if it is not such a topic or the id is not allowed.
    """
    match = _OBSERVATIONS.match(topic)
    if match is None or not re.match(GATEWAY_ID_PATTERN, match[1]):
        raise WireError(
            "bad-topic",
            f"expected {ROOT}/GATEWAY/observations with GATEWAY like gw-aarhus-017, "
            f"found {topic[:200]!r}",
        )
    return match[1]
