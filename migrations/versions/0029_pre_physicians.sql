-- What physicians decide of one patient: what is usual, and limits. Through functions that check
-- that the one who asks is a physician of the patient, and that nobody was first.

create function must_be_physician_of(p_patient uuid) returns void language plpgsql stable as $$
begin
    if not works_for(p_patient, array['physician']) then
        raise exception 'expected a physician of the patient, found %',
            coalesce(asking_clinician(), 'nobody')
            using errcode = 'TK403';
    end if;
end $$;

create function settle_reference(p_id bigint, p_step text) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
-- Approve a proposed level, or end it; as the physician who asks.
declare
    found reference_value;
begin
    select * into found from reference_value where id = p_id for update;
    if found.id is null then
        raise exception 'expected reference value %, found none', p_id
            using errcode = 'no_data_found';
    end if;
    perform must_be_physician_of(found.patient_id);
    -- A form that was sent twice is one decision.
    if p_step = 'approve' and found.approved_by = asking_clinician() then
        return p_id;
    end if;
    if found.approved_by is not null or not upper_inf(found.period) then
        raise exception 'expected an open proposal %, found one that is settled', p_id
            using errcode = 'TK409', hint = 'Somebody was first; load the page again.';
    end if;
    return case p_step
        when 'approve' then approve_reference(p_id, asking_clinician())
        when 'refuse' then refuse_reference(p_id, asking_clinician())
    end;
end $$;
comment on function settle_reference is 'Approve or end a proposed usual level.';

create function set_reference(
    p_patient uuid, p_quantity quantity, p_seen bigint, p_value double precision, p_origin text
) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
-- Say what is usual from now on. It is approved by saying it. p_seen is the level that was in
-- force when the physician looked, 0 for none.
declare
    old reference_value;
    made bigint;
begin
    perform must_be_physician_of(p_patient);
    perform from patient where id = p_patient for no key update;
    select * into old from reference_value
    where patient_id = p_patient and quantity = p_quantity and upper_inf(period);
    if coalesce(old.id, 0) <> p_seen then
        if old.set_by = asking_clinician() and old.value = p_value and old.origin = p_origin
            and old.approved_at > now() - interval '1 minute' then
            return old.id;
        end if;
        raise exception 'expected reference value % to be in force, found %', p_seen,
            coalesce(old.id, 0)
            using errcode = 'TK409', hint = 'Somebody was first; load the page again.';
    end if;
    if old.id is not null then
        update reference_value set period = tstzrange(lower(period), now()) where id = old.id;
    end if;
    insert into reference_value (patient_id, quantity, value, period, origin, set_by, approved_by,
        approved_at)
    values (p_patient, p_quantity, p_value, tstzrange(now(), null), p_origin, asking_clinician(),
        asking_clinician(), now())
    returning id into made;
    return made;
end $$;
comment on function set_reference is
    'A physician says what is usual for a patient; what was said before ends.';

create function set_limits(
    p_patient uuid, p_quantity quantity, p_seen bigint, p_red_low double precision,
    p_yellow_low double precision, p_yellow_high double precision, p_red_high double precision
) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
-- Set a patient's own limits from now on, approved. p_seen is the newest row that the physician
-- saw, 0 for none.
declare
    old patient_limit;
    made bigint;
begin
    perform must_be_physician_of(p_patient);
    perform from patient where id = p_patient for no key update;
    select * into old from patient_limit
    where patient_id = p_patient and quantity = p_quantity
    order by valid_from desc limit 1;
    if coalesce(old.id, 0) <> p_seen then
        if old.approved_by = asking_clinician() and old.valid_from > now() - interval '1 minute'
            and (old.red_low, old.yellow_low, old.yellow_high, old.red_high)
                is not distinct from (p_red_low, p_yellow_low, p_yellow_high, p_red_high) then
            return old.id;
        end if;
        raise exception 'expected limits % to be the newest, found %', p_seen, coalesce(old.id, 0)
            using errcode = 'TK409', hint = 'Somebody was first; load the page again.';
    end if;
    insert into patient_limit (patient_id, quantity, red_low, yellow_low, yellow_high, red_high,
        valid_from, set_by, approved_by, approved_at)
    values (p_patient, p_quantity, p_red_low, p_yellow_low, p_yellow_high, p_red_high, now(),
        asking_clinician(), asking_clinician(), now())
    returning id into made;
    return made;
end $$;
comment on function set_limits is 'A physician sets a patient''s own limits from now on, approved.';

revoke all on function must_be_physician_of, settle_reference, set_reference, set_limits
    from public;
grant execute on function settle_reference, set_reference, set_limits to telekol_api;
