"""The health message and the words of troubles: bounded, readable, open to newer gateways."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telekol import topics
from telekol.errors import WireError
from telekol.health import (
    DEVICES_MOST,
    HEALTH_LIMIT_BYTES,
    TROUBLES,
    TROUBLES_MOST,
    ClockHealth,
    ConnectionCount,
    DeviceHealth,
    HealthMessage,
    OutboxHealth,
    RadioHealth,
    RadioState,
    Trouble,
    TroubleCode,
    decode_health,
    encode_health,
    words,
)

NOW = datetime(2026, 3, 14, 8, 30, tzinfo=UTC)
GATEWAY = "gw-test-001"
TOPIC = topics.health(GATEWAY)
LIFE = UUID("3f1c1a52-1f0e-4a7e-9a53-6d8c3d0a7b10")


def health(**changes: Any) -> HealthMessage:
    whole: dict[str, Any] = {
        "v": 1,
        "gateway": GATEWAY,
        "boot": LIFE,
        "sent_at": NOW,
        "online": True,
        "connection": ConnectionCount(life=LIFE, number=1, report=1),
        "version": "1",
        "started_at": NOW,
        "uptime_s": 3,
        "clock": ClockHealth(trusted=True, why="ntp"),
        "radio": RadioHealth(state=RadioState.LISTENING, since=NOW),
        "outbox": OutboxHealth(depth=1, size_bytes=2, last_seq=3),
        "devices": (DeviceHealth(address="C0:00:00:00:00:01", battery_pct=80),),
        "troubles": (Trouble(code="bond-lost", device="C0:00:00:00:00:01", since=NOW),),
    }
    return HealthMessage(**{**whole, **changes})


def test_a_health_message_comes_through_exactly() -> None:
    assert decode_health(TOPIC, encode_health(health())) == health()


def test_the_largest_message_fits() -> None:
    """All bounds used up, in signs of four bytes."""
    sign = "\U00010348"
    most = 2**53
    message = health(
        gateway="g" * 63,
        version=sign * 64,
        clock=ClockHealth(trusted=False, why=sign * 160),
        outbox=OutboxHealth(
            depth=most, oldest_age_s=most, size_bytes=most, limit_bytes=most, last_seq=most
        ),
        devices=(DeviceHealth(address=sign * 64, model=sign * 64, last_heard_at=NOW),)
        * DEVICES_MOST,
        troubles=(Trouble(code="c" * 40, device=sign * 64, since=NOW, detail=sign * 160),)
        * TROUBLES_MOST,
    )
    size = len(encode_health(message))
    assert 0.8 * HEALTH_LIMIT_BYTES < size <= HEALTH_LIMIT_BYTES


def test_a_code_of_a_newer_gateway_survives_and_is_shown_as_it_is() -> None:
    message = health(troubles=(Trouble(code="flux-missing", since=NOW),))
    got = decode_health(TOPIC, encode_health(message))
    assert got.troubles[0].code == "flux-missing"
    assert "flux-missing" in words("flux-missing").danish
    assert "flux-missing" in words("flux-missing").english


@pytest.mark.parametrize(
    ("topic", "changes", "code"),
    [
        (topics.health("gw-other-01"), {}, "topic-mismatch"),
        (topics.observations(GATEWAY), {}, "bad-topic"),
        (TOPIC + "\n", {}, "bad-topic"),
        (TOPIC, {"v": 2}, "bad-health"),
        (TOPIC, {"online": "yes"}, "bad-health"),
        (TOPIC, {"patient": "x"}, "bad-health"),
        (TOPIC, {"sent_at": "2026-03-14T08:30:00"}, "bad-health"),
        (TOPIC, {"troubles": [{"code": "Not A Code", "since": "2026-03-14T08:30:00Z"}]}, None),
        (TOPIC, {"version": "x" * HEALTH_LIMIT_BYTES}, "too-large"),
    ],
)
def test_what_is_no_health_message_is_refused_by_name(
    topic: str, changes: dict[str, Any], code: str | None
) -> None:
    document = {**json.loads(encode_health(health())), **changes}
    with pytest.raises(WireError) as caught:
        decode_health(topic, json.dumps(document).encode())
    assert caught.value.code == (code or "bad-health")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_the_one_error(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode_health(TOPIC, payload)


def test_every_trouble_has_words_in_both_languages_and_a_next_step() -> None:
    assert set(TROUBLES) == set(TroubleCode)
    said = [
        text
        for item in TROUBLES.values()
        for text in (item.danish, item.danish_step, item.english, item.english_step)
    ]
    assert len(set(said)) > 0.9 * len(said)
    assert all(text.endswith(".") and text[0].isupper() for text in said)
