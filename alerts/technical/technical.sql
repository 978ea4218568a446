-- How homes are, for the rule of technical trouble. Each is headed by name and purpose.

-- gateways: Gateways that may be in trouble: silent, gone or back within two days, with a trouble that
-- was there within two, and those of patients who were told of something. Of a healthy home it is a
-- few steps down an index. The last sign of life is a word of its health or a reading.
select g.id, g.kit_id, g.enrolled_at, a.patient_id, lower(a.period), coalesce(h.online, false),
    h.heard_at, greatest(h.heard_at, o.updated_at)
from gateway g
left join kit_assignment a on a.kit_id = g.kit_id and a.period @> %(now)s::timestamptz
left join gateway_health h on h.gateway_id = g.id
left join lateral (
    select max(updated_at) as updated_at from outbox where gateway_id = g.id) o on true
where h.gateway_id is null
    or not h.online
    or a.patient_id = any(%(patients)s)
    or h.heard_at < %(now)s - interval '1 hour'
    or exists (
        select from gateway_presence p
        where p.gateway_id = g.id and p.changed_at > %(now)s - interval '2 days')
    or exists (
        select from gateway_trouble t
        where t.gateway_id = g.id
            and (t.cleared_at is null or t.cleared_at > %(now)s - interval '2 days'))

-- presence: When some gateways came and went in the last month, oldest first.
select gateway_id, online, changed_at from gateway_presence
where gateway_id = any(%(gateways)s)
    and changed_at > %(now)s - interval '30 days' and changed_at <= %(now)s
order by gateway_id, changed_at, id

-- troubles: What some gateways said was wrong, by the server's clock, within the last month.
select gateway_id, code, coalesce(device, ''), raised_at, cleared_at from gateway_trouble
where gateway_id = any(%(gateways)s)
    and (cleared_at is null or cleared_at > %(now)s - interval '30 days')

-- said_by_server: What the server itself noticed of homes, now: gaps and quarantine.
select t.gateway_id, t.code, t.since, a.patient_id, lower(a.period), t.kit_id
from technical_trouble t
left join kit_assignment a on a.kit_id = t.kit_id and a.period @> %(now)s::timestamptz
where t.code in ('sequence-gap', 'readings-quarantined')

-- held: Readings that wait for a person to say whose they are, by whom they were held back from.
select held_from, min(at), count(*) from unattributed_reading
where held_from is not null and at <= %(now)s
group by held_from

-- with_open_case: Who has an open technical case.
select patient_id from triage_case where channel = 'technical' and state <> 'closed'

-- told: The last statement about each trouble of a patient.
select distinct on (evidence ->> 'about')
    id, severity, evidence ->> 'gateway', evidence ->> 'code', evidence ->> 'device'
from finding
where patient_id = %(patient)s and channel in ('missing', 'technical') and rule = 'technical'
order by evidence ->> 'about', measured_at desc, found_at desc
