-- As it was in 0018.

create or replace function queue_judged_days() returns trigger language plpgsql as $$
begin
    insert into trend_queue (patient_id, quantity, day)
    select distinct o.patient_id, o.quantity, local_day(o.measured_at)
    from judged q
    join observation o
        on o.patient_id = q.patient_id
        and o.quantity = any (enum_range(null::quantity))
        and o.measured_at between q.measured_from and q.measured_to
        and o.reading_id = any (q.reading_ids);
    return null;
end $$;
