-- The desk: what a clinician may decide about readings, through functions that check who asks.
-- Pages call these; they work with the rights of whoever owns the tables, since no role of a
-- service may touch readings. Who asks is telekol.clinician, set within the transaction.

-- People who are neither nurse nor physician work here too, as support. A membership already
-- knows their roles.
alter table clinician drop constraint clinician_role_check;
alter table clinician add constraint clinician_role_check check (role in
    ('nurse', 'physician', 'assistant', 'administrator', 'logistics', 'viewer'));

create function asking_clinician() returns text language sql stable
return nullif(current_setting('telekol.clinician', true), '');
comment on function asking_clinician is 'Who asks, as the api has said in this transaction.';

create function works_for(p_patient uuid, p_roles text[]) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select exists (
        select from membership m
        join team t on t.id = m.team_id
        where m.clinician_id = asking_clinician() and m.period @> now()
            and m.role = any (p_roles)
            and (m.team_id = (select p.team_id from patient p where p.id = p_patient)
                or exists (select from enrolment e
                    where e.patient_id = p_patient and e.period @> now()
                        and (e.team_id = m.team_id or e.treated_by = t.organisation_id))));
end;
comment on function works_for is
    'Whether who asks has one of these roles in a team that watches the patient or is responsible '
    'for the treatment. Nobody does when nobody is said to ask.';

