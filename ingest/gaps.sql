-- Gaps, looked at once a minute. Each is headed by name and purpose.

-- only_one: One ingest looks at a time. 4711003 is nothing else's.
select pg_try_advisory_xact_lock(4711003)

-- known: Gaps that were open at the last look.
select id, gateway_id, boot, first, last, noticed_at from sequence_gap where closed_at is null

-- incomplete: Outboxes of which numbers are missing: what has come, and the highest given out.
select coalesce(o.gateway_id, h.gateway_id), coalesce(o.boot, h.boot), coalesce(o.settled, '{}'),
    h.last_seq
from outbox o
full join (
    select gateway_id, (message ->> 'boot')::uuid as boot,
        (message -> 'outbox' ->> 'last_seq')::bigint as last_seq
    from gateway_health
    where message ->> 'boot' is not null
) h on h.gateway_id = o.gateway_id and h.boot = o.boot
where not isempty(missing_numbers(coalesce(o.settled, '{}')))
    or not isempty(waiting_numbers(coalesce(o.settled, '{}'), h.last_seq))

-- close: Note that runs have come, or parts of them.
update sequence_gap set closed_at = %(now)s where id = any(%(ids)s)

-- open: Note a run that is missing.
insert into sequence_gap (gateway_id, boot, first, last, noticed_at)
values (%(gateway)s, %(boot)s, %(first)s, %(last)s, %(noticed_at)s)
