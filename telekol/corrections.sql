-- What people say of readings: whose they are, and whether they hold. Each is headed by name and
-- purpose. The steps are functions of the database; here they are only called.

-- waiting: Readings that nobody has, of which the guard or a person said so.
select u.reading_id, u.measured_at, u.kind, u.held_from, u.held_code, u.held_reason, u.at, u.event
from unattributed_reading u
where %(patient)s::uuid is null or u.held_from = %(patient)s
order by u.at
limit %(most)s

-- history: What was said of one reading, oldest first: whose it is, and whether it holds.
select at, 'attribution' as about, id as event, kind, from_patient, to_patient, candidate, code,
    null::boolean as counts_as_submitted, reason, by_whom
from attribution_event where reading_id = %(reading)s
union all
select at, 'validity', id, kind, null, patient_id, null, null, counts_as_submitted, reason, by_whom
from validity_event where reading_id = %(reading)s
order by at, event

-- said: Readings of which somebody said that they do not hold, or that they do after all.
select v.reading_id, v.measured_at, v.patient_id, v.valid, v.counts_as_submitted, v.reason,
    v.by_whom, v.at
from reading_validity v
where (%(patient)s::uuid is null or v.patient_id = %(patient)s) and (%(valid)s or not v.valid)
order by v.at desc
limit %(most)s

-- of_patient: When a patient's reading was measured. Down the index of one patient, all of it: an
-- operator has the reading's id and no time.
select o.measured_at
from observation o
where o.patient_id = %(patient)s and o.reading_id = %(reading)s

-- of_nobody: The same for a reading that nobody has.
select coalesce(
    (select measured_at from attribution_event where reading_id = %(reading)s
     order by id desc limit 1),
    (select o.measured_at from observation o
     where o.patient_id is null and o.reading_id = %(reading)s limit 1))

-- attribute: Say whose a reading is.
select attribute_reading(%(reading)s, %(measured_at)s, %(from)s, %(to)s, %(by)s, %(reason)s)

-- refuse: Say that it is nobody's whom we know.
select refuse_reading(%(reading)s, %(measured_at)s, %(from)s, %(by)s, %(reason)s)

-- undo: Take back what a person said last.
select undo_attribution(%(event)s, %(by)s, %(reason)s)

-- invalidate: Say that it does not hold.
select invalidate_reading(%(reading)s, %(measured_at)s, %(patient)s, %(by)s, %(reason)s, %(counts)s)

-- reinstate: Say that it holds after all.
select reinstate_reading(%(reading)s, %(measured_at)s, %(patient)s, %(by)s, %(reason)s)