create function may_see(p_patient uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
return works_for(p_patient, array['nurse', 'physician', 'assistant', 'viewer']);
comment on function may_see is
    'Whether who asks may see the patient''s readings. Support in the same team may not.';

-- As in 0019 and 0024, for whoever may see the patient: not for support, and for those who are
-- responsible for the treatment. The newest is the newest that counts.
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
        and (select may_see(p_patient));
end;
create or replace function newest_readings(p_patient uuid) returns setof observation
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select o.*
    from unnest(enum_range(null::quantity)) q
    cross join lateral (
        select n.* from observation n
        where n.patient_id = p_patient and n.quantity = q
            and n.reading_id <> all (array(
                select w.reading_id from withdrawn_reading w where w.patient_id = p_patient))
        order by n.measured_at desc, n.reading_id desc
        limit 1
    ) o
    where (select may_see(p_patient));
end;
grant select on withdrawn_reading to telekol_readings;

------------------------------------------------------------------------ readings without an owner

create function held_readings() returns table (
    reading_id uuid, measured_at timestamptz, seen_event bigint, code text, noted_at timestamptz,
    quantity quantity, value double precision, user_index smallint, device text, kit_id text,
    candidate uuid
)
language sql stable security definer set search_path = public, pg_temp
begin atomic
    -- Held by the guard, or handed back by a person.
    select u.reading_id, u.measured_at, u.event, coalesce(u.held_code, 'handed-back'), u.at,
        o.quantity, o.value, o.user_index, concat_ws(' ', nullif(d.manufacturer, ''), d.model),
        g.kit_id, u.held_from
    from unattributed_reading u
    join observation o on o.patient_id is null and o.quantity = any (enum_range(null::quantity))
        and o.measured_at = u.measured_at and o.reading_id = u.reading_id
    join device d on d.id = o.device_id
    left join outbox b on b.id = o.outbox_id
    left join gateway g on g.id = b.gateway_id
    where may_see(u.held_from)
    union all
    -- Measured while nobody had the kit. Asked of those who care for somebody who has had it; a
    -- kit that never had anybody stands with the homes in trouble.
    select o.reading_id, o.measured_at, 0, 'kit-unassigned', o.stored_at,
        o.quantity, o.value, o.user_index, concat_ws(' ', nullif(d.manufacturer, ''), d.model),
        g.kit_id, a.patient_id
    from observation o
    join device d on d.id = o.device_id
    join outbox b on b.id = o.outbox_id
    join gateway g on g.id = b.gateway_id
    cross join lateral (
        select k.patient_id from kit_assignment k
        where k.kit_id = g.kit_id
            and may_see(k.patient_id)
        order by greatest(lower(k.period) - o.measured_at, o.measured_at - upper(k.period))
        limit 1) a
    where o.patient_id is null and o.quantity = any (enum_range(null::quantity))
        and o.quantity not in ('battery', 'perfusion_index')
        -- Cheap, and leaves out whole fleets that were never given out.
        and exists (select from kit_assignment k where k.kit_id = g.kit_id)
        and not exists (select from attribution_event e where e.reading_id = o.reading_id);
end;
comment on function held_readings is
    'Readings that wait for a person to say whose they are, of patients that the one who asks '
    'works for. candidate: who had the kit, or had it nearest in time.';

create function held_history(p_around interval) returns table (
    candidate uuid, quantity quantity, measured_at timestamptz, value double precision
)
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select distinct o.patient_id, o.quantity, o.measured_at, o.value
    from held_readings() h
    join observation o on o.patient_id = h.candidate and o.quantity = h.quantity
        and o.measured_at between h.measured_at - p_around and h.measured_at + p_around
    where not exists (select from withdrawn_reading w
        where w.patient_id = o.patient_id and w.reading_id = o.reading_id)
    order by o.patient_id, o.quantity, o.measured_at;
end;
comment on function held_history is
    'The patients'' own readings around those that wait, to compare with; only what counts.';

create function reading_attribution(p_patient uuid, p_reading uuid) returns table (
    event bigint, kind text, at timestamptz, by_whom text, reason text
)
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select e.id, e.kind, e.at, coalesce(c.name, e.by_whom), e.reason
    from attribution_event e
    left join clinician c on c.id = e.by_whom
    where e.reading_id = p_reading
        and may_see(p_patient)
        and (select l.to_patient from attribution_event l where l.reading_id = p_reading
            order by l.id desc limit 1) = p_patient
    order by e.id;
end;
comment on function reading_attribution is
    'What was said of why this reading is this patient''s; nothing for most.';

create function decided_readings(p_since timestamptz) returns table (
    event bigint, reading_id uuid, measured_at timestamptz, kind text, at timestamptz,
    by_whom text, reason text, quantity quantity, value double precision, patient uuid
)
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select l.id, l.reading_id, l.measured_at, l.kind, l.at, coalesce(c.name, l.by_whom), l.reason,
        o.quantity, o.value, l.patient
    from (
        select distinct on (e.reading_id) e.*,
            coalesce(e.to_patient, e.from_patient, (
                select h.candidate from attribution_event h
                where h.reading_id = e.reading_id and h.kind = 'held'
                order by h.id desc limit 1)) as patient
        from attribution_event e
        where e.at >= p_since
        order by e.reading_id, e.id desc
    ) l
    join observation o on o.patient_id is not distinct from l.to_patient
        and o.quantity = any (enum_range(null::quantity))
        and o.measured_at = l.measured_at and o.reading_id = l.reading_id
    left join clinician c on c.id = l.by_whom
    where l.kind in ('attributed', 'refused')
        and may_see(l.patient);
end;
comment on function decided_readings is
    'What people decided lately about whose a reading is, and can still take back.';

create function has_or_had_kit(p_reading uuid, p_measured_at timestamptz) returns uuid[]
language sql stable security definer set search_path = public, pg_temp
begin atomic
    -- From whom the guard held it; else, of those who have had the kit, one of ours.
    select array_remove(array[coalesce(
        (select h.candidate from attribution_event h
         where h.reading_id = p_reading and h.kind = 'held' order by h.id desc limit 1),
        (select k.patient_id
         from observation o
         join outbox b on b.id = o.outbox_id
         join gateway g on g.id = b.gateway_id
         join kit_assignment k on k.kit_id = g.kit_id
         where o.patient_id is null and o.quantity = any (enum_range(null::quantity))
             and o.measured_at = p_measured_at and o.reading_id = p_reading
         order by works_for(k.patient_id, array['nurse', 'physician']) desc,
             greatest(lower(k.period) - o.measured_at, o.measured_at - upper(k.period))
         limit 1))], null);
end;
comment on function has_or_had_kit is 'Whose reading it could be, by its kit: nobody, or one.';

create function settle_reading(
    p_reading uuid, p_measured_at timestamptz, p_seen bigint, p_action text, p_from uuid,
    p_to uuid, p_reason text
) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
-- One decision of a person about whose a reading is. p_seen is the newest event that the person
-- saw, 0 for none: if there is a newer one somebody was first, and nothing is done.
declare
    newest attribution_event;
    concerned uuid[];
    one uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_reading::text, 4711003));
    select * into newest from attribution_event where reading_id = p_reading
    order by id desc limit 1;
    -- A form that was sent twice is one decision.
    if newest.by_whom = asking_clinician() and newest.at > now() - interval '1 minute'
        and p_seen = coalesce((select max(id) from attribution_event
            where reading_id = p_reading and id < newest.id), 0)
        and ((p_action, newest.kind) in (('attribute', 'attributed'), ('refuse', 'refused'))
                and newest.to_patient is not distinct from p_to
            or (p_action, newest.kind) = ('undo', 'undone'))
    then
        return newest.id;
    end if;
    if coalesce(newest.id, 0) <> p_seen then
        raise exception 'expected event % to be the newest of the reading, found %', p_seen,
            coalesce(newest.id, 0)
            using errcode = 'TK409', hint = 'Somebody was first; load the page again.';
    end if;
    -- Everybody whom it is taken from or given to; p_from is held to the reading further down.
    concerned := array_remove(case p_action
        when 'undo' then array[newest.from_patient, newest.to_patient]
        else array[p_from, newest.to_patient, p_to] end, null);
    if p_from is null and p_action <> 'undo' or concerned = '{}' then
        concerned := concerned || has_or_had_kit(p_reading, p_measured_at);
    end if;
    if concerned = '{}' then
        concerned := array[null::uuid];
    end if;
    foreach one in array concerned loop
        if not works_for(one, array['nurse', 'physician']) then
            raise exception 'expected a nurse or physician of the patient, found %',
                coalesce(asking_clinician(), 'nobody')
                using errcode = 'TK403';
        end if;
    end loop;
    return case p_action
        when 'attribute' then attribute_reading(p_reading, p_measured_at, p_from, p_to,
            asking_clinician(), p_reason)
        when 'refuse' then refuse_reading(p_reading, p_measured_at, p_from, asking_clinician(),
            p_reason)
        when 'undo' then undo_attribution(p_seen, asking_clinician(), p_reason)
    end;
