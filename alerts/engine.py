"""One round of the engine: take what is unjudged, judge it, store findings, move cases.

Everything of a round is one transaction, so a reading is judged once whoever dies in between.
Touches the database through the stores; the loop, the clock and the process are in `service`.

    batches -> places touched -> segments with their readings -> drafts -> subjects -> verdicts
        -> judgements and findings -> movements of cases

Alerting fails open: a rule that fails is told and silences no other; a batch on which the engine
fails becomes a technical finding that asks a person to look, and the batches beside it are judged
all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from alerts.answers import beside_readings as symptom_store
from alerts.casework import confirmation_store, steadying
from alerts.casework import movements as moving
from alerts.casework import store as case_store
from alerts.casework.cases import JudgedReading
from alerts.casework.confirming import Confirmations, Ended, Outcome
from alerts.casework.movements import Movement, Newest, SeriesKey
from alerts.casework.steadying import Steady
from alerts.in_use import reference_store, rule_store
from alerts.in_use.rule_store import RuleSets
from alerts.round import finding_store, findings, history, planning, verdicts
from alerts.round.finding_store import Bases, Batch
from alerts.round.findings import Finding
from alerts.round.planning import Draft
from alerts.round.subjects import Basis, Subject
from alerts.round.verdicts import Verdict
from alerts.rulesets.model import RuleSet
from alerts.window import WIDTH
from telekol.quantities import Quantity
from telekol.questionnaires.model import Questionnaire
from telekol.severity import Channel, Severity

log = logging.getLogger(__name__)

BATCHES_PER_ROUND: Final = 200

Levels = Mapping[tuple[UUID, Channel], Mapping[str, Severity]]


@dataclass(slots=True)
class Memory:
    """What a process remembers between rounds: rows that never change, by their numbers.

    Parameters
    ----------
    longest_wait
        No doubtful red waits longer for a second measurement, whatever its rule says; None for no
        such limit, zero for no waiting.
    """

    rule_sets: RuleSets = field(default_factory=RuleSets)
    bases: Bases = field(default_factory=Bases)
    longest_wait: timedelta | None = None
    questionnaires: dict[tuple[str, int], Questionnaire | None] = field(default_factory=dict)


def run_round(connection: Connection[Any], memory: Memory | None = None) -> int:
    """Judge up to BATCHES_PER_ROUND batches; give how many were settled, 0 when idle.

    Parameters
    ----------
    memory
        What earlier rounds in the same database have read; made anew without.

    Raises
    ------
    psycopg.OperationalError
        If the database goes away; nothing was settled, try again.
    """
    known = memory or Memory()
    try:
        return _settle(connection, known, BATCHES_PER_ROUND)
    except psycopg.OperationalError:
        raise
    except Exception:
        log.exception("a round failed; judging batch by batch to find the one that cannot be")
        return _settle_one_by_one(connection, known)


def _settle(connection: Connection[Any], memory: Memory, most: int) -> int:
    with connection.transaction():
        batches = finding_store.take(connection, most)
        if not batches:
            return 0
        kept = _judge_and_store(connection, memory, batches)
        finding_store.drop(connection, batches)
    kept.remember(memory)
    return len(batches)


def _settle_one_by_one(connection: Connection[Any], memory: Memory) -> int:
    with connection.transaction():
        batches = finding_store.take(connection, BATCHES_PER_ROUND)
        for batch in batches:
            try:
                with connection.transaction():
                    _judge_and_store(connection, memory, [batch])
            except psycopg.OperationalError:
                raise
            except Exception:
                log.exception("batch %d cannot be judged; asking a person", batch.id)
                finding = findings.not_judged(
                    batch.patient_id, batch.reading_ids, batch.measured_to
                )
                _store_and_move(connection, [finding])
        finding_store.drop(connection, batches)
    return len(batches)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Numbers that hold once the round is committed."""

    asked: Sequence[tuple[UUID, Quantity, Basis]] = ()
    numbers: Sequence[int] = ()

    def remember(self, memory: Memory) -> None:
        memory.bases.remember(self.asked, self.numbers)


