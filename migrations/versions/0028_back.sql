-- The functions that readings are reached through, as 0019 and 0024 made them.

create or replace function patient_readings(
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
create or replace function newest_readings(p_patient uuid) returns setof observation
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
revoke select on withdrawn_reading from telekol_readings;
