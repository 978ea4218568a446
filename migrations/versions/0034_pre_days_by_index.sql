-- Days are queued when the judgement queue is emptied, in the engine's own transaction. The planner
-- knows nothing of a transition table and joined it with all readings there are: at 1,000 patients a
-- quarter of a second for one reading. "offset 0" keeps a walk down the index for each row.

create or replace function queue_judged_days() returns trigger language plpgsql as $$
begin
    insert into trend_queue (patient_id, quantity, day)
    select distinct o.patient_id, o.quantity, local_day(o.measured_at)
    from judged q
    cross join lateral (
        select o.patient_id, o.quantity, o.measured_at
        from observation o
        where o.patient_id = q.patient_id
            and o.quantity = any (enum_range(null::quantity))
            and o.measured_at between q.measured_from and q.measured_to
            and o.reading_id = any (q.reading_ids)
        offset 0
    ) o;
    return null;
end $$;
