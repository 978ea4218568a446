-- Days of readings for long trends, and the queue of days to compute again.
-- A median cannot be put together from parts, so a day is computed anew from its readings. Ingest
-- pays nothing: days are queued when alerts empties judgement_queue, when a reading is moved to
-- another patient, and when a person says that it holds or not. Nothing judges from these rows.

create function local_day(moment timestamptz) returns date language sql stable parallel safe
return (moment at time zone 'Europe/Copenhagen')::date;
comment on function local_day is 'The patient''s day, by the clock on the wall.';

create function day_begins(day date) returns timestamptz language sql stable parallel safe
return day::timestamp at time zone 'Europe/Copenhagen';
comment on function day_begins is
    'When a local day begins. Days have 23, 24 or 25 hours; midnight is there on all of them.';

create table observation_day (
    patient_id uuid not null references patient,
    quantity quantity not null,
    day date not null,
    median double precision not null,
    lowest double precision not null,
    highest double precision not null,
    count integer not null check (count >= 1),
    computed_at timestamptz not null default now(),
    primary key (patient_id, quantity, day),
    constraint median_lies_between check (lowest <= median and median <= highest)
);
comment on table observation_day is
    'One patient''s readings of one quantity on one local day, for trends over months. Nobody is '
    'ever alerted from it; readings that were invalidated or moved away are outside.';
comment on column observation_day.patient_id is 'Whose.';
comment on column observation_day.quantity is 'Of what; the unit is the quantity''s own.';
comment on column observation_day.day is 'The day on the wall (Europe/Copenhagen).';
comment on column observation_day.median is 'Of an even number: the mean of the middle two.';
comment on column observation_day.lowest is 'The lowest reading.';
comment on column observation_day.highest is 'The highest reading.';
comment on column observation_day.count is 'How many readings.';
comment on column observation_day.computed_at is 'When it was computed.';

-- No unique key: a row belongs to the transaction that changed the day and is seen when that is.
-- With a key, a day queued already would hide a change that is not committed when it is computed.
create table trend_queue (
    id bigint generated always as identity primary key,
    patient_id uuid not null,
    quantity quantity not null,
    day date not null
);
comment on table trend_queue is 'Days that must be computed again; one row for each change.';
comment on column trend_queue.id is 'Number of the row.';
comment on column trend_queue.patient_id is 'Whose day.';
comment on column trend_queue.quantity is 'Of what.';
comment on column trend_queue.day is 'Which local day.';

create function queue_judged_days() returns trigger language plpgsql as $$
begin
    insert into trend_queue (patient_id, quantity, day)
    select distinct o.patient_id, o.quantity, local_day(o.measured_at)
    from judged q
    join observation o
        on o.patient_id = q.patient_id
        and o.quantity = any (enum_range(null::quantity))
        and o.measured_at between q.measured_from and q.measured_to
        and o.reading_id = any (q.reading_ids);
    return null;
end $$;
create trigger judged_days_are_computed after delete on judgement_queue
    referencing old table as judged
    for each statement execute function queue_judged_days();

create function queue_moved_day() returns trigger language plpgsql as $$
begin
    insert into trend_queue (patient_id, quantity, day)
    select who, new.quantity, local_day(new.measured_at)
    from unnest(array[old.patient_id, new.patient_id]) who
    where who is not null;
    return null;
end $$;
create trigger moved_days_are_computed after update on observation
    for each row when (old.patient_id is distinct from new.patient_id)
    execute function queue_moved_day();

create function queue_said_day() returns trigger language plpgsql as $$
begin
    insert into trend_queue (patient_id, quantity, day)
    select o.patient_id, o.quantity, local_day(o.measured_at)
    from observation o
    where o.patient_id = new.patient_id
        and o.quantity = any (enum_range(null::quantity))
        and o.measured_at = new.measured_at
        and o.reading_id = new.reading_id;
    return null;
end $$;
create trigger said_days_are_computed after insert on validity_event
    for each row execute function queue_said_day();

create function refresh_trends(most integer) returns integer language plpgsql as $$
-- Compute queued days again; gives how many rows of the queue are done. Rows are deleted first and
-- readings looked at in a later statement, so that what was committed before is seen. One worker
-- at a time: two could write the same day, and the one that looked first could write last.
declare
    taken trend_queue[];
begin
    if not pg_try_advisory_xact_lock(4711002) then
        return 0;
    end if;
    with gone as (
        delete from trend_queue where id in (select id from trend_queue order by id limit most)
        returning trend_queue.*
    )
    select array_agg(row(g.id, g.patient_id, g.quantity, g.day)::trend_queue)
    into taken from gone g;
    if taken is null then
        return 0;
    end if;
    with dirty as (
        select distinct t.patient_id, t.quantity, t.day from unnest(taken) t
    ), computed as (
        select d.patient_id, d.quantity, d.day, s.*
        from dirty d
        cross join lateral (
            select percentile_cont(0.5) within group (order by o.value) as median,
                min(o.value) as lowest, max(o.value) as highest, count(*)::integer as count
            from observation o
            where o.patient_id = d.patient_id and o.quantity = d.quantity
                and o.measured_at >= day_begins(d.day) and o.measured_at < day_begins(d.day + 1)
                and not exists (select from withdrawn_reading w
                    where w.patient_id = o.patient_id and w.reading_id = o.reading_id)
        ) s
    ), emptied as (
        delete from observation_day o using computed c
        where c.count = 0 and (o.patient_id, o.quantity, o.day)
            = (c.patient_id, c.quantity, c.day)
    )
    insert into observation_day (patient_id, quantity, day, median, lowest, highest, count)
    select patient_id, quantity, day, median, lowest, highest, count
    from computed where count > 0
    on conflict (patient_id, quantity, day) do update
    set median = excluded.median, lowest = excluded.lowest, highest = excluded.highest,
        count = excluded.count, computed_at = now();
    return cardinality(taken);
end $$;
comment on function refresh_trends is 'Computes queued days again; call it until it gives 0.';
