-- Rule sets and usual levels in the database. Each query is headed by its name and its purpose.

-- publish: Store a version of a rule set, if this name and version is not there.
insert into rule_set (name, version, fingerprint, definition)
values (%(name)s, %(version)s, %(fingerprint)s, %(definition)s)
on conflict do nothing
returning id

-- published: A version of a rule set by its name.
select id, fingerprint from rule_set where name = %(name)s and version = %(version)s

-- use_by_default: Let all patients use a set from the beginning of time, if nothing is in use yet.
insert into rule_set_use (rule_set_id, valid_from, set_by)
select %(rule_set_id)s, '-infinity', %(by)s
where not exists (select from rule_set_use where programme_id is null and team_id is null)
on conflict do nothing

-- use: Let a programme, a team or all use a set from a moment on.
insert into rule_set_use (rule_set_id, programme_id, team_id, valid_from, set_by)
select r.id, %(programme)s, %(team)s, coalesce(%(since)s::timestamptz, now()), %(by)s
from rule_set r where r.name = %(name)s and r.version = %(version)s
returning id

-- uses: Who uses what, and from when; the newest first.
select r.name, r.version, r.approved_by is not null as approved, u.programme_id, u.team_id,
    u.valid_from, u.set_by
from rule_set_use u join rule_set r on r.id = u.rule_set_id
order by u.valid_from desc, u.id desc

-- every_set: All that was published, newest version first.
select r.id, r.name, r.version, r.fingerprint, r.loaded_at, r.approved_by, r.approved_at
from rule_set r order by r.name, r.version desc

-- newest_version: The newest published version of a name.
select max(version) from rule_set where name = %(name)s

-- definitions: Rule sets by their numbers.
select id, name, version, fingerprint, definition from rule_set where id = any(%(ids)s)

-- used_sets: Every set that is or was in use by somebody; a handful.
select distinct rule_set_id from rule_set_use

-- approve: A physician approves a version.
select approve_rule_set(%(name)s, %(version)s, %(by)s)

-- sets_in_force: For each reading, the rule set that was in use when it was measured: the team's,
-- else the programme's, else everybody's. A patient who is in no programme has the team alone.
select t.row_number, u.rule_set_id, u.approved
from unnest(%(patients)s::uuid[], %(times)s::timestamptz[])
    with ordinality as t (patient_id, measured_at, row_number)
cross join lateral (
    select u.rule_set_id, r.approved_by is not null as approved
    from rule_set_use u
    join rule_set r on r.id = u.rule_set_id
    where u.valid_from <= t.measured_at
        and (u.team_id is null or u.team_id in (
            select p.team_id from patient p where p.id = t.patient_id
            union all
            select e.team_id from enrolment e
            where e.patient_id = t.patient_id and e.period @> t.measured_at))
        and (u.programme_id is null or u.programme_id in (
            select e.programme_id from enrolment e
            where e.patient_id = t.patient_id and e.period @> t.measured_at))
    order by u.team_id is not null desc, u.programme_id is not null desc, u.valid_from desc,
        u.id desc
    limit 1
) u

-- references: Usual levels of patients and quantities, approved or not, oldest first. Few each.
select t.row_number, v.id, v.value, lower(v.period), upper(v.period), v.approved_by is not null,
    v.origin, (v.evidence ->> 'n')::integer, (v.evidence ->> 'spread')::double precision
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[])
    with ordinality as t (patient_id, quantity, row_number)
cross join lateral (
    select * from reference_value v
    where v.patient_id = t.patient_id and v.quantity = t.quantity
    offset 0
) v
order by t.row_number, lower(v.period)

-- first_readings: The beginning of patients' series, for a level to propose.
select t.row_number, f.reading_id, f.measured_at, f.value, f.quality
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[])
    with ordinality as t (patient_id, quantity, row_number)
cross join lateral (
    select o.reading_id, o.measured_at, o.value, o.quality
    from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.reading_id <> all (array(
            select w.reading_id from withdrawn_reading w where w.patient_id = t.patient_id))
    order by o.measured_at, o.reading_id
    limit %(most)s
) f
order by t.row_number, f.measured_at, f.reading_id

-- propose: Store proposed levels, where nothing is known of a patient and quantity yet.
insert into reference_value (patient_id, quantity, value, period, origin, evidence, proposed_at)
select t.patient_id, t.quantity, t.value, tstzrange(t.since, null), 'proposed', t.evidence, now()
from unnest(%(patients)s::uuid[], %(quantities)s::quantity[], %(values)s::double precision[],
        %(sinces)s::timestamptz[], %(evidences)s::jsonb[])
    as t (patient_id, quantity, value, since, evidence)
where not exists (select from reference_value v
    where v.patient_id = t.patient_id and v.quantity = t.quantity)
on conflict do nothing

-- proposals: Proposed levels that wait for a physician, oldest first.
select v.id, v.patient_id, v.quantity, v.value, v.evidence, lower(v.period) as since, v.proposed_at
from reference_value v
where v.origin = 'proposed' and v.approved_by is null and upper_inf(v.period)
    and (%(patient)s::uuid is null or v.patient_id = %(patient)s::uuid)
order by v.proposed_at, v.id
limit %(most)s

-- approve_reference: A physician approves a usual level.
select approve_reference(%(id)s, %(by)s)

-- refuse_reference: A physician ends a proposed level.
select refuse_reference(%(id)s, %(by)s)
