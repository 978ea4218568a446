-- The alert engine's queries. Each is headed by its name and its purpose.

-- take_queue: Take the oldest unjudged batches; other workers skip what one has taken.
select id, patient_id, reading_ids, measured_from, measured_to, enqueued_at, cause, quantity
from judgement_queue
order by id
limit %(most)s
for update skip locked

-- drop_queue: Forget batches whose findings are stored, in the same transaction.
delete from judgement_queue where id = any(%(ids)s)

-- lock_patients: One worker at a time per patient; key share locks of inserts are not blocked.
select id from patient where id = any(%(patients)s) order by id for no key update

-- readings_under_test: The readings that the taken batches name, without those that no longer
-- count. When it could first be judged is when it was queued: for what comes in that is when it
-- was stored, the transaction's own time; for what a person attributed it is later. Here and below,
-- "offset 0" keeps a walk down an index for each row: joined flat, a planner that thinks a table small
-- reads all of it, and then the cost of a reading grows with the patients.
select o.patient_id, o.quantity, o.measured_at, q.enqueued_at, o.reading_id, q.cause
from judgement_queue q
cross join lateral (
    select o.patient_id, o.quantity, o.measured_at, o.reading_id
    from observation o
    where o.patient_id = q.patient_id
        and o.quantity = any(%(quantities)s::quantity[])
        and o.measured_at between q.measured_from and q.measured_to
        and o.reading_id = any(q.reading_ids)
        and not exists (select from withdrawn_reading w
            where w.patient_id = o.patient_id and w.reading_id = o.reading_id)
    offset 0
) o
where q.id = any(%(ids)s)
order by o.measured_at, o.reading_id

-- histories: The readings around touched places, oldest first: those before the first place, what
-- lies between the first and the last, and those after, as many as rules look back. Each part is
-- one walk down an index that starts with the patient, however long the history is. The few
-- withdrawn readings of the patient are fetched once per walk, and not asked for each row.
select t.row_number, h.reading_id, h.measured_at, h.value, h.quality
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(sinces)s::timestamptz[],
            %(untils)s::timestamptz[])
    with ordinality as t (patient_id, quantity, since, until, row_number)
cross join lateral (
    (select o.reading_id, o.measured_at, o.value, o.quality
    from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.measured_at < t.since
        and o.reading_id <> all (array(
            select w.reading_id from withdrawn_reading w where w.patient_id = t.patient_id))
    order by o.measured_at desc, o.reading_id desc
    limit %(before)s)
    union all
    select o.reading_id, o.measured_at, o.value, o.quality
    from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.measured_at between t.since and t.until
        and o.reading_id <> all (array(
            select w.reading_id from withdrawn_reading w where w.patient_id = t.patient_id))
    union all
    (select o.reading_id, o.measured_at, o.value, o.quality
    from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.measured_at > t.until
        and o.reading_id <> all (array(
            select w.reading_id from withdrawn_reading w where w.patient_id = t.patient_id))
    order by o.measured_at, o.reading_id
    limit %(after)s)
) h
order by t.row_number, h.measured_at, h.reading_id

-- judged: How readings between two times were judged last.
select t.row_number, j.*
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(sinces)s::timestamptz[],
            %(untils)s::timestamptz[])
    with ordinality as t (patient_id, quantity, since, until, row_number)
cross join lateral (
    select distinct on (j.measured_at, j.reading_id) j.reading_id, j.turn, j.window_hash, j.late,
        j.beside_id, j.beside_turn
    from judgement j
    where j.patient_id = t.patient_id and j.quantity = t.quantity
        and j.measured_at between t.since and t.until
    order by j.measured_at, j.reading_id, j.turn desc
) j

-- limits_in_force: For each reading under test, the limits that held when it was measured.
select t.row_number, l.id, l.red_low, l.yellow_low, l.yellow_high, l.red_high
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(times)s::timestamptz[])
    with ordinality as t (patient_id, quantity, measured_at, row_number)
cross join lateral (
    select l.id, l.red_low, l.yellow_low, l.yellow_high, l.red_high
    from patient_limit l
    where l.patient_id = t.patient_id
        and l.quantity = t.quantity
        and l.valid_from <= t.measured_at
    order by l.valid_from desc
    limit 1
) l

-- newest_judged: The newest reading judged so far, per patient and quantity. One step down the
-- index each. A time in the future can only be a clock that is wrong; taken as the newest it would
-- mute the patient until then. What was found of a withdrawn reading is history. Of what a release
-- before judged there is a finding and no judgement.
select t.patient_id, t.quantity, n.measured_at, n.reading_id, n.severity
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[]) as t (patient_id, quantity)
cross join lateral (
    (select j.measured_at, j.reading_id, j.severity
    from judgement j
    where j.patient_id = t.patient_id and j.quantity = t.quantity
        and j.measured_at <= now() + interval '5 minutes'
        and not exists (select from withdrawn_reading w
            where w.patient_id = j.patient_id and w.reading_id = j.reading_id)
    order by j.measured_at desc, j.reading_id desc, j.turn desc
    limit 1)
    union all
    (select f.measured_at, f.reading_ids[cardinality(f.reading_ids)], f.severity
    from finding f
    where f.patient_id = t.patient_id and f.quantity = t.quantity
        and f.rule_id is null and f.rule = 'absolute-limits'
        and f.measured_at <= now() + interval '5 minutes'
        and not exists (select from judgement j
            where j.patient_id = t.patient_id and j.quantity = t.quantity)
        and not exists (select from withdrawn_reading w
            where w.patient_id = f.patient_id and w.reading_id = any(f.reading_ids))
    order by f.measured_at desc, f.found_at desc
    limit 1)
) n

