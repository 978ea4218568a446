-- Ingest's queries, all run in one transaction per batch. Each is headed by name and purpose.

-- kits: The kit each known gateway belongs to.
select id, kit_id from gateway where id = any(%(gateways)s)

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

-- make_staging: Where a batch lies before it is known what of it is new; gone at commit.
create temporary table if not exists arrived (
    position integer, measured_at timestamptz, reading_id uuid, kit_id text, quantity text,
    value double precision, device_id bigint, gateway_id text, boot uuid, seq bigint,
    device_time timestamp, clock_offset_s double precision, time_confidence text,
    received_at timestamptz, quality text[], entered text
) on commit delete rows

-- copy_staging: Send the batch at the speed of COPY.
copy arrived from stdin (format binary)

-- store: Keep what is new, attribute it by kit and period, and queue it for judgement.
-- The identity table decides what is new. Ids are inserted in order, so that two workers with
-- the same readings wait for each other instead of deadlocking. ON CONFLICT touches the plain
-- table only: into compressed chunks it has dropped rows (timescaledb issue 7672).
with fresh as (
    insert into observation_identity (reading_id, value)
    select distinct on (reading_id) reading_id, value from arrived order by reading_id, position
    on conflict do nothing
    returning reading_id
), stored as (
    insert into observation (measured_at, reading_id, patient_id, quantity, value, device_id,
        gateway_id, boot, seq, device_time, clock_offset_s, time_confidence, received_at, quality,
        entered)
    select distinct on (a.reading_id) a.measured_at, a.reading_id, k.patient_id, a.quantity,
        a.value, a.device_id, a.gateway_id, a.boot, a.seq, a.device_time, a.clock_offset_s,
        a.time_confidence, a.received_at, a.quality, a.entered
    from arrived a
    join fresh using (reading_id)
    left join kit_assignment k on k.kit_id = a.kit_id and k.period @> a.measured_at
    order by a.reading_id, a.position
    returning patient_id, reading_id, measured_at
), queued as (
    insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to)
    select patient_id, array_agg(reading_id), min(measured_at), max(measured_at)
    from stored where patient_id is not null
    group by patient_id
)
select count(*), count(*) filter (where patient_id is null) from stored

-- clashes: Readings of the batch whose id is known with another value.
select a.position, i.value
from arrived a
join observation_identity i using (reading_id)
where i.value <> a.value
order by a.position

-- quarantine: Keep what cannot be stored, once, with its reason and raw bytes.
insert into quarantine (topic, payload, code, reason, gateway_id, boot, seq, fingerprint)
values (%(topic)s, %(payload)s, %(code)s, %(reason)s, %(gateway)s, %(boot)s, %(seq)s,
    %(fingerprint)s)
on conflict (fingerprint) do nothing

-- settle: Note the numbers a gateway's outbox is rid of; give the highest with none missing.
insert into gateway_sequence as known (gateway_id, boot, settled)
values (%(gateway)s, %(boot)s, %(runs)s)
on conflict (gateway_id, boot) do update
    set settled = known.settled + excluded.settled, updated_at = now()
returning coalesce((select upper(r) - 1 from unnest(known.settled) r where r @> 1::bigint), 0)