def _judge_and_store(
    connection: Connection[Any], memory: Memory, batches: Sequence[Batch]
) -> _Kept:
    rule_sets = _in_use(connection, memory)
    drafts = _drafts(connection, batches, rule_sets)
    levels = case_store.open_levels(connection, sorted({one.patient_id for one in batches}))
    if not drafts:
        _take_back(connection, batches, levels)
        return _Kept()
    of_readings = _of_readings(levels)
    newest = history.newest_judged(connection, finding_store.series_of(drafts))
    bases = _bases(connection, memory, drafts)
    sets = memory.rule_sets.by_id(connection, {b.rule_set_id for b in bases if b.rule_set_id})
    wanting_green = moving.wanting_green(drafts, of_readings)
    found = verdicts.judge(
        [_subject(draft, basis) for draft, basis in zip(drafts, bases, strict=True)],
        sets,
        wanting_green,
    )
    judged = list(zip(drafts, found, strict=True))
    asked = [
        (draft.patient_id, draft.quantity, basis)
        for draft, basis in zip(drafts, bases, strict=True)
    ]
    numbers = memory.bases.numbers(connection, asked)
    finding_store.store_judgements(connection, judged, numbers)
    confirmations = confirmation_store.load(connection, drafts, sets, memory.longest_wait)
    steady = _steady(connection, judged, sets, wanting_green)
    told = moving.movements(judged, newest, of_readings, confirmations, steady)
    _store_findings(connection, judged, numbers, told)
    _keep_confirmations(connection, confirmations)
    for movement in told:
        _move_case(connection, movement.finding, movement.score)
    _tell_technical(connection, judged, newest, levels)
    _take_back(connection, batches, levels)
    return _Kept(asked, numbers)


def _steady(
    connection: Connection[Any],
    judged: Sequence[tuple[Draft, Verdict]],
    rule_sets: Mapping[int, RuleSet],
    wanting_green: Collection[int],
) -> Steady:
    flagged = {
        (draft.patient_id, draft.quantity)
        for draft, verdict in judged
        if verdict.severity not in (None, Severity.GREEN)
    }
    return Steady(
        steadying.held(judged, rule_sets, wanting_green),
        confirmation_store.closed_lately(connection, sorted(flagged)),
        rule_sets,
    )


def _keep_confirmations(connection: Connection[Any], confirmations: Confirmations) -> None:
    confirmation_store.save(connection, confirmations)
    said = [one.finding for one in confirmations.ended if one.finding is not None]
    finding_store.insert(connection, said)


def raise_overdue(connection: Connection[Any]) -> int:
    """Raise reds whose second measurement did not come in time; give how many waits ended.

    To be called when no reading waits to be judged: the second may be among them.

    Raises
    ------
    psycopg.OperationalError
        If the database goes away; nothing was ended, try again.
    """
    with connection.transaction():
        ended = confirmation_store.overdue(connection)
        for one in ended:
            _end(connection, one)
    return len(ended)


def _end(connection: Connection[Any], one: Ended) -> None:
    confirmation_store.end(connection, one, datetime.now(UTC))
    if one.outcome is Outcome.SILENCE:
        movement = moving.movement_of(one.waiting.finding)
        _move_case(connection, movement.finding, movement.score)


def _in_use(connection: Connection[Any], memory: Memory) -> Mapping[int, RuleSet]:
    found = memory.rule_sets.in_use(connection)
    if not found:
        rule_store.publish_shipped(connection)
        found = memory.rule_sets.in_use(connection)
    return found


def _drafts(
    connection: Connection[Any], batches: Sequence[Batch], rule_sets: Mapping[int, RuleSet]
) -> list[Draft]:
    looks_back = max((one.looks_back for one in rule_sets.values()), default=WIDTH)
    segments = planning.segments(finding_store.touches_of(connection, batches))
    if not segments:
        return []
    history.fill(connection, segments, looks_back)
    return planning.plan(segments, looks_back)


def _bases(connection: Connection[Any], memory: Memory, drafts: Sequence[Draft]) -> list[Basis]:
    """Say what is in force for each draft; a usual level may be proposed by it."""
    sets = rule_store.in_force(
        connection,
        [draft.patient_id for draft in drafts],
        [draft.reading.measured_at for draft in drafts],
    )
    limits = history.limits_in_force(connection, drafts)
    known = reference_store.known_for(connection, drafts)
    said = symptom_store.near(connection, drafts, memory.questionnaires)
    return [
        Basis(
            rule_set_id=sets[place].rule_set_id if place in sets else None,
            approved=place in sets and sets[place].approved,
            limits=limits.get(place),
            levels=known[place].levels,
            first_period=known[place].first_period,
            said=said.get(place, ()),
        )
        for place in range(len(drafts))
    ]