-- has_readings: Whether anything counts of a patient and quantity, for each.
select t.patient_id, t.quantity
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[]) as t (patient_id, quantity)
cross join lateral (
    select from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.reading_id <> all (array(
            select w.reading_id from withdrawn_reading w where w.patient_id = t.patient_id))
    limit 1
) o

-- add_bases: Store what was in force, where the same is not stored.
insert into rule_basis (patient_id, quantity, fingerprint, rule_set_id, approved, limits,
    reference, context)
select * from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(fingerprints)s::uuid[],
    %(rule_set_ids)s::integer[], %(approved)s::boolean[], %(limits)s::jsonb[],
    %(references)s::jsonb[], %(contexts)s::jsonb[])
on conflict (patient_id, quantity, fingerprint) do nothing

-- bases: The numbers of what was in force.
select t.patient_id, t.quantity, t.fingerprint, b.id
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(fingerprints)s::uuid[])
    as t (patient_id, quantity, fingerprint)
cross join lateral (
    select b.id from rule_basis b
    where b.patient_id = t.patient_id and b.quantity = t.quantity
        and b.fingerprint = t.fingerprint
    offset 0
) b

-- copy_judgements: Store judgements, many at once.
copy judgement (measured_at, window_hash, basis_id, patient_id, reading_id, before_id, beside_id,
    quantity, turn, before_turn, beside_turn, late, severity, outcomes, cause, reading_ids)
from stdin

-- insert_finding: Store a finding; its id is made of what it judged, so twice is once.
insert into finding (id, patient_id, channel, rule, rule_version, result, severity, score,
    quantity, measured_at, late, reading_ids, limits, evidence, reason_da, reason_en, rule_id,
    rule_set_id, basis_id, turn, cause)
values (%(id)s, %(patient_id)s, %(channel)s, %(rule)s, %(rule_version)s, %(result)s,
    %(severity)s, %(score)s, %(quantity)s, %(measured_at)s, %(late)s, %(reading_ids)s,
    %(limits)s, %(evidence)s, %(reason_da)s, %(reason_en)s, %(rule_id)s, %(rule_set_id)s,
    %(basis_id)s, %(turn)s, %(cause)s)
on conflict (id) do nothing
returning id

-- open_cases: What happened to the open cases of patients, oldest first.
select c.patient_id, c.channel, c.id, e.kind, e.at, e.about, e.severity, e.score, e.finding_id,
    e.clinician_id
from unnest(%(patients)s::uuid[]) as t (patient_id)
cross join lateral (
    select c.patient_id, c.channel, c.id from triage_case c
    where c.patient_id = t.patient_id and c.state <> 'closed'
    offset 0
) c
cross join lateral (
    select * from case_event e where e.case_id = c.id offset 0
) e
order by c.id, e.version

-- open_case: The open case of a patient and channel.
select id from triage_case
where patient_id = %(patient_id)s and channel = %(channel)s and state <> 'closed'
for update

-- lock_case: One case, held until the transaction ends.
select id from triage_case where id = %(case_id)s for update

-- channel_of_case: Which stream a case belongs to.
select channel from triage_case where id = %(case_id)s

-- newer_open_case: Whether the patient of a closed case has an open one in the same channel.
select 1 from triage_case old
join triage_case c on c.patient_id = old.patient_id and c.channel = old.channel
where old.id = %(case_id)s and c.state <> 'closed'

-- case_events: What happened to a case, oldest first.
select kind, at, about, severity, score, finding_id, clinician_id
from case_event where case_id = %(case_id)s order by version

-- insert_case: A new case; the patient's own team has it first.
insert into triage_case (id, patient_id, channel, team_id, state, severity, reason_da, reason_en,
    opened_at, changed_at, version)
select %(case_id)s, p.id, %(channel)s, p.team_id, %(state)s, %(severity)s, r.danish, r.english,
    %(at)s, %(at)s, %(version)s
from patient p, (
    select string_agg(f.reason_da, '; ' order by u.position) as danish,
        string_agg(f.reason_en, '; ' order by u.position) as english
    from unnest(%(reasons)s::uuid[]) with ordinality as u (id, position)
    join finding f on f.id = u.id
) r
where p.id = %(patient_id)s

-- update_case: Bring the row to what its events have made of it.
update triage_case c
set state = %(state)s, severity = %(severity)s, reason_da = r.danish, reason_en = r.english,
    changed_at = %(at)s, version = %(version)s
from (
    select string_agg(f.reason_da, '; ' order by u.position) as danish,
        string_agg(f.reason_en, '; ' order by u.position) as english
    from unnest(%(reasons)s::uuid[]) with ordinality as u (id, position)
    join finding f on f.id = u.id
) r
where c.id = %(case_id)s

-- insert_event: Add to a case's history; the key refuses two writers with the same version.
insert into case_event (case_id, version, at, kind, about, severity, score, finding_id,
    clinician_id)
values (%(case_id)s, %(version)s, %(at)s, %(kind)s, %(about)s, %(severity)s, %(score)s,
    %(finding_id)s, %(clinician_id)s)

-- refresh_trends: Compute days of readings again that something changed in; one worker at a time.
select refresh_trends(%(most)s)
