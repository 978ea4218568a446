-- Instructions to homes that others put on record: reminders, messages, schedules, requests to
-- measure again. Each is headed by name and purpose.

-- alone: One ingest at a time sends; another passes by. 4711011 is nothing else's.
select pg_try_advisory_xact_lock(4711011)

-- open: Instructions that have not ended, with the home's furthest word; those never sent first.
select i.id, i.gateway_id, i.expires_at, i.times_sent, i.sent_at, a.state
from instruction i
left join lateral (
    select state from instruction_acknowledgement a
    where a.gateway_id = i.gateway_id and a.instruction = i.id
    order by (state = 'received'), heard_at desc limit 1) a on true
where i.ended_at is null and i.kind <> 'send-again'
    and (i.sent_at is null or a.state is distinct from 'received' or i.expires_at <= %(now)s)
order by i.sent_at nulls first, i.issued_at
limit %(most)s

-- sent: Note that it is handed to the broker, and give what to hand.
update instruction set times_sent = times_sent + 1, sent_at = %(now)s
where id = %(id)s
returning body

-- end: Note how one ended.
update instruction set outcome = %(outcome)s, ended_at = %(now)s where id = %(id)s