def _subject(draft: Draft, basis: Basis) -> Subject:
    return Subject(
        patient_id=draft.patient_id,
        quantity=draft.quantity,
        window=draft.window,
        basis=basis,
        beside=draft.beside,
        beside_quantity=planning.BESIDE[draft.quantity] if draft.beside else None,
        late=draft.late,
        turn=draft.turn,
        cause=draft.cause,
    )


def _of_readings(levels: Levels) -> dict[SeriesKey, Severity]:
    return {
        key: severity
        for (patient, channel), standings in levels.items()
        if channel is Channel.CLINICAL
        for about, severity in standings.items()
        if (key := moving.level_key(patient, about)) is not None
    }


def _store_findings(
    connection: Connection[Any],
    judged: Sequence[tuple[Draft, Verdict]],
    numbers: Sequence[int],
    told: Sequence[Movement],
) -> None:
    """Store what is not green, and of what is green that which ends something."""
    ending = {movement.finding.id for movement in told}
    finding_store.insert(
        connection,
        [
            finding
            for (_, verdict), number in zip(judged, numbers, strict=True)
            for finding in finding_store.with_basis(_kept_of(verdict, ending), number)
        ],
    )


def _kept_of(verdict: Verdict, ending: set[UUID]) -> list[Finding]:
    green = verdict.green
    return [*verdict.findings, *([green] if green is not None and green.id in ending else [])]


# ------------------------------------------------------------------------ technical work


def _tell_technical(
    connection: Connection[Any],
    judged: Sequence[tuple[Draft, Verdict]],
    newest: Mapping[SeriesKey, Newest],
    levels: Levels,
) -> None:
    """Ask a person where rules could not decide, and take it back once they can."""
    standing = {
        patient: dict(known)
        for (patient, channel), known in levels.items()
        if channel is Channel.TECHNICAL
    }
    for draft, verdict in judged:
        before = newest.get((draft.patient_id, draft.quantity))
        reading = draft.reading
        if before and (reading.measured_at, reading.id) < (before.measured_at, before.reading_id):
            continue  # what is so now follows from the newest
        known = standing.setdefault(draft.patient_id, {})
        for finding in _technical(verdict, known):
            known[finding.about] = finding.severity
            _store_and_move(connection, [finding])


def _technical(verdict: Verdict, known: Mapping[str, Severity]) -> list[Finding]:
    subject = verdict.subject
    complaints = {
        findings.LIMITS_MISSING: not verdict.is_watched,
        findings.REFERENCE_MISSING: verdict.lacks_reference,
        findings.RULE_FAILED: verdict.has_failed_rule,
    }
    make = {
        findings.LIMITS_MISSING: findings.missing_limits,
        findings.REFERENCE_MISSING: findings.missing_reference,
        findings.RULE_FAILED: findings.failed_rule,
    }
    found = [make[rule](subject) for rule, complained in complaints.items() if complained]
    if verdict.is_watched:
        resolved = [rule for rule, complained in complaints.items() if not complained]
        ending = (findings.judged_again(subject, rule) for rule in (*resolved, findings.NOT_JUDGED))
        found += [
            one for one in ending if known.get(one.about, Severity.GREEN) is not Severity.GREEN
        ]
    return found


def _take_back(connection: Connection[Any], batches: Sequence[Batch], levels: Levels) -> None:
    """Take off the board what was found of withdrawn readings that have left none behind."""
    caused = [one for one in batches if one.cause is not None and one.quantity is not None]
    if not caused:
        return
    series = sorted({(one.patient_id, one.quantity) for one in caused if one.quantity})
    left = history.with_readings(connection, series)
    standing = _of_readings(levels)
    for batch in caused:
        if batch.quantity is None or batch.cause is None:
            continue
        key = batch.patient_id, batch.quantity
        if key in left or standing.get(key, Severity.GREEN) is Severity.GREEN:
            continue
        finding = findings.withdrawn(*key, batch.reading_ids[0], batch.measured_to, batch.cause)
        standing[key] = Severity.GREEN
        _store_and_move(connection, [finding])


def _store_and_move(connection: Connection[Any], made: Sequence[Finding]) -> None:
    new = finding_store.insert(connection, made)
    for finding in made:
        if finding.id in new:
            _move_case(connection, finding, finding.score or 0.0)


def _move_case(connection: Connection[Any], finding: Finding, score: float) -> None:
    judged = JudgedReading(finding.id, finding.about, finding.severity, datetime.now(UTC), score)
    case_store.take_in(connection, finding.patient_id, finding.channel, judged)
