-- The attribution guard's queries. Each is headed by name and purpose.

-- nearest: For each of these patients the last valid weight up to the first of a batch,
-- and those from there to its last.
-- Few rows for many patients: enough for nearly every weight (ingest/guard.py, is_close). Where the
-- last one is withdrawn nothing of before is given, and the whole history is asked for.
select a.patient_id,
    (extract(epoch from o.measured_at - timestamptz '2000-01-01 00:00Z') * 1000000)::int8,
    o.value
from unnest(%(patients)s::uuid[], %(firsts_us)s::int8[], %(lasts_us)s::int8[])
    as a (patient_id, first_us, last_us)
cross join lateral (
    (select b.measured_at, b.value, b.reading_id from observation b
     where b.patient_id = a.patient_id and b.quantity = 'body_weight'
         and b.measured_at <= timestamptz '2000-01-01 00:00Z' + a.first_us * interval '1 microsecond'
     order by b.measured_at desc
     fetch first 1 row with ties)
    union all
    (select b.measured_at, b.value, b.reading_id from observation b
     where a.first_us < a.last_us and b.patient_id = a.patient_id and b.quantity = 'body_weight'
         and b.measured_at > timestamptz '2000-01-01 00:00Z' + a.first_us * interval '1 microsecond'
         and b.measured_at <= timestamptz '2000-01-01 00:00Z' + a.last_us * interval '1 microsecond')
) o
where not exists (select from withdrawn_reading w
    where w.patient_id = a.patient_id and w.reading_id = o.reading_id)

-- history: Valid weights that count as these patients', around the times of a batch.
-- Twelve before its first (the guard compares with five, the slot wants a few more), all within
-- it, and twelve after its last, for a backlog that is older than what is known.
with asked as (
    select patient_id, timestamptz '2000-01-01 00:00Z' + first_us * interval '1 microsecond' as first,
        timestamptz '2000-01-01 00:00Z' + last_us * interval '1 microsecond' as last
    from unnest(%(patients)s::uuid[], %(firsts_us)s::int8[], %(lasts_us)s::int8[])
        as u (patient_id, first_us, last_us)
)
select a.patient_id,
    (extract(epoch from o.measured_at - timestamptz '2000-01-01 00:00Z') * 1000000)::int8,
    o.value, o.device_id, o.user_index,
    exists (select from attribution_event e
        where e.reading_id = o.reading_id and e.kind = 'attributed'
            and e.to_patient = a.patient_id)
from asked a
cross join lateral (
    (select * from observation o
     where o.patient_id = a.patient_id and o.quantity = 'body_weight' and o.measured_at < a.first
     order by o.measured_at desc
     limit 12)
    union all
    (select * from observation o
     where o.patient_id = a.patient_id and o.quantity = 'body_weight'
         and o.measured_at between a.first and a.last)
    union all
    (select * from observation o
     where o.patient_id = a.patient_id and o.quantity = 'body_weight' and o.measured_at > a.last
     order by o.measured_at
     limit 12)
) o
where not exists (select from withdrawn_reading w
    where w.patient_id = a.patient_id and w.reading_id = o.reading_id)

-- note: Keep why a reading was held, or accepted without proof.
insert into attribution_event (reading_id, measured_at, kind, to_patient, candidate, code, reason,
    by_whom)
values (%(reading)s,
    timestamptz '2000-01-01 00:00Z' + %(measured_us)s::int8 * interval '1 microsecond',
    %(kind)s, %(to)s, %(candidate)s, %(code)s, %(reason)s, %(by)s)
