-- The usual level of a patient, proposed by the engine from the intensive first period. It is used
-- at once, and every finding made with it says that nobody has approved it yet.

alter table reference_value
    alter column set_by drop not null,
    add column evidence jsonb,
    add column proposed_at timestamptz,
    drop constraint reference_value_origin_check,
    add constraint reference_value_origin_check check (
        origin in ('measured-stable', 'clinic', 'predicted', 'stated', 'proposed')),
    add constraint reference_of_somebody_or_proposed check (
        set_by is not null or origin = 'proposed');
comment on column reference_value.origin is
    'Where it is from: readings of a stable time, a clinic''s measurement, an equation, the '
    'patient''s own word, or proposed by the engine from the intensive first period.';
comment on column reference_value.set_by is 'Who wrote it; null if the engine proposed it.';
comment on column reference_value.evidence is
    'Of a proposal: how many readings it is made of, of which days, their spread.';
comment on column reference_value.proposed_at is 'Of a proposal: when it was made.';

create function approve_reference(p_id bigint, p_by text) returns bigint language plpgsql as $$
-- Approve a reference value; from now on findings say that it is. Gives its number.
declare
    found reference_value;
begin
    select * into found from reference_value where id = p_id for update;
    if found.id is null then
        raise exception 'expected reference value %, found none', p_id
            using errcode = 'no_data_found', hint = 'telekol reference list shows them.';
    end if;
    if found.approved_by is not null then
        raise exception 'reference value % was approved already, by %', p_id, found.approved_by
            using errcode = 'unique_violation';
    end if;
    if not exists (select from clinician c where c.id = p_by and c.role = 'physician') then
        raise exception 'expected a physician, found %', p_by
            using errcode = 'insufficient_privilege',
                hint = 'The usual level decides about limits, which are a physician''s task.';
    end if;
    update reference_value set approved_by = p_by, approved_at = now() where id = p_id;
    return p_id;
end $$;
comment on function approve_reference is 'A physician approves a usual level, once.';

create function refuse_reference(p_id bigint, p_by text) returns bigint language plpgsql as $$
-- End a proposal that is not the patient's usual level: what comes from now on is not held against
-- it. The engine proposes no other; a clinician writes one.
begin
    if not exists (select from clinician c where c.id = p_by and c.role = 'physician') then
        raise exception 'expected a physician, found %', p_by
            using errcode = 'insufficient_privilege';
    end if;
    update reference_value set period = tstzrange(lower(period), now())
    where id = p_id and origin = 'proposed' and approved_by is null and lower(period) < now();
    if not found then
        raise exception 'expected an open proposal %, found none', p_id
            using errcode = 'no_data_found', hint = 'telekol reference list shows them.';
    end if;
    return p_id;
end $$;
comment on function refuse_reference is 'A physician ends a proposed usual level.';

grant insert on reference_value to telekol_alerts;
grant update (approved_by, approved_at) on reference_value to telekol_api;
