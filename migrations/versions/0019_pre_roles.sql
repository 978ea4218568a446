-- Roles of the services, with what each needs and no more. None may sign in: an operator makes a
-- login for each service and grants it one of these. Roles belong to the whole server; where the
-- migrating user may not make them, they are made beforehand and found here.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['telekol_ingest', 'telekol_alerts', 'telekol_api',
        'telekol_readings']
    loop
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
end $$;

------------------------------------------------------------------------ ingest: writes what came

grant select on gateway, kit, kit_assignment, patient, device, outbox, observation_identity,
    observation, judgement_queue, quarantine, gateway_health, gateway_presence, gateway_trouble,
    instruction_acknowledgement, sequence_gap, gap_explanation, gap_reason, gateway_gap,
    quarantine_open, technical_trouble, attribution_event, withdrawn_reading, instruction
    to telekol_ingest;
grant insert on device, outbox, observation, observation_identity, judgement_queue, quarantine,
    quarantine_event, gateway_health, gateway_presence, gateway_trouble,
    instruction_acknowledgement, sequence_gap, attribution_event, instruction
    to telekol_ingest;
grant update on outbox, gateway_health, gateway_presence, gateway_trouble, sequence_gap,
    instruction
    to telekol_ingest;
grant update (state, tries, tried_at, resolved_at, resolved_by, outcome) on quarantine
    to telekol_ingest;

------------------------------------------------------------------------ alerts: judges

grant select on patient, observation, patient_limit, finding, triage_case, case_event,
    judgement_queue, withdrawn_reading, reading_validity, validity_event, attribution_event,
    observation_day, trend_queue, enrolment, enrolment_pause, plan, plan_item, plan_time,
    questionnaire, questionnaire_answer, reference_value, kit_assignment, gateway_trouble,
    gateway_health, technical_trouble
    to telekol_alerts;
grant insert on finding, triage_case, case_event, observation_day, trend_queue to telekol_alerts;
grant update on triage_case, observation_day to telekol_alerts;
-- Locking a row wants the right to change some column; an id that is referred to cannot be.
grant update (id) on patient, judgement_queue to telekol_alerts;
grant delete on judgement_queue, trend_queue, observation_day to telekol_alerts;

------------------------------------------------------------------------ api: shows and takes in

-- No right on observation or any chunk of it: row security cannot stand on a hypertable, so the
-- readings are reached through patient_readings alone.
grant select on organisation, team, clinician, membership, patient, civil_registration, programme,
    enrolment, enrolment_pause, plan, plan_item, plan_time, patient_limit, limit_template,
    reference_value, questionnaire, questionnaire_answer, message, message_read, contact, kit,
    gateway, kit_assignment, device, finding, triage_case, case_event, observation_day,
    gateway_health, gateway_presence, gateway_trouble, instruction_acknowledgement,
    technical_trouble, gateway_gap, quarantine_open, access_log
    to telekol_api;
grant select (id, patient_id, enqueued_at) on judgement_queue to telekol_api;
grant insert on access_log, message, message_read, contact, case_event, patient_limit,
    reference_value, enrolment, enrolment_pause, plan, plan_item, plan_time, questionnaire_answer
    to telekol_api;
grant update on triage_case, contact to telekol_api;
grant update (period, ended_because, consent_at, consent_withdrawn_at) on enrolment to telekol_api;
grant update (period) on plan, enrolment_pause, reference_value to telekol_api;

create function patient_readings(
    p_patient uuid, p_from timestamptz, p_until timestamptz default 'infinity'
) returns setof observation
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select o.*
    from observation o
    where o.patient_id = p_patient
        and o.quantity = any (enum_range(null::quantity))
        and o.measured_at >= p_from and o.measured_at < p_until
        and exists (
            select from membership m
            where m.clinician_id = nullif(current_setting('telekol.clinician', true), '')
                and m.period @> now()
                and (m.team_id = (select p.team_id from patient p where p.id = p_patient)
                    or exists (select from enrolment e
                        where e.patient_id = p_patient and e.team_id = m.team_id
                            and e.period @> now())));
end;
comment on function patient_readings is
    'A patient''s readings, for a clinician who is in the patient''s team now. Who asks is '
    'telekol.clinician, set within the transaction; unset, nobody is asked for and no row comes.';
grant select on observation, membership, patient, enrolment to telekol_readings;
grant create on schema public to telekol_readings;
do $$
begin
    -- Since 16, whoever made a role is its member without the right to set it.
    if not pg_has_role(current_user, 'telekol_readings',
            case when current_setting('server_version_num')::integer >= 160000 then 'SET'
            else 'MEMBER' end) then
        execute format('grant telekol_readings to %I', current_user);
    end if;
end $$;
alter function patient_readings owner to telekol_readings;
revoke create on schema public from telekol_readings;
revoke all on function patient_readings from public;
grant execute on function patient_readings to telekol_api;