end $$;
comment on function settle_reading is
    'Attribute, refuse or undo, as the clinician who asks, unless somebody was first.';

-- A held reading is work, and a decision takes it off every open list. What was accepted without
-- proof is neither.
create function tell_desk() returns trigger language plpgsql as $$
begin
    perform pg_notify('telekol_board', json_build_object('kind', 'desk', 'patient',
        coalesce(new.to_patient, new.from_patient, new.candidate))::text);
    return null;
end $$;
create trigger attribution_said after insert on attribution_event
    for each row when (new.kind <> 'unproven') execute function tell_desk();

------------------------------------------------------------------------ whether a reading holds

create function tell_validity() returns trigger language plpgsql as $$
begin
    perform pg_notify('telekol_board', json_build_object('kind', 'desk', 'patient',
        new.patient_id)::text);
    return null;
end $$;
create trigger validity_said after insert on validity_event
    for each row execute function tell_validity();

create function settle_validity(
    p_reading uuid, p_measured_at timestamptz, p_patient uuid, p_seen bigint, p_valid boolean,
    p_reason text, p_counts_as_submitted boolean
) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
-- Invalidate or reinstate, as the clinician who asks, unless somebody was first.
declare
    newest validity_event;
begin
    if not works_for(p_patient, array['nurse', 'physician']) then
        raise exception 'expected a nurse or physician of the patient, found %',
            coalesce(asking_clinician(), 'nobody')
            using errcode = 'TK403';
    end if;
    perform from patient where id = p_patient for no key update;
    select * into newest from validity_event where reading_id = p_reading
    order by id desc limit 1;
    -- A form that was sent twice is one decision.
    if newest.by_whom = asking_clinician() and newest.at > now() - interval '1 minute'
        and p_seen = coalesce((select max(id) from validity_event
            where reading_id = p_reading and id < newest.id), 0)
        and (newest.kind = 'reinstated') = p_valid
    then
        return newest.id;
    end if;
    if coalesce(newest.id, 0) <> p_seen then
        raise exception 'expected event % to be the newest of the reading', p_seen
            using errcode = 'TK409', hint = 'Somebody was first; load the page again.';
    end if;
    if p_valid then
        return reinstate_reading(p_reading, p_measured_at, p_patient, asking_clinician(), p_reason);
    end if;
    return invalidate_reading(p_reading, p_measured_at, p_patient, asking_clinician(), p_reason,
        p_counts_as_submitted);
end $$;
comment on function settle_validity is
    'Say that a reading does not hold, or that it does after all, unless somebody was first.';

------------------------------------------------------------------------ homes in trouble

create view ownerless_reading as
select g.kit_id, b.gateway_id, count(*) as readings, min(o.measured_at) as oldest,
    max(o.measured_at) as newest
from observation o
join outbox b on b.id = o.outbox_id
left join gateway g on g.id = b.gateway_id
where o.patient_id is null and o.quantity = any (enum_range(null::quantity))
    and not exists (select from attribution_event e where e.reading_id = o.reading_id)
group by g.kit_id, b.gateway_id;
comment on view ownerless_reading is
    'How many readings of each gateway came while nobody had its kit. Values stay where they are.';

------------------------------------------------------------------------ who may call them

revoke all on function works_for, may_see, has_or_had_kit, held_readings, held_history, reading_attribution,
    decided_readings, settle_reading, settle_validity from public;
grant execute on function may_see to telekol_readings;
grant execute on function works_for, may_see, held_readings, held_history, reading_attribution,
    decided_readings, settle_reading, settle_validity to telekol_api;
grant select on reading_validity, validity_event, ownerless_reading to telekol_api;
-- The functions above call those of 0005, which are closed since 0024.
do $$
begin
    execute format('grant execute on function attribute_reading, refuse_reading, undo_attribution, '
        'invalidate_reading, reinstate_reading to %I', current_user);
end $$;
