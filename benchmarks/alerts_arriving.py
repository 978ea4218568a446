"""What an arriving reading costs the engine, at 1,000, 10,000 and 100,000 patients in PostgreSQL.

The database is real and grows under the measurement: every patient has a history of readings and
judgements, a proposed level and own limits. Readings of patients drawn at random come in and whole
rounds are timed, as the alerts process runs them. The cost must not grow with the patients, nor
with the length of a history: the ratios say whether it does.

Run it alone, or with `make bench-alerts ARGS=--arriving`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts import engine
from alerts.engine import Memory
from alerts.in_use import rule_store
from alerts.round.subjects import Basis, LimitSet, UsualLevel
from alerts.rulesets import loading
from device_sim.demo.postgres import EmbeddedPostgres
from migrations.commands import run

SIZES: Final = (1_000, 10_000, 100_000)
HISTORY: Final = 40
"""Readings of each patient before: more than the rules of the standard set look back on."""
LONG_HISTORY: Final = 20_000
"""Twenty years of nearly three a day, of one patient."""
ROUNDS: Final = 12
LONG_AT: Final = 1_000
"""Patients in the database when the long history is measured against the short."""

_US: Final = 1e6

_PATIENTS: Final = b"""
insert into patient (id, name, team_id)
select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Benchmark ' || n,
    'team-bench'
from generate_series(%(first)s::int, %(last)s::int) n
"""

_READINGS: Final = b"""
insert into observation (measured_at, received_at, stored_at, seq, value, reading_id, patient_id,
    device_id, outbox_id, quantity, time_confidence, entered)
select at, at, at, k, 92 + (n + k) %% 3,
    ('00000000-0000-4000-9000-' || lpad(to_hex(n::bigint * 100000 + k), 12, '0'))::uuid,
    ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    1, 1, 'spo2', 'clock-checked', 'automatic'
from generate_series(1, %(history)s::int) k, generate_series(%(first)s::int, %(last)s::int) n,
    lateral (select %(until)s::timestamptz - (%(history)s::int - k + 1) * interval '9 hours'
        + (n %% 3600) * interval '1 second' as at) t
"""

_KNOWN: Final = (
    b"""
insert into patient_limit (patient_id, quantity, red_low, yellow_low, valid_from, set_by)
select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'spo2', 84, 87,
    '2000-01-01', 'benchmark'
from generate_series(%(first)s::int, %(last)s::int) n
""",
    b"""
insert into reference_value (patient_id, quantity, value, period, origin, evidence, proposed_at)
select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'spo2', 93,
    tstzrange(%(dated)s, null), 'proposed', '{"n": 14, "spread": 1.0}', %(dated)s
from generate_series(%(first)s::int, %(last)s::int) n
""",
    # As the engine would have stored them; only the hash is none, so the first window is whole.
    b"""
insert into judgement (measured_at, window_hash, basis_id, patient_id, reading_id, quantity, turn,
    late, severity, outcomes)
select o.measured_at, o.seq, 1, o.patient_id, o.reading_id, o.quantity, 0, false, 'green', 'gggg'
from observation o
where o.patient_id
    between ('00000000-0000-4000-8000-' || lpad(to_hex(%(first)s::int), 12, '0'))::uuid
    and ('00000000-0000-4000-8000-' || lpad(to_hex(%(last)s::int), 12, '0'))::uuid
""",
)

_COPY_BASES: Final = (
    b"copy rule_basis (patient_id, quantity, fingerprint, rule_set_id, approved, limits, "
    b"reference, context) from stdin"
)

_ARRIVE: Final = b"""
with came as (
    insert into observation (measured_at, received_at, stored_at, seq, value, reading_id,
        patient_id, device_id, outbox_id, quantity, time_confidence, entered)
    select %(at)s, %(at)s, %(at)s, 1, 93, gen_random_uuid(), p, 1, 1, 'spo2', 'clock-checked',
        'automatic'
    from unnest(%(patients)s::uuid[]) p
    returning patient_id, reading_id, measured_at
)
insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to, enqueued_at)
select patient_id, array[reading_id], measured_at, measured_at, measured_at from came
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(measure(asked.sizes, asked.rounds), indent=2) + "\n")
    return 0


