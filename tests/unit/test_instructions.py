"""Instructions and their acknowledgements: five kinds, and no bytes that stop the gateway."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telekol import topics
from telekol.errors import WireError
from telekol.instructions import (
    INSTRUCTION_LIMIT_BYTES,
    KINDS,
    Acknowledgement,
    AcknowledgementState,
    Instruction,
    InstructionError,
    LineText,
    LongText,
    Option,
    Question,
    Questionnaire,
    Remeasure,
    Schedule,
    SendAgain,
    Slot,
    TextMessage,
    Weekday,
    decode_acknowledgement,
    decode_instruction,
    encode_acknowledgement,
    encode_instruction,
)
from telekol.quantities import Quantity

NOW = datetime(2026, 3, 14, 8, 30, tzinfo=UTC)
GATEWAY = "gw-test-001"
ID = UUID("9b2a7f7e-54a5-4d0c-8a31-0a3f1f6f2c01")
FRAME: dict[str, Any] = {
    "v": 1,
    "gateway": GATEWAY,
    "id": ID,
    "issued_at": NOW,
    "expires_at": NOW + timedelta(days=1),
}
TEXT = LineText(da="Ja", en="Yes")
SLOT = Slot(
    weekdays=(Weekday.MONDAY, Weekday.THURSDAY),
    earliest=time(7),
    latest=time(10, 30),
    quantities=(Quantity.SPO2, Quantity.BODY_WEIGHT),
)
ALL: tuple[Instruction, ...] = (
    Schedule(**FRAME, version=3, slots=(SLOT,)),
    Questionnaire(
        **FRAME,
        questionnaire="cat",
        version=1,
        title=TEXT,
        questions=(
            Question(
                id="cough",
                text=TEXT,
                options=(Option(code="0", text=TEXT), Option(code="1", text=TEXT)),
            ),
        ),
    ),
    TextMessage(**FRAME, text=LongText(da="Hej.\nRing.", en="Hello.\nCall.")),
    Remeasure(**FRAME, quantities=(Quantity.SPO2,), within_s=3600, reason=TEXT),
    SendAgain(**FRAME, boot=ID, first=7),
)


def _json(instruction: Instruction, **changes: Any) -> bytes:
    return json.dumps({**json.loads(encode_instruction(instruction)), **changes}).encode()


@pytest.mark.parametrize("instruction", ALL, ids=lambda item: str(item.kind))
def test_every_kind_comes_through_exactly(instruction: Instruction) -> None:
    assert decode_instruction(GATEWAY, encode_instruction(instruction)) == instruction


def test_the_list_of_kinds_is_whole() -> None:
    assert tuple(item.kind for item in ALL) == KINDS


def test_a_kind_of_a_newer_server_is_refused_by_name() -> None:
    with pytest.raises(InstructionError, match="upgrade the gateway") as caught:
        decode_instruction(GATEWAY, _json(ALL[0], kind="dance"))
    assert (caught.value.code, caught.value.instruction) == ("unknown-kind", ID)


@pytest.mark.parametrize(
    ("index", "changes", "code"),
    [
        (0, {"slots": [{"weekdays": [], "earliest": "07:00", "latest": "08:00"}]}, None),
        (0, {"slots": [{**json.loads(SLOT.model_dump_json()), "latest": "06:00"}]}, None),
        (0, {"slots": [{**json.loads(SLOT.model_dump_json()), "latest": "10:00+01:00"}]}, None),
        (0, {"slots": [{**json.loads(SLOT.model_dump_json()), "quantities": ["luck"]}]}, None),
        (0, {"slots": [{**json.loads(SLOT.model_dump_json()), "weekdays": ["monday"] * 2}]}, None),
        (1, {"questions": []}, None),
        (2, {"text": {"da": "Hej"}}, None),
        (2, {"text": {"da": "\x07", "en": "x"}}, None),
        (3, {"within_s": 1}, None),
        (4, {"first": 0}, None),
        (4, {"first": 9, "last": 8}, None),
        (4, {"expires_at": "2026-03-14T08:30:00Z"}, None),
        (4, {"surprise": 1}, None),
        (4, {"kind": None}, None),
        (4, {"gateway": "gw-other-01"}, "other-gateway"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    index: int, changes: dict[str, Any], code: str | None
) -> None:
    with pytest.raises(InstructionError) as caught:
        decode_instruction(GATEWAY, _json(ALL[index], **changes))
    assert (caught.value.code, caught.value.instruction) == (code or "bad-instruction", ID)


def test_too_large_is_refused() -> None:
    with pytest.raises(InstructionError, match="too-large"):
        decode_instruction(GATEWAY, b" " * (INSTRUCTION_LIMIT_BYTES + 1))


@given(st.binary(max_size=200) | st.just(b"[" * 60_000) | st.just(b'{"id": 1e999, "kind": []}'))
def test_any_bytes_are_refused_by_the_one_error(payload: bytes) -> None:
    with pytest.raises(InstructionError):
        decode_instruction(GATEWAY, payload)
    with pytest.raises(WireError):
        decode_acknowledgement(topics.acknowledgements(GATEWAY), payload)


def test_an_acknowledgement_comes_through_and_speaks_for_its_gateway_alone() -> None:
    sent = Acknowledgement(
        v=1,
        gateway=GATEWAY,
        instruction=ID,
        at=NOW,
        state=AcknowledgementState.REFUSED,
        reason="x",
    )
    payload = encode_acknowledgement(sent)
    assert decode_acknowledgement(topics.acknowledgements(GATEWAY), payload) == sent
    with pytest.raises(WireError, match="topic-mismatch"):
        decode_acknowledgement(topics.acknowledgements("gw-other-01"), payload)
