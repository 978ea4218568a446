-- Attribution and validity: who said whose a reading is, and whether it holds.
-- People work through the functions below; each is one event and everything that follows from it.

------------------------------------------------------------------------ judged again

alter table judgement_queue
    add column cause text,
    add column quantity quantity;
comment on column judgement_queue.cause is
    'Null for readings that came in. Else the event for which they are judged again, as '
    '"attribution/17"; it is part of the finding''s id, since findings never change.';
comment on column judgement_queue.quantity is
    'With a cause: what is judged again. If the reading named no longer counts, no other is left.';

------------------------------------------------------------------------ events

create table attribution_event (
    id bigint generated always as identity primary key,
    reading_id uuid not null,
    measured_at timestamptz not null,
    kind text not null check (kind in ('held', 'unproven', 'attributed', 'refused', 'undone')),
    from_patient uuid references patient,
    to_patient uuid references patient,
    candidate uuid references patient,
    code text,
    reason text not null check (reason <> ''),
    by_whom text not null check (by_whom <> ''),
    undoes bigint references attribution_event,
    at timestamptz not null default now()
);
create index attribution_event_of_reading on attribution_event (reading_id, id);
comment on table attribution_event is
    'Why a reading is whose it is, where kit and period alone do not say. observation.patient_id '
    'is the fold of it.';
comment on column attribution_event.kind is
    'held: the guard kept it from candidate. unproven: accepted, but there was nothing to compare '
    'it with. attributed, refused, undone: by a person.';
comment on column attribution_event.candidate is 'Who had the kit when it was measured.';

create table validity_event (
    id bigint generated always as identity primary key,
    reading_id uuid not null,
    measured_at timestamptz not null,
    patient_id uuid not null references patient,
    kind text not null check (kind in ('invalidated', 'reinstated')),
    counts_as_submitted boolean not null,
    reason text not null check (reason <> ''),
    by_whom text not null check (by_whom <> ''),
    at timestamptz not null default now()
);
create index validity_event_of_reading on validity_event (reading_id, id);
comment on column validity_event.counts_as_submitted is
    'Whether the patient has done what was asked, though the reading itself is not used.';

create trigger attribution_event_is_immutable before update or delete on attribution_event
    for each row execute function refuse_change();
create trigger attribution_event_is_kept before truncate on attribution_event
    for each statement execute function refuse_change();
create trigger validity_event_is_immutable before update or delete on validity_event
    for each row execute function refuse_change();
create trigger validity_event_is_kept before truncate on validity_event
    for each statement execute function refuse_change();

create table withdrawn_reading (
    patient_id uuid not null references patient,
    reading_id uuid not null,
    why text not null check (why in ('invalid', 'moved')),
    primary key (patient_id, reading_id)
);
comment on table withdrawn_reading is
    'Readings that were once this patient''s and do not count now: a small fold of the events, so '
    'that the engine''s windows cost one step down a small index per reading under test.';

create view reading_validity as
select distinct on (reading_id) reading_id, measured_at, patient_id, kind = 'reinstated' as valid,
    counts_as_submitted, reason, by_whom, at
from validity_event
order by reading_id, id desc;
comment on view reading_validity is
    'How readings stand about which somebody has said something; all others are valid.';

create view unattributed_reading as
select last.*, h.candidate as held_from, h.code as held_code, h.reason as held_reason
from (
    select distinct on (reading_id) reading_id, measured_at, id as event, kind, to_patient, at
    from attribution_event
    order by reading_id, id desc
) last
left join lateral (
    select e.candidate, e.code, e.reason from attribution_event e
    where e.reading_id = last.reading_id and e.kind = 'held'
    order by e.id desc
    limit 1
) h on true
where last.kind in ('held', 'undone') and last.to_patient is null;
comment on view unattributed_reading is 'Readings that wait for a person to say whose they are.';

------------------------------------------------------------------------ a reading never changes

-- On update and delete only: what comes in pays nothing for it.
create function keep_observation() returns trigger language plpgsql as $$
declare
    moved observation;
begin
    if tg_op = 'UPDATE' and current_setting('telekol.attribution', true) = 'on' then
        moved := new;
        moved.patient_id := old.patient_id;
        if moved is not distinct from old then
            return new;
        end if;
    end if;
    raise exception 'a reading is never changed: % refused', tg_op
        using hint = 'Invalidate it with invalidate_reading(), or say whose it is with '
            'attribute_reading(), refuse_reading() or undo_attribution().';
