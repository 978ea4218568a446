-- What homes say of themselves; one transaction per message. Each is headed by name and purpose.

-- lock: One message of a gateway at a time, also among several ingests. 4711002 is nothing else's.
select pg_advisory_xact_lock(4711002, hashtext(%(gateway)s))

-- known: What was heard of this gateway last.
select life, connection, report, online from gateway_health where gateway_id = %(gateway)s

-- keep: The newest word of the gateway. A Last Will keeps the last picture of the home.
insert into gateway_health as known (gateway_id, life, connection, report, online,
    online_changed_at, heard_at, message)
values (%(gateway)s, %(life)s, %(connection)s, %(report)s, %(online)s, %(now)s, %(now)s,
    %(message)s)
on conflict (gateway_id) do update set
    life = excluded.life,
    connection = excluded.connection,
    report = excluded.report,
    online = excluded.online,
    online_changed_at = case when known.online = excluded.online then known.online_changed_at
        else excluded.online_changed_at end,
    heard_at = excluded.heard_at,
    message = coalesce(excluded.message, known.message)

-- presence: Note that it came or went.
insert into gateway_presence (gateway_id, online, changed_at)
values (%(gateway)s, %(online)s, %(now)s)

-- clear_troubles: End the troubles that it no longer names.
update gateway_trouble set cleared_at = %(now)s
where gateway_id = %(gateway)s and cleared_at is null
    and (code, coalesce(device, '')) not in (
        select * from unnest(%(codes)s::text[], %(devices)s::text[]))

-- raise_troubles: Begin those that are new; of the others only the detail may change.
insert into gateway_trouble (gateway_id, code, device, since, raised_at, detail)
select %(gateway)s, code, nullif(device, ''), since, %(now)s, detail
from unnest(%(codes)s::text[], %(devices)s::text[], %(sinces)s::timestamptz[], %(details)s::text[])
    as named (code, device, since, detail)
on conflict (gateway_id, code, coalesce(device, '')) where cleared_at is null
    do update set detail = excluded.detail

-- acknowledge: Note what became of an instruction; said again it is the same.
insert into instruction_acknowledgement (gateway_id, instruction, state, at, reason, heard_at)
values (%(gateway)s, %(instruction)s, %(state)s, %(at)s, %(reason)s, %(now)s)
on conflict do nothing
