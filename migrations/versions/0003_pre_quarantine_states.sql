-- Quarantine: what became of an entry, and who said so. The bytes and the first reason never change.

alter table quarantine
    add column state text not null default 'open'
        check (state in ('open', 'still-refused', 'stored', 'dismissed')),
    add column tries integer not null default 0,
    add column tried_at timestamptz,
    add column resolved_at timestamptz,
    add column resolved_by text,
    add column outcome text,
    add constraint resolved_as_the_state_says check (
        (state in ('stored', 'dismissed')) = (resolved_at is not null and resolved_by is not null)
    );
comment on column quarantine.state is
    'open: nobody has done anything. still-refused: replayed and refused again. stored: replayed, '
    'what it held is in its table. dismissed: a person said, with a reason, that it is done with.';
comment on column quarantine.outcome is 'What came of the last replay, or why it was dismissed.';

create index quarantine_waiting on quarantine (gateway_id, code)
    where state in ('open', 'still-refused');
create index quarantine_given_up on quarantine (gateway_id, boot) where code = 'given-up';

create table quarantine_event (
    id bigint generated always as identity primary key,
    quarantine_id bigint not null references quarantine,
    at timestamptz not null default now(),
    kind text not null check (kind in ('stored', 'still-refused', 'dismissed')),
    by_whom text not null check (by_whom <> ''),
    detail text not null
);
create index quarantine_event_of_entry on quarantine_event (quarantine_id, id);
comment on table quarantine_event is
    'Every replay and dismissal of an entry, in order. The columns of quarantine are their fold.';
create trigger quarantine_event_is_immutable before update or delete on quarantine_event
    for each row execute function refuse_change();
create trigger quarantine_event_is_kept before truncate on quarantine_event
    for each statement execute function refuse_change();

create function keep_quarantine() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE'
        and (old.quarantined_at, old.topic, old.payload, old.code, old.reason, old.gateway_id,
             old.boot, old.seq, old.fingerprint)
            is not distinct from
            (new.quarantined_at, new.topic, new.payload, new.code, new.reason, new.gateway_id,
             new.boot, new.seq, new.fingerprint)
    then
        return new;
    end if;
    raise exception 'quarantine keeps what came in as it came: % refused', tg_op
        using hint = 'Retry or dismiss the entry; both leave its bytes alone.';
end $$;
create trigger quarantine_is_kept before update or delete on quarantine
    for each row execute function keep_quarantine();
create trigger quarantine_is_not_emptied before truncate on quarantine
    for each statement execute function refuse_change();

create view quarantine_open as
select q.code, q.gateway_id, g.kit_id, count(*) as entries,
    count(*) filter (where q.state = 'still-refused') as still_refused,
    min(q.quarantined_at) as oldest, max(q.quarantined_at) as newest
from quarantine q
left join gateway g on g.id = q.gateway_id
where q.state in ('open', 'still-refused') and q.code <> 'given-up'
group by q.code, q.gateway_id, g.kit_id;
comment on view quarantine_open is
    'What waits for an operator, by code and gateway. given-up holds nothing that could be stored: '
    'it is the reason of a gap and stands in gateway_gap.';
