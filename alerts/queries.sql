-- The alert engine's queries. Each is headed by its name and its purpose.

-- take_queue: Take the oldest unjudged batches; other workers skip what one has taken.
select id, patient_id, reading_ids, measured_from, measured_to, cause, quantity
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
-- was stored, the transaction's own time; for what a person attributed it is later.
select o.patient_id, o.quantity, o.reading_id, o.measured_at, q.enqueued_at, q.cause
from judgement_queue q
join observation o
    on o.patient_id = q.patient_id
    and o.quantity = any(%(quantities)s::quantity[])
    and o.measured_at between q.measured_from and q.measured_to
    and o.reading_id = any(q.reading_ids)
where q.id = any(%(ids)s)
    and not exists (select from withdrawn_reading w
        where w.patient_id = o.patient_id and w.reading_id = o.reading_id)
order by o.measured_at, o.reading_id

-- windows: For each reading under test, it and those before it, newest first. The few withdrawn
-- readings of the patient are fetched once per window, in one step, and not asked for each row.
select t.row_number, h.reading_id, h.measured_at, h.value
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(times)s::timestamptz[],
            %(readings)s::uuid[])
    with ordinality as t (patient_id, quantity, measured_at, reading_id, row_number)
cross join lateral (
    select o.reading_id, o.measured_at, o.value
    from observation o
    where o.patient_id = t.patient_id
        and o.quantity = t.quantity
        and (o.measured_at, o.reading_id) <= (t.measured_at, t.reading_id)
        and o.reading_id <> all (array(
            select w.reading_id from withdrawn_reading w where w.patient_id = t.patient_id))
    order by o.measured_at desc, o.reading_id desc
    limit %(width)s
) h
order by t.row_number, h.measured_at desc, h.reading_id desc

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

-- newest_judged: The finding about the newest reading judged so far, per patient and quantity.
-- One step down the index each. A time in the future can only be a clock that is wrong; taken as
-- the newest it would mute the patient until then. What was found of a withdrawn reading is history.
select f.patient_id, f.quantity, f.measured_at, f.id, f.rule, f.severity, f.score
from (select distinct p, q
      from unnest(%(patients)s::uuid[], %(quantities)s::quantity[]) as u (p, q))
    as t (patient_id, quantity)
cross join lateral (
    select f.patient_id, f.quantity, f.measured_at, f.id, f.rule, f.severity, f.score
    from finding f
    where f.patient_id = t.patient_id and f.quantity = t.quantity
        and f.measured_at <= now() + interval '5 minutes'
        and not exists (select from withdrawn_reading w
            where w.patient_id = f.patient_id and w.reading_id = any(f.reading_ids))
    order by f.measured_at desc, f.found_at desc
    limit 1
) f

-- insert_finding: Store a finding; its id is made of what it judged, so twice is once.
insert into finding (id, patient_id, channel, rule, rule_version, result, severity, score,
    quantity, measured_at, late, reading_ids, limits, evidence, reason_da, reason_en)
values (%(id)s, %(patient_id)s, %(channel)s, %(rule)s, %(rule_version)s, %(result)s,
    %(severity)s, %(score)s, %(quantity)s, %(measured_at)s, %(late)s, %(reading_ids)s,
    %(limits)s, %(evidence)s, %(reason_da)s, %(reason_en)s)
on conflict (id) do nothing

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
