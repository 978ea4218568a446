"""What docs/operating.md tells an operator to run, runs, and says what it promises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import writer
from telekol import topics
from tests.support.messages import message, observation, sort

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating.md"
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
GATEWAY = "gw-aarhus-017"


def _block(beginning: str) -> bytes:
    """The one SQL block of the page that contains `beginning`."""
    (found,) = [block for block in BLOCKS if beginning in block]
    return str(found).encode()


def _store(connection: Connection[TupleRow], gateway: str, seq: int) -> None:
    payload = message(observation(), gateway=gateway, boot=BOOT, seq=seq)
    writer.store(connection, [sort(topics.observations(gateway), payload)])


BOOT = uuid4()


def test_every_statement_of_the_page_runs(connection: Connection[TupleRow]) -> None:
    assert len(BLOCKS) == 15
    for block in BLOCKS:
        connection.execute(block.encode())


def test_an_enrolled_home_delivers_and_its_gap_shows(connection: Connection[TupleRow]) -> None:
    connection.execute(_block("insert into kit_assignment"))
    _store(connection, GATEWAY, 1)
    _store(connection, GATEWAY, 3)
    (gap,) = connection.execute(_block("from gateway_gap")).fetchall()
    assert gap[:7] == ("kit-017", GATEWAY, BOOT, 2, 2, False, None)
    (waiting,) = connection.execute(_block("judgement_queue")).fetchall()
    assert waiting[0] == 2


def test_what_a_gateway_gave_up_is_found(connection: Connection[TupleRow]) -> None:
    connection.execute(_block("insert into kit_assignment"))
    document = json.loads(message(observation(), gateway=GATEWAY, boot=BOOT, seq=9))
    document["abandoned"] = [{"boot": str(BOOT), "reason": "unreadable", "runs": [[3, 5]]}]
    payload = json.dumps(document).encode()
    writer.store(connection, [sort(topics.observations(GATEWAY), payload)])
    ((gateway, boot, reason, _at, numbers),) = connection.execute(_block("given-up")).fetchall()
    assert (gateway, boot) == (GATEWAY, BOOT)
    assert reason == "unreadable: 3 numbers from 3 on will not come"
    assert json.loads(numbers)["runs"] == [[3, 5]]


def test_the_quarantine_and_the_unattributed_are_found(connection: Connection[TupleRow]) -> None:
    connection.execute(_block("insert into kit_assignment"))
    _store(connection, "gw-unknown", 1)
    ((code, gateway, count, _latest),) = connection.execute(_block("by code")).fetchall()
    assert (code, gateway, count) == ("unknown-kit", "gw-unknown", 1)
    (entry,) = connection.execute(_block("encode(payload")).fetchall()
    assert '"gateway":"gw-unknown"' in entry[-1]
    connection.execute(_block("update kit_assignment"))
    _store(connection, GATEWAY, 1)
    ((gateway, *_),) = connection.execute(_block("patient_id is null")).fetchall()
    assert gateway == GATEWAY
