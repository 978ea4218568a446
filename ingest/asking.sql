-- What ingest asks of homes: readings that the server lacks. Each is headed by name and purpose.

-- alone: One ingest at a time decides; another passes by. 4711003 is nothing else's.
select pg_try_advisory_xact_lock(4711003)

-- lives: Every life of an outbox of a known home, with what it has given and is not settled, where
-- there is any; and the lives that are over and were never asked for what came after the last
-- number known. Health names the present life, which the server need not have heard of.
with heard as (
    select gateway_id, (message ->> 'boot')::uuid as boot,
        (message #>> '{outbox,last_seq}')::bigint as last_seq,
        (message #>> '{outbox,depth}')::bigint as depth, online, heard_at
    from gateway_health
    where message #>> '{outbox,last_seq}' is not null and message ->> 'boot' is not null
), life as (
    select gateway_id, boot, coalesce(o.settled, '{}') as settled,
        greatest(h.last_seq, (select max(upper(r)) - 1 from unnest(o.settled) r), 0) as last
    from outbox o
    full join heard h using (gateway_id, boot)
)
select l.gateway_id, l.boot,
    (select array_agg(array[lower(r), upper(r) - 1] order by r)
        from unnest(int8multirange(int8range(1, l.last + 1)) - l.settled) r),
    coalesce((select max(upper(r)) - 1 from unnest(l.settled) r), 0),
    h.boot, h.last_seq, h.depth, h.online, h.heard_at
from life l
join gateway g on g.id = l.gateway_id
left join heard h on h.gateway_id = l.gateway_id
where not l.settled @> int8range(1, l.last + 1)
    or h.boot <> l.boot and not exists (select from instruction i
        where i.gateway_id = l.gateway_id and i.kind = 'send-again'
            and i.body ->> 'boot' = l.boot::text and i.body ->> 'last' is null)
    or exists (select from instruction i where i.gateway_id = l.gateway_id
        and i.ended_at is null and i.kind = 'send-again' and i.body ->> 'boot' = l.boot::text)
order by l.gateway_id, l.boot

-- given_up: What gateways said will never come: gaps with a reason.
select gateway_id, boot, payload from quarantine
where code = 'given-up' and gateway_id = any(%(gateways)s)

-- asks: Every instruction to send again for these gateways, with the home's furthest word.
select i.gateway_id, i.id, (i.body ->> 'boot')::uuid, (i.body ->> 'first')::bigint,
    (i.body ->> 'last')::bigint, i.expires_at, i.times_sent, i.sent_at, a.state, a.heard_at,
    i.outcome, i.ended_at
from instruction i
left join lateral (
    select state, heard_at from instruction_acknowledgement a
    where a.gateway_id = i.gateway_id and a.instruction = i.id
    order by (state = 'received'), heard_at desc limit 1) a on true
where i.gateway_id = any(%(gateways)s) and i.kind = 'send-again'
order by i.issued_at

-- issue: Decide on a new instruction, sent for the first time now.
insert into instruction (id, gateway_id, kind, body, issued_at, expires_at, times_sent, sent_at)
values (%(id)s, %(gateway)s, 'send-again', %(body)s, %(now)s, %(expires_at)s, 1, %(now)s)

-- repeat: Send one once more, under the same id.
update instruction set times_sent = times_sent + 1, sent_at = %(now)s
where id = %(id)s
returning body

-- end: Note how one ended.
update instruction set outcome = %(outcome)s, ended_at = %(now)s where id = %(id)s