end $$;
create trigger observation_is_immutable before update or delete on observation
    for each row execute function keep_observation();
create trigger observation_is_kept before truncate on observation
    for each statement execute function refuse_change();

------------------------------------------------------------------------ what follows

create function said_invalid(p_reading uuid) returns boolean language sql stable as $$
    select coalesce((select kind = 'invalidated' from validity_event
        where reading_id = p_reading order by id desc limit 1), false)
$$;

create function judge_again(
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
    values (p_patient, array[coalesce(newest_id, p_reading)], coalesce(newest_at, p_measured_at),
        coalesce(newest_at, p_measured_at), p_cause, p_quantity);
end $$;

create function place_reading(
    p_reading uuid, p_measured_at timestamptz, p_from uuid, p_to uuid, p_cause text
) returns void language plpgsql as $$
-- Make a reading another patient's, or nobody's. The patients' rows are locked first, as the
-- engine does, so that nothing is judged of a reading on its way.
declare
    found_quantity quantity;
begin
    perform from patient where id in (p_from, p_to) order by id for no key update;
    if p_from is null then
        select o.quantity into found_quantity from observation o
        where o.patient_id is null and o.quantity = any (enum_range(null::quantity))
            and o.measured_at = p_measured_at and o.reading_id = p_reading;
    else
        select o.quantity into found_quantity from observation o
        where o.patient_id = p_from and o.quantity = any (enum_range(null::quantity))
            and o.measured_at = p_measured_at and o.reading_id = p_reading;
    end if;
    if found_quantity is null then
        raise exception 'expected reading % of % with patient %, found none', p_reading,
            p_measured_at, coalesce(p_from::text, '(nobody)')
            using errcode = 'no_data_found',
                hint = 'Somebody may have been first; look at attribution_event.';
    end if;
    if p_from is not distinct from p_to then
        return;
    end if;
    perform set_config('telekol.attribution', 'on', true);
    if p_from is null then
        update observation o set patient_id = p_to
        where o.patient_id is null and o.quantity = found_quantity
            and o.measured_at = p_measured_at and o.reading_id = p_reading;
    else
        update observation o set patient_id = p_to
        where o.patient_id = p_from and o.quantity = found_quantity
            and o.measured_at = p_measured_at and o.reading_id = p_reading;
    end if;
    perform set_config('telekol.attribution', 'off', true);
    if p_from is not null then
        insert into withdrawn_reading values (p_from, p_reading, 'moved')
        on conflict (patient_id, reading_id) do update set why = 'moved';
        perform judge_again(p_from, found_quantity, p_reading, p_measured_at, p_cause);
    end if;
    if p_to is not null then
        delete from withdrawn_reading where patient_id = p_to and reading_id = p_reading;
        if said_invalid(p_reading) then
            insert into withdrawn_reading values (p_to, p_reading, 'invalid');
        else
            insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to,
                cause, quantity)
            values (p_to, array[p_reading], p_measured_at, p_measured_at, p_cause,
                found_quantity);
        end if;
    end if;
end $$;

------------------------------------------------------------------------ what people do

create function attribute_reading(
    p_reading uuid, p_measured_at timestamptz, p_from uuid, p_to uuid, p_by text, p_reason text
) returns bigint language plpgsql as $$
-- Say whose a reading is: one that waits (p_from null), or another patient's. For a reading that
-- is p_to's already it confirms that, which the guard learns from.
declare
    event bigint;
begin
    if p_to is null then
        raise exception 'expected a patient to attribute to, found none'
            using hint = 'To make it nobody''s, refuse_reading().';
    end if;
    insert into attribution_event (reading_id, measured_at, kind, from_patient, to_patient, reason,
        by_whom)
    values (p_reading, p_measured_at, 'attributed', p_from, p_to, p_reason, p_by)
    returning id into event;
    perform place_reading(p_reading, p_measured_at, p_from, p_to, 'attribution/' || event);
    return event;
end $$;

create function refuse_reading(
    p_reading uuid, p_measured_at timestamptz, p_from uuid, p_by text, p_reason text
) returns bigint language plpgsql as $$
-- Say that a reading is nobody's whom we know: one that waits (p_from null), or a patient's.
declare
    event bigint;