def measure(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Build the database step by step and time rounds at each size."""
    with (
        tempfile.TemporaryDirectory(prefix="telekol-bench-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        url = server.url("postgres")
        run(url.replace("postgresql://", "postgresql+psycopg://", 1))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("set synchronous_commit = off")
            connection.execute("insert into team values ('team-bench', 'Bench', 'municipal')")
            with connection.transaction():
                rule_store.publish_shipped(connection)
            return _measure(connection, sorted(sizes), rounds)


def _measure(connection: Connection[Any], sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    until = datetime.now(UTC)
    luck = random.Random(5)  # noqa: S311 - who comes next
    batch: dict[int, float] = {}
    single: dict[int, float] = {}
    grown = 0
    for size in sizes:
        _grow(connection, grown + 1, size, until)
        grown = size
        batch[size], single[size] = _time(connection, size, rounds, luck)
    report = _ratios(batch, single)
    report["ratio_long_history_to_short"] = _long_history(connection, sizes[0], rounds, until)
    report["bytes_per_judged_reading"] = _bytes(connection)
    made = connection.execute(
        "select count(*) from rule_basis where made_at > (select max(made_at) from rule_basis "
        "where patient_id = %s)",
        [_patient(10_000_000)],
    ).fetchone()
    report["bases_made_while_timed"] = made[0] if made else None
    report["rule_set"] = loading.STANDARD
    report["history_of_each_patient"] = HISTORY
    return report


def _ratios(batch: Mapping[int, float], single: Mapping[int, float]) -> dict[str, Any]:
    smallest = min(batch)
    return {
        "us_per_arriving_reading_in_full_rounds": {str(n): round(us) for n, us in batch.items()},
        "us_of_one_reading_alone": {str(n): round(us) for n, us in single.items()},
        "ratio_to_smallest_in_full_rounds": {
            str(n): round(us / batch[smallest], 2) for n, us in batch.items()
        },
        "ratio_to_smallest_of_one_alone": {
            str(n): round(us / single[smallest], 2) for n, us in single.items()
        },
    }


def _grow(connection: Connection[Any], first: int, last: int, until: datetime) -> None:
    _add(connection, first, last, until, HISTORY)
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def _add(connection: Connection[Any], first: int, last: int, until: datetime, history: int) -> None:
    dated = until - timedelta(days=60)
    values = {"first": first, "last": last, "until": until, "history": history, "dated": dated}
    for statement in (_PATIENTS, _READINGS, *_KNOWN):
        used = {name: one for name, one in values.items() if f"%({name})s".encode() in statement}
        connection.execute(statement, used)
    _add_bases(connection, dated)


def _add_bases(connection: Connection[Any], dated: datetime) -> None:
    """Store what is in force, as earlier rounds would have; nothing is new in a timed one."""
    rule_set = connection.execute("select id from rule_set where name = %s", [loading.STANDARD])
    ((number,),) = rule_set.fetchall()
    rows = connection.execute(
        "select l.patient_id, l.id, v.id from patient_limit l join reference_value v "
        "on v.patient_id = l.patient_id where not exists (select from rule_basis b "
        "where b.patient_id = l.patient_id)"
    ).fetchall()
    with connection.cursor() as cursor, cursor.copy(_COPY_BASES) as copy:
        for patient, limit, level in rows:
            basis = Basis(
                rule_set_id=number,
                approved=False,
                limits=LimitSet(limit, 84.0, 87.0, None, None),
                levels=(UsualLevel(level, 93.0, dated, None, False, "proposed", 14, 1.0),),
            )
            copy.write_row(
                (
                    patient,
                    "spo2",
                    basis.fingerprint,
                    number,
                    False,
                    Jsonb(basis.limits_document),
                    Jsonb(basis.reference_document),
                    Jsonb(basis.context_document),
                )
            )


def _time(
    connection: Connection[Any], size: int, rounds: int, luck: random.Random
) -> tuple[float, float]:
    """Microseconds per reading in rounds that are full, and of one that comes alone."""
    memory = Memory()
    full, alone = [], []
    for turn in range(rounds + 2):
        took = _round(connection, memory, [_patient(luck.randint(1, size)) for _ in range(200)])
        one = _round(connection, memory, [_patient(luck.randint(1, size))])
        if turn >= 2:  # the first two warm caches and plans
            full.append(took / 200)
            alone.append(one)
    # The fastest of the rounds, as in benchmarks.alerts: other work only ever adds time.
    return min(full), min(alone)


def _round(connection: Connection[Any], memory: Memory, patients: Sequence[UUID]) -> float:
    connection.execute(_ARRIVE, {"patients": list(patients), "at": datetime.now(UTC)})
    began = time.perf_counter()
    while engine.run_round(connection, memory):
        pass
    return (time.perf_counter() - began) * _US


def _long_history(connection: Connection[Any], size: int, rounds: int, until: datetime) -> float:
    """How much more a reading costs of a patient with twenty years behind it; both alone."""
    number = 10_000_000
    _add(connection, number, number, until, LONG_HISTORY)
    connection.execute("analyze")
    memory = Memory()
    short, long = [], []
    for turn in range(rounds + 2):
        a = _round(connection, memory, [_patient(1 + turn % size)])
        b = _round(connection, memory, [_patient(number)])
        if turn >= 2:
            short.append(a)
            long.append(b)
    return round(min(long) / min(short), 2)


def _patient(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{number:012x}")


def _bytes(connection: Connection[Any]) -> dict[str, Any]:
    """Bytes on disk for each judged reading: the short row with its index; findings beside it."""
    connection.execute("vacuum judgement")
    row = connection.execute(
        "select pg_relation_size('judgement')::float / count(*), "
        "pg_indexes_size('judgement')::float / count(*), count(*) from judgement"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    return {"row": round(row[0]), "index": round(row[1]), "judgements": row[2]}


if __name__ == "__main__":
    sys.exit(main())
