-- An answer says something of the readings of its day: those that were judged are judged again.

create or replace function queue_answer() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
    insert into answer_queue (answer_id, patient_id) values (new.id, new.patient_id);
    -- Questions come last in a session, and an answer holds for a day (alerts.families.pair). What
    -- was not judged yet sees the answer by itself.
    insert into judgement_queue
        (patient_id, reading_ids, measured_from, measured_to, cause, quantity)
    select new.patient_id, array[j.reading_id], j.measured_at, j.measured_at,
        'answer/' || new.id, 'spo2'
    from judgement j
    where j.patient_id = new.patient_id and j.quantity = 'spo2' and j.turn = 0
        and j.measured_at between new.answered_at - interval '1 hour'
            and new.answered_at + interval '1 day'
        and not exists (select from withdrawn_reading w
            where w.patient_id = j.patient_id and w.reading_id = j.reading_id)
    order by j.measured_at;
    return null;
end $$;
