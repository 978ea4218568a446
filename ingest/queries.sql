-- Ingest's queries, all but the turns run in one transaction per batch. Each is headed by name and purpose.

-- settle: Hold the outboxes that a batch comes from, and note the numbers they will be rid of.
-- Held until the transaction ends, in the order of their ids, so that two workers wait for each
-- other instead of deadlocking. Gives whether some of the numbers had come before, and the highest
-- number with none missing now.
with arrived as (
    select gateway_id, boot, range_agg(int8range(first, last, '[]')) as runs,
        sum(last - first + 1) as count
    from unnest(%(gateways)s::text[], %(boots)s::uuid[], %(firsts)s::int8[], %(lasts)s::int8[])
        as u (gateway_id, boot, first, last)
    group by gateway_id, boot
), ordered as (
    -- Each looked up by its key: "offset 0" keeps a plan from reading whole tables for them.
    select f.id, f.kit_id, a.runs, a.count
    from arrived a
    cross join lateral (
        select o.id, g.kit_id from outbox o join gateway g on g.id = o.gateway_id
        where o.gateway_id = a.gateway_id and o.boot = a.boot
        offset 0
    ) f
    order by f.id
), held as (
    select a.id, a.kit_id, a.runs, a.count, l.settled
    from ordered a
    cross join lateral (
        select o.settled from outbox o where o.id = a.id for no key update
    ) l
)
update outbox o
set settled = h.settled + h.runs, updated_at = now()
from held h
where o.id = h.id
returning o.gateway_id, o.boot, o.id, h.kit_id,
    h.settled && h.runs or h.count > (select sum(upper(r) - lower(r)) from unnest(h.runs) r),
    coalesce((select upper(r) - 1 from unnest(o.settled) r where r @> 1::bigint), 0)

-- take_turns: Hold the right to answer these gateways, each in its turn, until end_turns.
-- Taken in one order, so that workers wait for each other instead of deadlocking. By session and
-- not by transaction: it outlives the commit. 4711003 is nothing else's; where two names share a
-- number, their homes wait for each other, and nothing worse.
select pg_advisory_lock(4711003, turn) from (
    select distinct hashtext(gateway) as turn from unnest(%(gateways)s::text[]) as u (gateway)
    order by turn
) t

-- end_turns: Let other workers answer.
select pg_advisory_unlock_all()

-- add_outboxes: Make outboxes known that send for the first time, of gateways that have a kit.
insert into outbox (gateway_id, boot)
select u.gateway_id, u.boot
from unnest(%(gateways)s::text[], %(boots)s::uuid[]) as u (gateway_id, boot)
join gateway g on g.id = u.gateway_id
order by u.gateway_id, u.boot
on conflict do nothing

-- assignments: Who had these kits, and when.
select a.kit_id, a.patient_id, lower(a.period), upper(a.period)
from unnest(%(kits)s::text[]) as u (kit_id)
cross join lateral (
    select * from kit_assignment a where a.kit_id = u.kit_id offset 0
) a

-- add_devices: Make devices known that were never seen before.
insert into device (address, manufacturer, model, serial)
select * from unnest(%(addresses)s::text[], %(manufacturers)s::text[], %(models)s::text[],
                     %(serials)s::text[])
on conflict do nothing

-- devices: Numbers of the devices in a batch.
select d.address, d.manufacturer, d.model, d.serial, d.id
from device d
join unnest(%(addresses)s::text[], %(manufacturers)s::text[], %(models)s::text[],
            %(serials)s::text[]) as u (address, manufacturer, model, serial)
    using (address, manufacturer, model, serial)

-- known: Which of a batch's readings are stored already, and with which value.
-- Times go both ways as microseconds since 2000: numbers are sent in a tenth of the time. By days
-- and rest: an interval is multiplied as a fraction, which misses the time of a device that says
-- 2400 by some microseconds, and its reading was never found again.
select u.stamp_us, i.id_head, i.value
from unnest(%(stamps_us)s::int8[], %(id_heads)s::int8[]) as u (stamp_us, id_head)
join observation_identity i
    on i.stamp = timestamp '2000-01-01' + u.stamp_us / 86400000000 * interval '1 day'
        + u.stamp_us %% 86400000000 * interval '1 microsecond'
    and i.id_head = u.id_head

-- copy_identities: Keep the keys of new readings; a key that is there already ends the batch.
copy observation_identity (stamp, id_head, value) from stdin (format binary)

-- copy_observations: Keep new readings. No ON CONFLICT and no staging table: what is new is known
-- by now, and ON CONFLICT into compressed chunks has dropped rows (timescaledb issue 7672).
copy observation (patient_id, device_id, outbox_id, measured_at, received_at, device_time, seq,
    value, reading_id, quantity, time_confidence, entered, quality, user_index)
from stdin (format binary)

-- copy_judgements: Queue new readings for judgement, in the transaction that stores them.
copy judgement_queue (patient_id, reading_ids, measured_from, measured_to)
from stdin (format binary)

-- quarantine: Keep what cannot be stored, once, with its reason and raw bytes.
insert into quarantine (topic, payload, code, reason, gateway_id, boot, seq, fingerprint)
values (%(topic)s, %(payload)s, %(code)s, %(reason)s, %(gateway)s, %(boot)s, %(seq)s,
    %(fingerprint)s)
on conflict (fingerprint) do nothing
