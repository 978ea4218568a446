create or replace function queue_answer() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
    insert into answer_queue (answer_id, patient_id) values (new.id, new.patient_id);
    return null;
end $$;
