"""The codec of the wire: what is good comes through exactly, what is bad is named."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telekol import topics, wire
from telekol.errors import WireError
from telekol.observation import Observation
from telekol.wire import Abandoned, Receipt, Refusal, decode_observations, decode_receipt, encode
from tests.support.messages import message, observation, sort

TOPIC = topics.observations("gw-test-1")


def _changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(message(observation())), **changes}).encode()


def _changed_observation(**changes: Any) -> bytes:
    document = json.loads(message(observation()))
    document["observations"][0].update(changes)
    return json.dumps(document).encode()


def test_a_message_comes_through_exactly() -> None:
    sent = (observation(97.5), observation(91.0))
    boot = uuid4()
    got = decode_observations(TOPIC, message(*sent, boot=boot, seq=7))
    assert got.observations == ((7, sent[0]), (8, sent[1]))
    assert (got.gateway, got.boot, got.first, got.last) == ("gw-test-1", boot, 7, 8)


def test_what_was_given_up_is_told_and_left_out_when_there_is_nothing() -> None:
    boot = uuid4()
    given_up = {"boot": str(boot), "reason": "outbox-full", "runs": [[3, 7], [9, 9]]}
    assert b"abandoned" not in message(observation())
    expected = (Abandoned(boot=boot, reason="outbox-full", runs=((3, 7), (9, 9))),)
    assert decode_observations(TOPIC, _changed(abandoned=[given_up])).abandoned == expected
    spoilt = json.loads(_changed(abandoned=[given_up]))
    spoilt["observations"].append("x")  # the slow road keeps it too
    assert decode_observations(TOPIC, json.dumps(spoilt).encode()).abandoned == expected
    for nonsense in ([], [{**given_up, "runs": []}], [{**given_up, "reason": "Why not"}], "x"):
        with pytest.raises(WireError, match="abandoned"):
            decode_observations(TOPIC, _changed(abandoned=nonsense))


@given(st.integers(100, 10_000).map(lambda n: n / 100))
def test_decimal_values_come_through_exactly(value: float) -> None:
    got = decode_observations(TOPIC, message(observation(value)))
    assert got.observations[0][1].value == value


def test_the_slot_of_a_shared_device_comes_through_and_is_left_out_if_unknown() -> None:
    known = observation().model_copy(update={"user_index": 2})
    got = decode_observations(TOPIC, message(known, observation()))
    assert [item.user_index for _, item in got.observations] == [2, None]
    assert message(known, observation()).count(b"user_index") == 1
    (refused,) = decode_observations(TOPIC, _changed_observation(user_index=255)).refused
    assert "user_index" in refused.reason


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[1, 2]", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"{}", "wrong-version"),
        (_changed(v=2), "wrong-version"),
        (_changed(seq=0), "bad-envelope"),
        (_changed(seq=2**60), "bad-envelope"),
        (_changed(boot="no"), "bad-envelope"),
        (_changed(observations=[]), "bad-envelope"),
        (_changed(observations="x"), "bad-envelope"),
        (_changed(surprise=1), "bad-envelope"),
        (_changed(sent_at="2026-11-02T08:00:00"), "bad-envelope"),
        (_changed(gateway="gw-other-9"), "topic-mismatch"),
        (b" " * (wire.MESSAGE_LIMIT_BYTES + 1), "too-large"),
    ],
)
def test_a_message_that_cannot_be_read_says_why(payload: bytes, code: str) -> None:
    with pytest.raises(WireError) as caught:
        decode_observations(TOPIC, payload)
    assert caught.value.code == code
    assert caught.value.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 101},
        {"value": 0},
        {"value": None},
        {"value": "93"},
        {"unit": "kg"},
        {"quantity": "happiness"},
        {"measured_at": "2026-11-02T08:00:00"},
        {"measured_at": "0001-01-01T00:00:00+14:00"},
        {"measured_at": "1970-01-01T00:00:00Z"},
        {"measured_at": "2199-01-01T00:00:00Z"},
        {"measured_at": "1999-01-01T00:00:00Z", "received_at": "9999-12-31T23:59:59Z"},
        {"received_at": "9999-12-31T23:59:59-14:00"},
        {"device": {"address": "\ud800"}},
        {"quality": json.loads("[" * 300 + "]" * 300)},
        {"device_time": "2026-11-02T08:00:00Z"},
        {"id": "17"},
        {"extra": 1},
        {"device": {"address": "a\u0000b"}},
    ],
)
def test_a_bad_observation_is_refused_alone_with_a_reason(changes: dict[str, Any]) -> None:
    got = decode_observations(TOPIC, _changed_observation(**changes))
    assert got.observations == ()
    assert [item.code for item in got.refused] == ["bad-observation"]
    assert got.refused[0].reason


def test_not_a_number_is_refused_even_where_json_readers_allow_it() -> None:
    payload = message(observation(93.0)).replace(b"93.0", b"NaN")
    got = decode_observations(TOPIC, payload)
    assert [item.seq for item in got.refused] == [1]


@pytest.mark.parametrize("topic", ["", "a/b", "telekol/v1/gateways/x/receipts", TOPIC + "/more"])
def test_only_an_observations_topic_is_read(topic: str) -> None:
    with pytest.raises(WireError, match="bad-topic"):
        decode_observations(topic, message(observation()))


@given(st.binary(max_size=200))
def test_any_bytes_become_a_parcel(payload: bytes) -> None:
    sorted_parcel = sort(TOPIC, payload)
    assert sorted_parcel.readings or sorted_parcel.quarantined


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(Observation.model_fields)), json_values)
def test_any_field_may_be_nonsense(field: str, nonsense: Any) -> None:
    sorted_parcel = sort(TOPIC, _changed_observation(**{field: nonsense}))
    assert sorted_parcel.readings or sorted_parcel.quarantined


@given(st.sampled_from(["v", "gateway", "boot", "seq", "sent_at", "observations"]), json_values)
def test_any_part_of_the_envelope_may_be_nonsense(field: str, nonsense: Any) -> None:
    sorted_parcel = sort(TOPIC, _changed(**{field: nonsense}))
    assert sorted_parcel.readings or sorted_parcel.quarantined


def test_a_receipt_comes_through_exactly() -> None:
    receipt = Receipt(
        v=1,
        gateway="gw-test-1",
        boot=uuid4(),
        through=4,
        first=3,
        last=5,
        refused=(Refusal(seq=5, code="bad-observation", reason="spo2 must be 1-100 %"),),
    )
    assert decode_receipt(encode(receipt)) == receipt


def test_the_end_of_the_calendar_stops_nothing() -> None:
    """One such message once ended ingest, at every start, for every home."""
    late = "9999-12-31T23:59:59Z"
    for changes in ({"received_at": late}, {"received_at": late, "measured_at": late}):
        assert sort(TOPIC, _changed_observation(**changes)).run is not None


def test_what_nobody_foresaw_is_quarantined_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(topic: str, payload: bytes) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(wire, "decode_observations", broken)
    unusual = message(observation()).replace(b'"v":1', b'"v":2')
    sorted_parcel = sort(TOPIC, unusual)
    assert [entry.code for entry in sorted_parcel.quarantined] == ["unforeseen-error"]


def test_an_odd_observation_never_spoils_its_neighbours() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    for oddity in (deep, {"device": {"address": "\ud800"}}, "\ud800", 10**400, None):
        document = json.loads(message(observation(), observation()))
        document["observations"].insert(1, oddity)
        sorted_parcel = sort(TOPIC, json.dumps(document).encode())
        assert [reading.seq for reading in sorted_parcel.readings] == [1, 3]
        assert [entry.seq for entry in sorted_parcel.quarantined] == [2]


def test_a_full_message_and_the_longest_receipt_fit_the_limit() -> None:
    full = message(*(observation() for _ in range(wire.OBSERVATIONS_PER_MESSAGE)))
    assert len(full) < wire.MESSAGE_LIMIT_BYTES
    document = json.loads(full)
    for item in document["observations"]:
        item.update(unit='"' * 40, quantity="🫁" * 8, measured_at='"\\' * 20, device={})
    bad = json.dumps(document, ensure_ascii=False).encode()
    assert len(bad) < wire.MESSAGE_LIMIT_BYTES
    receipt = sort(TOPIC, bad).receipt(0)
    assert receipt is not None
    assert len(receipt.refused) == wire.OBSERVATIONS_PER_MESSAGE
    assert len(encode(receipt)) < wire.MESSAGE_LIMIT_BYTES


@given(st.text())
def test_any_reason_is_cut_to_its_limit(reason: str) -> None:
    cut = wire.shortened(reason)
    assert len(cut.encode()) <= wire.REASON_LIMIT_BYTES
    assert len(json.dumps(cut, ensure_ascii=False).encode()) <= 2 * wire.REASON_LIMIT_BYTES + 2


def test_garbage_is_no_receipt() -> None:
    with pytest.raises(WireError, match="bad-receipt"):
        decode_receipt(b"{}")
