-- The attribution guard's queries. Each is headed by name and purpose.

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
