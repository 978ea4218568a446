-- What a what-if reads of patients. Each query is headed by its name and its purpose.

-- patients_of_team: Whose readings a team looks after, in a fixed order.
select id from patient where team_id = %(team)s order by id

-- patients_with_readings: Everybody of whom anything was measured.
select p.id from patient p
where exists (select from observation o where o.patient_id = p.id)
order by p.id

-- patients_there: Which of some patients there are, in the order asked for.
select t.patient_id
from unnest(%(patients)s::uuid[]) with ordinality as t (patient_id, place)
join patient p on p.id = t.patient_id
order by t.place

-- past: All readings of patients that count, up to a moment; as a series holds them.
select t.place - 1, o.quantity, (extract(epoch from o.measured_at) * 1000000)::bigint, o.value,
    o.quality
from unnest(%(patients)s::uuid[]) with ordinality as t (patient_id, place)
join observation o on o.patient_id = t.patient_id
    and o.quantity = any(%(quantities)s::quantity[])
    and o.measured_at <= %(until)s
where not exists (select from withdrawn_reading w
    where w.patient_id = o.patient_id and w.reading_id = o.reading_id)
order by t.place, o.quantity, o.measured_at, o.reading_id

-- levels: Usual levels of patients, approved or not; without those that were ended for none.
select t.place - 1, v.quantity, (extract(epoch from lower(v.period)) * 1000000)::bigint, v.value,
    v.approved_by is not null, (v.evidence ->> 'spread')::double precision,
    coalesce((v.evidence ->> 'n')::integer, 0)
from unnest(%(patients)s::uuid[]) with ordinality as t (patient_id, place)
join reference_value v on v.patient_id = t.patient_id
    and v.quantity = any(%(quantities)s::quantity[])
where not isempty(v.period) and lower(v.period) <= %(until)s
    and (upper_inf(v.period) or exists (select from reference_value next
        where next.patient_id = v.patient_id and next.quantity = v.quantity
            and lower(next.period) >= upper(v.period)))
order by t.place, v.quantity, lower(v.period)

-- limits: The limits of patients that are in force at a moment.
select distinct on (t.place, l.quantity) t.place - 1, l.quantity, l.red_low, l.yellow_low,
    l.yellow_high, l.red_high
from unnest(%(patients)s::uuid[]) with ordinality as t (patient_id, place)
join patient_limit l on l.patient_id = t.patient_id and l.valid_from <= %(until)s
where l.quantity = any(%(quantities)s::quantity[])
order by t.place, l.quantity, l.valid_from desc
