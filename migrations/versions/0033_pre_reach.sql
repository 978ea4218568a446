-- The queue names the newest reading, and from when on windows may have changed: the reading that
-- was withdrawn or came back. Every later judgement whose window held it is made again.

create or replace function judge_again(
    p_patient uuid, p_quantity quantity, p_reading uuid, p_measured_at timestamptz, p_cause text
) returns void language plpgsql as $$
-- What is so now follows from the newest reading that counts: that one is judged again. If none
-- is left the withdrawn one is named, and the engine takes back what it had found.
declare
    newest_id uuid := p_reading;
    newest_at timestamptz := p_measured_at;
begin
    select o.reading_id, o.measured_at into newest_id, newest_at
    from observation o
    where o.patient_id = p_patient and o.quantity = p_quantity
        and o.measured_at <= now() + interval '5 minutes'
        and not exists (select from withdrawn_reading w
            where w.patient_id = p_patient and w.reading_id = o.reading_id)
    order by o.measured_at desc, o.reading_id desc
    limit 1;
    insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to, cause,
        quantity)
    values (p_patient, array[coalesce(newest_id, p_reading)],
        least(p_measured_at, coalesce(newest_at, p_measured_at)),
        greatest(p_measured_at, coalesce(newest_at, p_measured_at)), p_cause, p_quantity);
end $$;

comment on column judgement_queue.measured_from is
    'With measured_to: where in time the readings lie, so that finding them touches few chunks. '
    'With a cause: since when windows may have changed.';
