"""The documents are true of the code: examples decode, names exist, generated pages are fresh."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from device_sim.demo import broker
from gateway.link.delivery import DeliveryPolicy
from gateway.profiles import PROFILES, Manner
from gateway.profiles.quality import RULES
from scripts import settings_page
from telekol import health, instructions, observation, topics, wire
from telekol.health import decode_health
from telekol.observation import reading_id
from telekol.plausibility import HUMAN
from telekol.quantities import FACTS, Quantity
from telekol.settings import TelekolSettings
from telekol.troubles import TROUBLES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
WIRE = (DOCS / "wire.md").read_text(encoding="utf-8")
DEVICES = (DOCS / "devices.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))


CODED = ("wire.py", "topics.py", "health.py", "instructions.py")


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _example(field: str) -> bytes:
    """The one example on the wire page that has `field`."""
    blocks = re.findall(r"```json\n(.*?)```", WIRE, re.DOTALL)
    (found,) = [block for block in blocks if field in json.loads(block)]
    return str(found).encode()


def _codes() -> set[str]:
    said = "".join(_text(ROOT / "telekol" / name) for name in CODED)
    raised = re.findall(
        r'(?:WireError\(\s*|InstructionError\(\s*|RefusedObservation\(\w+, )"([a-z-]+)"', said
    )
    named = re.findall(
        r'^[A-Z_]+: Final = "([a-z-]+)"$', _text(ROOT / "ingest/parcel.py"), re.MULTILINE
    )
    return {*raised, *named}


def _fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


# ------------------------------------------------------------------------------- the wire


def test_the_observations_example_is_what_a_gateway_sends() -> None:
    raw = _example("observations")
    message = wire.ObservationMessage.model_validate_json(raw)
    decoded = wire.decode_observations(topics.observations(message.gateway), raw)
    assert (decoded.first, decoded.last, decoded.refused) == (118, 119, ())
    for item in message.observations:
        assert item.device_time is not None
        assert item.id == reading_id(item.device, item.quantity, item.device_time)
        shown = (item.measured_at.replace(tzinfo=None) - item.device_time).total_seconds()
        assert item.clock_offset_s == shown


def test_the_example_of_what_was_given_up_is_what_a_gateway_sends() -> None:
    envelope = json.loads(_example("observations")) | json.loads(_example("abandoned"))
    raw = json.dumps(envelope).encode()
    decoded = wire.decode_observations(topics.observations(envelope["gateway"]), raw)
    assert decoded.abandoned[0].runs == ((12, 40), (44, 44))


def test_the_receipt_example_is_what_the_server_sends() -> None:
    receipt = wire.decode_receipt(_example("through"))
    assert receipt.first <= receipt.refused[0].seq <= receipt.last


def test_the_health_example_is_what_a_gateway_sends() -> None:
    raw = _example("connection")
    message = decode_health(topics.health("gw-aarhus-017"), raw)
    assert message.online
    assert message.troubles[0].code in TROUBLES


def test_every_trouble_is_documented_in_the_words_people_see() -> None:
    for code, said in TROUBLES.items():
        assert f"| `{code}` | {said.english} | {said.english_step} |" in WIRE


def test_the_instruction_examples_are_what_the_server_sends() -> None:
    blocks = re.findall(r"```json\n(.*?)```", WIRE, re.DOTALL)
    found = [block.encode() for block in blocks if "kind" in json.loads(block)]
    kinds = [instructions.decode_instruction("gw-aarhus-017", raw).kind for raw in found]
    assert tuple(kinds) == instructions.KINDS


def test_the_acknowledgement_example_is_what_a_gateway_sends() -> None:
    topic = topics.acknowledgements("gw-aarhus-017")
    assert instructions.decode_acknowledgement(topic, _example("instruction")).state == "done"


def test_every_code_is_documented_and_no_other() -> None:
    assert {"bad-topic", "bad-observation", "bad-receipt", "unknown-kit"} <= _codes()
    listed = WIRE.partition("## What is refused")[2]
    assert set(re.findall(r"^\| `([a-z]+-[a-z-]+)` \|", listed, re.MULTILINE)) == _codes()


@pytest.mark.parametrize(
    "model",
    [
        wire.ObservationMessage,
        wire.Receipt,
        observation.Observation,
        health.HealthMessage,
        health.DeviceHealth,
        health.Trouble,
        instructions.Acknowledgement,
        instructions.Schedule,
        instructions.Questionnaire,
        instructions.SendAgain,
    ],
    ids=lambda m: m.__name__,
)
def test_every_field_is_documented(model: type[BaseModel]) -> None:
    assert {name for name in _fields(model) if f"`{name}`" not in WIRE} <= {"observations"}


@pytest.mark.parametrize("quantity", FACTS)
def test_every_quantity_is_documented(quantity: str) -> None:
    facts = FACTS[Quantity(quantity)]
    row = f"| `{quantity}` | `{facts.unit}` | {facts.lowest:g}-{facts.highest:g} |"
    assert row in WIRE
    human = HUMAN.get(Quantity(quantity))
    written = f"{human.lowest:g}-{human.highest:g}" if human else "-"
    assert f"{row} {written} |\n" in WIRE


def test_the_limits_are_those_of_the_code() -> None:
    policy = DeliveryPolicy()
    for row in (
        f"| message | {wire.MESSAGE_LIMIT_BYTES} bytes, either way |",
        f"| observations in a message | {wire.OBSERVATIONS_PER_MESSAGE} |",
        f"| health message | {health.HEALTH_LIMIT_BYTES} bytes, ",
        f"| instruction | {instructions.INSTRUCTION_LIMIT_BYTES} bytes |",
        f"| acknowledgement | {instructions.ACKNOWLEDGEMENT_LIMIT_BYTES} bytes |",
        f"| reason in a refusal | {wire.REASON_LIMIT_BYTES} bytes of UTF-8 |",
        f"| messages of one gateway in flight | {policy.slots}, ",
        f"| {policy.resend_first_s:g} s, doubling up to {policy.resend_most_s:g} s,",
        f"| broker's packet limit | {broker.MESSAGE_LIMIT_BYTES} bytes,",
    ):
        assert row in WIRE
    assert wire._SEQ_MAX == 2**53


def test_the_topics_are_those_of_the_code() -> None:
    made_by = (
        topics.observations,
        topics.receipts,
        topics.health,
        topics.instructions,
        topics.acknowledgements,
    )
    for made in made_by:
        assert f"`{made('{gateway}')}`" in WIRE


# ---------------------------------------------------------------------------------- devices


def test_every_profile_is_documented_with_where_it_is_found_and_how_it_is_read() -> None:
    manners = "|".join(Manner)
    rows = re.findall(rf"^\| `([a-z0-9-]+)` \|.*\| ({manners}) \|$", DEVICES, re.MULTILINE)
    assert rows == [(one.name, one.manner) for one in PROFILES]
    for profile in PROFILES:
        row = next(line for line in DEVICES.splitlines() if f"| `{profile.name}` |" in line)
        for uuid in filter(None, (profile.service, profile.characteristic)):
            assert uuid in row or f"0x{uuid[4:8].upper()}" in row


def test_the_table_of_flags_is_that_of_the_code() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (kept|marked|refused) \| (.*) \|$", DEVICES, re.MULTILINE
    )
    assert rows == [(name, str(rule.ruling), rule.reason) for name, rule in RULES.items()]


# --------------------------------------------------------------------------------- settings


def test_the_settings_page_is_fresh() -> None:
    assert _text(settings_page.PAGE) == settings_page.page(), "run `make docs` and commit"


@pytest.mark.parametrize("service", settings_page.SERVICES)
def test_every_setting_is_described(service: str) -> None:
    for name, info in settings_page.SERVICES[service].model_fields.items():
        assert info.description, f"{name} of {service} has no description"


def test_every_room_with_settings_is_on_the_page() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/settings.py")} - {"telekol"}
    assert {kind.__module__.partition(".")[0] for kind in settings_page.SERVICES.values()} == rooms
    assert all(issubclass(kind, TelekolSettings) for kind in settings_page.SERVICES.values())


# ---------------------------------------------------------------------------------- all pages


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", _text(page)):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_heading_that_is_linked_to_exists(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", _text(page)):
        there = page.parent / target if target else page
        headings = re.findall(r"^#+ (.+)$", _text(there), re.MULTILINE)
        assert anchor in {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    rooms = "telekol|gateway|ingest|alerts|clinician_api|device_sim|migrations|tests|scripts"
    for named in re.findall(rf"`((?:{rooms})/[\w/.-]+)`", _text(page)):
        assert (ROOT / named).exists(), named


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _text(page)):
        assert re.search(rf"def {name}\(", _text(ROOT / file)), f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_variable_that_is_named_is_a_setting(page: Path) -> None:
    known = set(re.findall(r"`(TELEKOL_\w+)`", _text(settings_page.PAGE)))
    known.add("TELEKOL_TEST_TIMESCALE_URL")  # of the tests, no service reads it
    assert set(re.findall(r"TELEKOL_[A-Z_]*[A-Z]", _text(page))) <= known


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_target_that_is_named_is_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", _text(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^ {4})make ([a-z-]+)", _text(page), re.MULTILINE)
    assert set(named) <= targets


def test_the_first_two_commands_of_the_readme() -> None:
    assert re.findall(r"^ *(make [a-z-]+)", README, re.MULTILINE)[:2] == ["make demo", "make test"]


# -------------------------------------------------------------------------------- decisions


@pytest.mark.parametrize("page", DECISIONS, ids=_name)
def test_a_decision_is_one_screen_and_says_what_was_rejected(page: Path) -> None:
    text = _text(page)
    parts = ["## Status", "## Context", "## Decision", "## Rejected", "## Consequences"]
    found = [line for line in text.splitlines() if line.startswith("## ")]
    assert found == parts
    assert len(text.splitlines()) <= 60
    assert re.match(rf"# {page.name[:4]} ", text)


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(len(DECISIONS)))
    listed = _text(DOCS / "decisions" / "README.md")
    assert all(f"({page.name})" in listed for page in DECISIONS)
