-- Steps of people: attribute, refuse, undo, invalidate, reinstate. The functions of 0005 worked with
-- the rights of whoever called; now they run in a role that has these rights and no others. So an
-- operator needs no owner's password, and no role that anybody signs in with can change a reading.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['telekol_operator', 'telekol_corrections'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                -- Another database of this server is being migrated at this moment.
                when duplicate_object or unique_violation then null;
                when insufficient_privilege then
                    raise exception 'cannot make the role %', wanted
                        using errcode = 'insufficient_privilege',
                            hint = 'Let somebody with CREATEROLE make it: create role '
                                || wanted || ' nologin;';
            end;
        end if;
    end loop;
    -- To own functions for it. Since 16, whoever made a role is its member without that.
    if not pg_has_role(current_user, 'telekol_corrections',
            case when current_setting('server_version_num')::integer >= 160000 then 'SET'
            else 'MEMBER' end) then
        execute format('grant telekol_corrections to %I', current_user);
    end if;
end $$;

------------------------------------------------------------------------ what people do

grant select on observation, patient, attribution_event, validity_event, withdrawn_reading
    to telekol_corrections;
grant insert on attribution_event, validity_event, withdrawn_reading, judgement_queue, trend_queue
    to telekol_corrections;
grant update (patient_id) on observation to telekol_corrections;
grant update (why) on withdrawn_reading to telekol_corrections;
-- Locking a row wants the right to change some column; an id that is referred to cannot be.
grant update (id) on patient to telekol_corrections;
grant delete on withdrawn_reading to telekol_corrections;

grant create on schema public to telekol_corrections, telekol_readings;
do $$
declare
    one regprocedure;
begin
    foreach one in array array[
        'attribute_reading(uuid, timestamptz, uuid, uuid, text, text)',
        'refuse_reading(uuid, timestamptz, uuid, text, text)',
        'undo_attribution(bigint, text, text)',
        'invalidate_reading(uuid, timestamptz, uuid, text, text, boolean)',
        'reinstate_reading(uuid, timestamptz, uuid, text, text)']::regprocedure[] loop
        execute format('revoke all on function %s from public', one);
        execute format(
            'alter function %s security definer set search_path = public, pg_temp', one);
        execute format('alter function %s owner to telekol_corrections', one);
        execute format('grant execute on function %s to telekol_operator', one);
    end loop;
end $$;

------------------------------------------------------------------------ what an operator does

-- The quarantine, which is stored as ingest stores; gaps; what waits for a person.
do $$
begin
    if not pg_has_role('telekol_operator', 'telekol_ingest', 'member') then
        grant telekol_ingest to telekol_operator;
    end if;
end $$;
grant select on unattributed_reading, validity_event, reading_validity, withdrawn_reading,
    quarantine_event, gap_reason
    to telekol_operator;
grant insert on gap_explanation to telekol_operator;

------------------------------------------------------------------------ what a page reads

create function newest_readings(p_patient uuid) returns setof observation
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select o.*
    from unnest(enum_range(null::quantity)) q
    cross join lateral (
        select n.* from observation n
        where n.patient_id = p_patient and n.quantity = q
        order by n.measured_at desc, n.reading_id desc
        limit 1
    ) o
    where exists (
        select from membership m
        where m.clinician_id = nullif(current_setting('telekol.clinician', true), '')
            and m.period @> now()
            and (m.team_id = (select p.team_id from patient p where p.id = p_patient)
                or exists (select from enrolment e
                    where e.patient_id = p_patient and e.team_id = m.team_id
                        and e.period @> now())));
end;
comment on function newest_readings is
    'A patient''s newest reading of each quantity, however old, for whom patient_readings is for.';
alter function newest_readings owner to telekol_readings;
revoke all on function newest_readings from public;
grant execute on function newest_readings to telekol_api;

revoke create on schema public from telekol_corrections, telekol_readings;
