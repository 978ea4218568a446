"""The quick road against the slow one: what it reads is right, and it takes nothing wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import parcel, quick
from ingest.parcel import Parcel
from telekol import topics, wire
from telekol.errors import WireError
from telekol.observation import USER_INDEX_MOST, Device, Entry, Observation, TimeConfidence
from telekol.plausibility import bounds
from telekol.quantities import FACTS, Quantity
from telekol.wire import ObservationMessage

GATEWAY = "gw-test-1"
TOPIC = topics.observations(GATEWAY)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def _slow(topic: str, payload: bytes) -> Parcel | None:
    """What the slow road makes of it; None where it refuses the whole message."""
    try:
        return parcel._sort_slowly(topic, payload, NOW)
    except WireError:
        return None


def _quick(topic: str, payload: bytes) -> Parcel | None:
    message = quick.read(topic, payload, NOW)
    if message is None:
        return None
    last = message.first + len(message.readings) - 1
    run = parcel.Run(message.gateway, message.boot, message.first, last)
    return Parcel(topic, payload, run, message.readings)


def _see_that_roads_agree(topic: str, payload: bytes) -> bool:
    """Compare; say whether the quick road took it."""
    quickly = _quick(topic, payload)
    if quickly is None:
        return False
    # `tail` holds every column: the bytes agree where this does.
    assert quickly == _slow(topic, payload)
    return True


# What JSON would have to escape is read slowly; the tests of odd values have such texts.
printable = st.text(max_size=120).filter(
    lambda text: text.isprintable() and not set(text) & {*'"\\'}
)
offsets = st.sampled_from([UTC, timezone(timedelta(hours=1)), timezone(-timedelta(hours=9.5))])
naive = st.datetimes(datetime(2015, 2, 1), datetime(2026, 10, 30))  # noqa: DTZ001 - a device's
aware = st.datetimes(
    datetime(2015, 2, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2026, 10, 30),  # noqa: DTZ001
    timezones=offsets,
)
devices = st.builds(Device, address=printable, manufacturer=printable, model=printable)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    quantity = draw(st.sampled_from(Quantity))
    facts, limits = FACTS[quantity], bounds(quantity)
    measured_at = draw(aware)
    return Observation(
        id=draw(st.uuids()),
        device=draw(devices),
        quantity=quantity,
        value=draw(st.floats(limits.lowest, limits.highest)),
        unit=facts.unit,
        measured_at=measured_at,
        device_time=draw(st.none() | naive),
        clock_offset_s=draw(st.none() | st.floats(-1e9, 1e9)),
        time_confidence=draw(st.sampled_from(TimeConfidence)),
        received_at=measured_at + draw(st.timedeltas(timedelta(minutes=-4), timedelta(days=60))),
        quality=tuple(draw(st.lists(printable, max_size=32))),
        entered=draw(st.sampled_from(Entry)),
        user_index=draw(st.none() | st.integers(0, USER_INDEX_MOST)),
    )


messages = st.builds(
    ObservationMessage,
    v=st.just(1),
    gateway=st.just(GATEWAY),
    boot=st.uuids(),
    seq=st.integers(1, 2**53),
    sent_at=aware,
    observations=st.lists(observations(), min_size=1, max_size=4).map(tuple),
)


@given(messages)
def test_a_right_message_is_read_quickly_and_as_the_slow_road_reads_it(
    message: ObservationMessage,
) -> None:
    assert _see_that_roads_agree(TOPIC, wire.encode(message))


@given(messages)
def test_nulls_written_out_are_read_alike(message: ObservationMessage) -> None:
    document = message.model_dump(mode="json")
    del document["abandoned"]
    assert _see_that_roads_agree(TOPIC, json.dumps(document, ensure_ascii=False).encode())


ODD: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 2.0, 1.5, -0.0, 2**53, 2**53 + 1, 2**63, 2**64, 10**30, 1e300,
    "", "1", "x" * 120, "x" * 121, "\x00", "\n", "\ud800", "\u200b", "\u00a0", "æ", "😀" * 120,
    [], {}, [[]], ["x"] * 33, ["\x07"], "spo2", "arrival", "typed", "%", "kg", GATEWAY,
    GATEWAY + "\n",
    "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "2026-01-01t00:00:00z",
    "2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.9999999Z",
    "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01",
    "0001-01-01T00:00:00Z",
    "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00-23:59", "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00.1234567", "20260101T000000Z",
    "1767225600", 1767225600,
    "2014-12-31T23:59:59Z", "2026-11-01T12:04:59Z", "2026-11-01T12:05:00Z",
    "2026-11-01T12:05:00.000001Z",
    "7d9c7b0a6f0e5d439f570c0b6f0a1d52", "{7d9c7b0a-6f0e-5d43-9f57-0c0b6f0a1d52}",
    "urn:uuid:7d9c7b0a-6f0e-5d43-9f57-0c0b6f0a1d52", "7D9C7B0A-6F0E-5D43-9F57-0C0B6F0A1D52",
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from _places(value[name], (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, (*path, number))


def _changed(document: Any, path: tuple[Any, ...], how: str, odd: Any) -> Any:
    if not path:
        return odd
    changed = copy.deepcopy(document)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    if how == "remove":
        del parent[path[-1]]
    elif how == "add" and isinstance(parent, dict):
        parent["odd"] = odd
    else:
        parent[path[-1]] = odd
    return changed


def _written(document: Any) -> bytes:
    """As JSON without escapes where it can be; a lone surrogate becomes bytes that are no UTF-8."""
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")


def _plain(**changes: Any) -> dict[str, Any]:
    """A right message with one observation that has a value in every field."""
    item = {
        "id": "7d9c7b0a-6f0e-5d43-9f57-0c0b6f0a1d52",
        "device": {"address": "C0:00", "manufacturer": "m", "model": "o", "serial": "s"},
        "quantity": "spo2",
        "value": 93.0,
        "unit": "%",
        "measured_at": "2026-01-01T00:00:00Z",
        "device_time": "2026-01-01T01:00:00",
        "clock_offset_s": -3600.0,
        "time_confidence": "clock-checked",
        "received_at": "2026-11-01T12:05:00Z",
        "quality": ["weak"],
        "entered": "automatic",
        "user_index": 3,
    }
    return {
        "v": 1,
        "gateway": GATEWAY,
        "boot": "0d9c7b0a-6f0e-5d43-9f57-0c0b6f0a1d52",
        "seq": 1,
        "sent_at": "2026-01-01T00:00:00Z",
        "observations": [item],
    }


@pytest.mark.parametrize("place", list(_places(_plain())), ids=str)
def test_one_odd_value_anywhere_is_never_read_otherwise(place: tuple[Any, ...]) -> None:
    taken = 0
    for how in ("replace", "remove", "add"):
        for odd in ODD if how != "remove" else [None]:
            document = _changed(_plain(), place, how, odd)
            taken += _see_that_roads_agree(TOPIC, _written(document))
    assert taken < 2 * len(ODD)


@given(messages, st.data())
def test_several_odd_values_are_never_read_otherwise(
    message: ObservationMessage, data: st.DataObject
) -> None:
    document: Any = message.model_dump(mode="json", exclude_none=True)
    for _ in range(data.draw(st.integers(1, 3))):
        if not isinstance(document, dict):
            break
        place = data.draw(st.sampled_from(list(_places(document))))
        how = data.draw(st.sampled_from(["replace", "remove", "add"]))
        document = _changed(document, place, how, data.draw(st.sampled_from(ODD)))
    _see_that_roads_agree(TOPIC, _written(document))


@settings(max_examples=300)
@given(messages, st.data())
def test_flipped_bytes_are_never_read_otherwise(
    message: ObservationMessage, data: st.DataObject
) -> None:
    payload = bytearray(wire.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload) - 1))
        some = data.draw(
            st.sampled_from([b"", b"\x00", b"\xff", b'"', b"}", b"0", b"e9", b" ", b","])
        )
        payload[place : place + data.draw(st.integers(0, 2))] = some
    _see_that_roads_agree(TOPIC, bytes(payload))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_bytes_of_any_kind_are_left_to_the_slow_road(payload: bytes) -> None:
    assert quick.read(TOPIC, payload, NOW) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seq": 1', '"seq": 1, "seq": 2'),
        ('"value": 93.0', '"value": 93.0, "value": "x"'),
        ('"value": 93.0', '"value": NaN'),
        ('"value": 93.0', '"value": 93'),
        ('"value": 93.0', '"value": 1e400'),
        ('"value": 93.0', '"value": 93.000000000000000000000000000001'),
        ('"value": 93.0', '"value": 0.93e2'),
        ('"value": 93.0', '"value": 093'),
        ('"clock_offset_s": -3600.0', '"clock_offset_s": -Infinity'),
        ('"clock_offset_s": -3600.0', '"clock_offset_s": 1e999'),
        ('"clock_offset_s": -3600.0', '"clock_offset_s": ' + "9" * 400),
        ('"seq": 1', '"seq": 1e0'),
        ('"user_index": 3', '"user_index": 3e0'),
        ('"v": 1', '"v": 1.0'),
        ('"v": 1', '"v": true'),
        ('"v"', '"\\u0076"'),
        ('"serial": "s"', '"serial": "\\ud83d\\ude00"'),
        ('"serial": "s"', '"serial": "\\ud83d"'),
        ('"seq": 1', '"seq": 1, "abandoned": null'),
        ("01T01:00:00", "01T01:00:00.123456\\u0037"),
        ("01T01:00:00", "01T01:00:00\\u002e1234567"),
    ],
)
def test_json_that_readers_disagree_about_is_never_read_otherwise(old: str, new: str) -> None:
    text = json.dumps(_plain())
    assert old in text
    _see_that_roads_agree(TOPIC, text.replace(old, new).encode())
    for prefix in (b"\xef\xbb\xbf", b" \n"):
        _see_that_roads_agree(TOPIC, prefix + text.replace(old, new).encode())
    _see_that_roads_agree(TOPIC, text.encode() + b"{}")


gateways = st.text("ab-\nA/+#é", min_size=1, max_size=64)


@given(gateways, gateways)
@example("gw-a\n", "gw-a\n")
@example("a" * 63, "a" * 63)
@example("a" * 64, "a" * 64)
@example("gw-a", "gw-b")
def test_only_the_sender_itself_is_read(on_topic: str, in_message: str) -> None:
    payload = json.dumps(_plain() | {"gateway": in_message}).encode()
    _see_that_roads_agree(f"{topics.ROOT}/{on_topic}/observations", payload)
    _see_that_roads_agree(f"{topics.ROOT}/{in_message}/observations", payload)


@pytest.mark.parametrize(
    "topic", ["", "x", topics.health(GATEWAY), f"/{TOPIC}", f"{TOPIC}/", f"{TOPIC}\n", f" {TOPIC}"]
)
def test_another_topic_is_left_to_the_slow_road(topic: str) -> None:
    assert quick.read(topic, json.dumps(_plain()).encode(), NOW) is None


def test_a_message_over_the_limit_is_left_to_the_slow_road() -> None:
    payload = json.dumps(_plain()).encode()
    assert _see_that_roads_agree(TOPIC, payload.ljust(wire.MESSAGE_LIMIT_BYTES))
    assert quick.read(TOPIC, payload.ljust(wire.MESSAGE_LIMIT_BYTES + 1), NOW) is None


def test_what_claims_to_be_of_the_future_is_left_to_the_slow_road() -> None:
    document = _plain()
    document["observations"][0]["measured_at"] = "2026-11-01T12:05:00.000001Z"
    assert quick.read(TOPIC, json.dumps(document).encode(), NOW) is None


def test_the_run_and_the_outbox_are_read() -> None:
    document = _plain() | {"seq": 17}
    document["observations"] *= 3
    read = quick.read(TOPIC, json.dumps(document).encode(), NOW)
    assert read is not None
    assert (read.gateway, read.boot, read.first) == (GATEWAY, UUID(document["boot"]), 17)
    assert [one.seq for one in read.readings] == [17, 18, 19]
