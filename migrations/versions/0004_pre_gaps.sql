-- Gaps: which numbers of which outbox are missing, since when and why.

create table sequence_gap (
    id bigint generated always as identity primary key,
    gateway_id text not null,
    boot uuid not null,
    first bigint not null check (first >= 1),
    last bigint not null,
    noticed_at timestamptz not null,
    closed_at timestamptz,
    check (last >= first)
);
create index sequence_gap_of_outbox on sequence_gap (gateway_id, boot) where closed_at is null;
comment on table sequence_gap is
    'Since when numbers are missing, as ingest noticed once a minute. A run that shrinks or splits '
    'is closed and its rest opened with the old noticed_at. What is missing now says gateway_gap.';
comment on column sequence_gap.closed_at is 'When all of the run, or a part of it, had come.';

create table gap_explanation (
    id bigint generated always as identity primary key,
    gateway_id text not null,
    boot uuid not null,
    first bigint not null check (first >= 1),
    last bigint not null,
    reason text not null check (reason <> ''),
    by_whom text not null check (by_whom <> ''),
    at timestamptz not null default now(),
    check (last >= first)
);
create index gap_explanation_of_outbox on gap_explanation (gateway_id, boot);
comment on table gap_explanation is
    'What a person found out about numbers that will not come, as a card that was lost. The numbers '
    'stay missing; they no longer count as a technical trouble.';
create trigger gap_explanation_is_immutable before update or delete on gap_explanation
    for each row execute function refuse_change();
create trigger gap_explanation_is_kept before truncate on gap_explanation
    for each statement execute function refuse_change();

create function missing_numbers(settled int8multirange) returns int8multirange
language sql immutable parallel safe
return int8multirange(int8range(1, coalesce(upper(settled), 1))) - settled;
comment on function missing_numbers is 'What is missing below the highest number that has come.';

create function waiting_numbers(settled int8multirange, last_seq bigint) returns int8multirange
language sql immutable parallel safe
return int8multirange(int8range(
    coalesce(upper(settled), 1),
    greatest(coalesce(upper(settled), 1), coalesce(last_seq, 0) + 1)));
comment on function waiting_numbers is
    'What the gateway says that it has given out, above the highest number that has come.';

create view gap_reason as
select q.gateway_id, q.boot, said.document ->> 'reason' as reason,
    int8range((run ->> 0)::bigint, (run ->> 1)::bigint, '[]') as numbers
from quarantine q
cross join lateral (select convert_from(q.payload, 'UTF8')::jsonb as document) said
cross join lateral jsonb_array_elements(said.document -> 'runs') run
where q.code = 'given-up'
union all
select gateway_id, boot, reason, int8range(first, last, '[]') from gap_explanation;
comment on view gap_reason is 'Why numbers will not come, by their gateway or by a person.';

create view gateway_gap as
with health as (
    select gateway_id, (message ->> 'boot')::uuid as boot,
        (message -> 'outbox' ->> 'last_seq')::bigint as last_seq
    from gateway_health
    where message ->> 'boot' is not null
), known as (
    select coalesce(o.gateway_id, h.gateway_id) as gateway_id, coalesce(o.boot, h.boot) as boot,
        coalesce(o.settled, '{}') as settled, h.last_seq
    from outbox o
    full join health h on h.gateway_id = o.gateway_id and h.boot = o.boot
), missing as (
    select k.gateway_id, k.boot, m.numbers, m.waiting
    from known k
    cross join lateral (values
        (missing_numbers(k.settled), false),
        (waiting_numbers(k.settled, k.last_seq), true)) m (numbers, waiting)
    where not isempty(m.numbers)
), told as (
    select gateway_id, boot, reason, range_agg(numbers) as numbers
    from gap_reason
    group by gateway_id, boot, reason
), part as (
    select m.gateway_id, m.boot, m.waiting, t.reason, m.numbers * t.numbers as numbers
    from missing m
    join told t using (gateway_id, boot)
    union all
    select m.gateway_id, m.boot, m.waiting, null, m.numbers - coalesce((
        select range_agg(r.numbers) from gap_reason r
        where r.gateway_id = m.gateway_id and r.boot = m.boot), '{}')
    from missing m
)
select g.kit_id, p.gateway_id, p.boot, lower(run) as first, upper(run) - 1 as last,
    upper(run) - lower(run) as count, p.waiting, p.reason,
    coalesce((
        select min(s.noticed_at) from sequence_gap s
        where s.gateway_id = p.gateway_id and s.boot = p.boot and s.closed_at is null
            and int8range(s.first, s.last, '[]') && run), now()) as since
from part p
cross join lateral unnest(p.numbers) run
left join gateway g on g.id = p.gateway_id;
comment on view gateway_gap is
    'Runs of numbers that a gateway has given to readings and that are not here. waiting: above '
    'all that has come, so it may lie in the outbox still. reason: the gateway''s or a person''s. '
    'since: when it was first noticed; now, if that is less than a minute ago.';

create or replace view technical_trouble as
select g.kit_id, t.gateway_id, t.code, t.device,
    case when t.since between '2015-01-01' and t.raised_at then t.since else t.raised_at end
        as since,
    t.detail
from gateway_trouble t
left join gateway g on g.id = t.gateway_id
where t.cleared_at is null
union all
select g.kit_id, h.gateway_id, 'gateway-offline', null, h.online_changed_at, ''
from gateway_health h
left join gateway g on g.id = h.gateway_id
where not h.online
union all
-- An hour: a gateway sends what has no receipt again after five minutes at the most, so all that
-- it has was offered a dozen times. While it is offline that is said instead. A gap with its
-- reason was told as outbox-full or outbox-damaged and can never close.
select p.kit_id, p.gateway_id, 'sequence-gap', null, min(p.since),
    sum(p.count) || ' numbers are missing'
from gateway_gap p
left join gateway_health h on h.gateway_id = p.gateway_id
where p.reason is null and p.since <= now() - interval '1 hour' and coalesce(h.online, true)
group by p.kit_id, p.gateway_id
union all
select q.kit_id, q.gateway_id, 'readings-quarantined', null, min(q.oldest),
    string_agg(q.code || ' ' || q.entries, ', ' order by q.code)
from quarantine_open q
where q.gateway_id is not null
group by q.kit_id, q.gateway_id;
