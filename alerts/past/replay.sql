-- What a replay reads, one patient at a time. Each query is headed by its name and its purpose.

-- patients: Whom to replay: all who have been judged, or one.
select p.id from patient p
where (%(patient)s::uuid is null or p.id = %(patient)s::uuid)
    and (exists (select from judgement j where j.patient_id = p.id)
        or exists (select from finding f where f.patient_id = p.id))
order by p.id

-- judgements: All judgements of a patient, in the order in which windows continue each other.
select quantity, measured_at, reading_id, turn, judged_at, window_hash, basis_id, before_id,
    before_turn, beside_id, beside_turn, late, severity, outcomes, cause, reading_ids
from judgement
where patient_id = %(patient)s
order by quantity, measured_at, reading_id, turn

-- bases: All that was in force for a patient.
select id, rule_set_id, approved, limits, reference, context
from rule_basis where patient_id = %(patient)s

-- readings: All readings that are the patient's now, the withdrawn too, and those that once were
-- and are another's or nobody's now.
select o.reading_id, o.measured_at, o.value, o.quality
from observation o
where o.patient_id = %(patient)s and o.quantity = any (enum_range(null::quantity))
union all
select o.reading_id, o.measured_at, o.value, o.quality
from (select distinct on (e.reading_id) e.reading_id, e.measured_at, e.to_patient
    from attribution_event e
    where e.reading_id in (
        select w.reading_id from withdrawn_reading w
        where w.patient_id = %(patient)s and w.why = 'moved')
    order by e.reading_id, e.id desc) last
join observation o on o.patient_id = last.to_patient
    and o.quantity = any (enum_range(null::quantity))
    and o.measured_at = last.measured_at and o.reading_id = last.reading_id
union all
select o.reading_id, o.measured_at, o.value, o.quality
from (select distinct on (e.reading_id) e.reading_id, e.measured_at, e.to_patient
    from attribution_event e
    where e.reading_id in (
        select w.reading_id from withdrawn_reading w
        where w.patient_id = %(patient)s and w.why = 'moved')
    order by e.reading_id, e.id desc) last
join observation o on o.patient_id is null
    and o.quantity = any (enum_range(null::quantity))
    and o.measured_at = last.measured_at and o.reading_id = last.reading_id
where last.to_patient is null

-- findings: All findings of a patient about readings; those about answers are replayed apart.
select id, channel, rule, rule_version, result, severity, score, quantity, measured_at, late,
    reading_ids, limits, evidence, reason_da, reason_en, rule_id, rule_set_id, basis_id, turn,
    cause, found_at
from finding where patient_id = %(patient)s and answer_id is null