begin
    insert into attribution_event (reading_id, measured_at, kind, from_patient, reason, by_whom)
    values (p_reading, p_measured_at, 'refused', p_from, p_reason, p_by)
    returning id into event;
    perform place_reading(p_reading, p_measured_at, p_from, null, 'attribution/' || event);
    return event;
end $$;

create function undo_attribution(p_event bigint, p_by text, p_reason text) returns bigint
language plpgsql as $$
-- Take back what a person said last of a reading; it is whose it was before.
declare
    old attribution_event;
    event bigint;
begin
    select * into old from attribution_event where id = p_event;
    if old.id is null or old.kind not in ('attributed', 'refused') then
        raise exception 'expected an event that a person made, found %', coalesce(old.kind, 'none')
            using hint = 'What the guard held is attributed or refused, not undone.';
    end if;
    perform from patient where id in (old.from_patient, old.to_patient) order by id
        for no key update;
    if exists (select from attribution_event where reading_id = old.reading_id and id > p_event)
    then
        raise exception 'event % is not the last of its reading', p_event
            using hint = 'Undo the newest first.';
    end if;
    insert into attribution_event (reading_id, measured_at, kind, from_patient, to_patient, reason,
        by_whom, undoes)
    values (old.reading_id, old.measured_at, 'undone', old.to_patient, old.from_patient, p_reason,
        p_by, p_event)
    returning id into event;
    perform place_reading(old.reading_id, old.measured_at, old.to_patient, old.from_patient,
        'attribution/' || event);
    return event;
end $$;

create function invalidate_reading(
    p_reading uuid, p_measured_at timestamptz, p_patient uuid, p_by text, p_reason text,
    p_counts_as_submitted boolean
) returns bigint language plpgsql as $$
-- Say that a reading does not hold, e.g. a cuff that slipped. It stays stored and shown.
declare
    event bigint;
    found_quantity quantity;
begin
    perform from patient where id = p_patient for no key update;
    select o.quantity into found_quantity from observation o
    where o.patient_id = p_patient and o.quantity = any (enum_range(null::quantity))
        and o.measured_at = p_measured_at and o.reading_id = p_reading;
    if found_quantity is null or said_invalid(p_reading) then
        raise exception 'expected a valid reading % of patient %, found %', p_reading, p_patient,
            case when found_quantity is null then 'none' else 'an invalid one' end
            using errcode = 'no_data_found',
                hint = 'Somebody may have been first; look at reading_validity.';
    end if;
    insert into validity_event (reading_id, measured_at, patient_id, kind, counts_as_submitted,
        reason, by_whom)
    values (p_reading, p_measured_at, p_patient, 'invalidated', p_counts_as_submitted, p_reason,
        p_by)
    returning id into event;
    insert into withdrawn_reading values (p_patient, p_reading, 'invalid');
    perform judge_again(p_patient, found_quantity, p_reading, p_measured_at, 'validity/' || event);
    return event;
end $$;

create function reinstate_reading(
    p_reading uuid, p_measured_at timestamptz, p_patient uuid, p_by text, p_reason text
) returns bigint language plpgsql as $$
-- Take back that a reading does not hold.
declare
    event bigint;
    found_quantity quantity;
begin
    perform from patient where id = p_patient for no key update;
    select o.quantity into found_quantity from observation o
    where o.patient_id = p_patient and o.quantity = any (enum_range(null::quantity))
        and o.measured_at = p_measured_at and o.reading_id = p_reading;
    if found_quantity is null or not said_invalid(p_reading) then
        raise exception 'expected an invalid reading % of patient %, found %', p_reading,
            p_patient, case when found_quantity is null then 'none' else 'a valid one' end
            using errcode = 'no_data_found',
                hint = 'Somebody may have been first; look at reading_validity.';
    end if;
    insert into validity_event (reading_id, measured_at, patient_id, kind, counts_as_submitted,
        reason, by_whom)
    values (p_reading, p_measured_at, p_patient, 'reinstated', true, p_reason, p_by)
    returning id into event;
    delete from withdrawn_reading where patient_id = p_patient and reading_id = p_reading;
    -- It may never have been judged; if it was, its finding is there and this stores nothing.
    insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to)
    values (p_patient, array[p_reading], p_measured_at, p_measured_at);
    perform judge_again(p_patient, found_quantity, p_reading, p_measured_at, 'validity/' || event);
    return event;
end $$;
