-- What the clock-driven jobs of adherence read. Each is headed by name and purpose.

-- all_enrolled: Everybody whose schedule may say something now, in the order of their ids.
select distinct e.patient_id
from enrolment e
where e.period && tstzrange(%(since)s - interval '63 days', %(now)s, '[]')
    and e.patient_id > %(beyond)s
order by e.patient_id
limit %(most)s

-- whose_deadline: Those with a slot in some stretches of the week. A few too many, never one too few:
-- what was due when is computed from the plan itself.
select distinct e.patient_id
from unnest(%(weekdays)s::smallint[], %(lows)s::time[], %(highs)s::time[]) as d (weekday, low, high)
join plan_time t on t.weekday = d.weekday and t.due between d.low and d.high
join plan_item i on i.id = t.plan_item_id and i.required
join plan p on p.id = i.plan_id
join enrolment e on e.id = p.enrolment_id
where p.period && tstzrange(%(since)s - interval '8 days', %(now)s, '[]')

-- whose_reminder: Those with a reminder between two moments. Reminders are a few hours long each; the
-- table of them is walked by its distinct values, and not row by row.
with recursive ahead (remind_before) as (
    (select remind_before from plan_time where remind_before is not null
        order by remind_before limit 1)
    union all
    select (select t.remind_before from plan_time t where t.remind_before > a.remind_before
        order by t.remind_before limit 1)
    from ahead a where a.remind_before is not null
), days as (
    -- An hour more at either end, for the two nights on which the wall's hours are not 60 minutes.
    select a.remind_before, day::date as day,
        (%(since)s + a.remind_before - interval '1 hour') at time zone %(zone)s as low,
        (%(now)s + a.remind_before + interval '1 hour') at time zone %(zone)s as high
    from ahead a
    cross join lateral generate_series(
        ((%(since)s + a.remind_before - interval '1 hour') at time zone %(zone)s)::date,
        ((%(now)s + a.remind_before + interval '1 hour') at time zone %(zone)s)::date,
        interval '1 day') day
    where a.remind_before is not null
)
select distinct e.patient_id
from days d
join plan_time t on t.remind_before = d.remind_before
    and t.weekday = extract(isodow from d.day)
    and d.day + t.due between d.low and d.high
join plan_item i on i.id = t.plan_item_id
join plan p on p.id = i.plan_id and p.period && tstzrange(%(now)s, %(now)s + interval '8 days')
join enrolment e on e.id = p.enrolment_id

-- whose_change: Those of whom something was written since, that moves what is missing: a reading that
-- was declared invalid or valid, a plan. A pause bears no time of its own. A row's time is taken before
-- its transaction commits, so what was written in the last quarter of an hour is looked at again.
select patient_id from validity_event where at > %(since)s - interval '15 minutes'
union
select e.patient_id from plan p join enrolment e on e.id = p.enrolment_id
where p.set_at > %(since)s - interval '15 minutes'

-- whose_silence_may_end: Of those who are told as missing, whom something has come from since, or
-- whose pause, plan or enrolment began or ended in these days. A silent patient costs a few steps
-- down an index.
select c.patient_id
from triage_case c
where c.channel = 'missing' and c.state <> 'closed'
    and (exists (
            select from observation o
            where o.patient_id = c.patient_id
                and o.quantity = any (enum_range(null::quantity))
                and o.measured_at > %(since)s - interval '15 days'
                and o.stored_at > %(since)s - interval '15 minutes')
        or exists (
            select from questionnaire_answer a
            where a.patient_id = c.patient_id and a.stored_at > %(since)s - interval '15 minutes')
        or exists (
            select from enrolment e
            left join enrolment_pause s on s.enrolment_id = e.id
            left join plan p on p.enrolment_id = e.id
            where e.patient_id = c.patient_id
                and (upper(e.period) > %(since)s - interval '15 days'
                    or s.period && tstzrange(%(since)s - interval '15 days', %(now)s)
                    or upper(p.period) > %(since)s - interval '15 days'
                        and upper(p.period) <= %(now)s
                    or e.consent_withdrawn_at > %(since)s - interval '15 days')))

-- lock_patients: One writer at a time per patient, as the engine does.
select id from patient where id = any(%(patients)s) order by id for no key update

-- slots: What was and is asked of some patients, a row for each slot.
select e.patient_id, e.id, lower(e.period), upper(e.period), e.consent_withdrawn_at,
    p.id, lower(p.period), upper(p.period), p.intensive_days,
    i.quantity, i.questionnaire_id, i.required,
    t.phase, t.weekday, t.due, t.counts_from, t.remind_before
from enrolment e
join plan p on p.enrolment_id = e.id
join plan_item i on i.plan_id = p.id
join plan_time t on t.plan_item_id = i.id
where e.patient_id = any(%(patients)s)
    and p.period && tstzrange(%(since)s - interval '71 days', %(now)s + interval '8 days', '[]')
order by e.patient_id, e.id, lower(p.period) nulls first, i.id, t.phase, t.weekday, t.due

-- pauses: When nothing was asked of them.
select s.enrolment_id, lower(s.period), upper(s.period)
from enrolment_pause s
join enrolment e on e.id = s.enrolment_id
where e.patient_id = any(%(patients)s)
order by s.enrolment_id, lower(s.period) nulls first

-- readings: Of each patient and quantity, those since a moment, and the newest before it. A reading
-- that was declared invalid counts if whoever did so said that the patient has done what was asked.
select t.patient_id, t.quantity, o.measured_at, o.reading_id
from unnest(%(keys)s::uuid[], %(quantities)s::quantity[]) as t (patient_id, quantity)
cross join lateral (
    select array(
        select w.reading_id from withdrawn_reading w
        where w.patient_id = t.patient_id and (w.why <> 'invalid' or not exists (
            select from reading_validity v
            where v.reading_id = w.reading_id and not v.valid and v.counts_as_submitted))) as ids
) gone
cross join lateral (
    select o.measured_at, o.reading_id from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.measured_at > %(since)s and o.measured_at <= %(now)s
        and o.reading_id <> all (gone.ids)
    union all
    (select o.measured_at, o.reading_id from observation o
    where o.patient_id = t.patient_id and o.quantity = t.quantity
        and o.measured_at <= %(since)s
        and o.reading_id <> all (gone.ids)
    order by o.measured_at desc limit 1)
) o
order by o.measured_at, o.reading_id

-- answers: The same of questionnaires.
select a.patient_id, a.questionnaire_id, a.answered_at, a.id
from questionnaire_answer a
where a.patient_id = any(%(patients)s)
    and a.answered_at > %(since)s - interval '63 days' and a.answered_at <= %(now)s
order by a.answered_at, a.id

-- titles: What questionnaires are called, in their newest version.
select distinct on (id) id, title_da, title_en from questionnaire
where id = any(%(ids)s)
order by id, version desc

-- told: The last statement about each of some patients.
select f.patient_id, f.id, f.evidence
from unnest(%(patients)s::uuid[]) as t (patient_id)
cross join lateral (
    select f.patient_id, f.id, f.evidence from finding f
    where f.patient_id = t.patient_id and f.channel in ('missing', 'technical')
        and f.rule = 'adherence'
    order by f.measured_at desc, f.found_at desc
    limit 1
) f

-- gateways: The gateways in the homes of some patients now.
select a.patient_id, g.id
from kit_assignment a
join gateway g on g.kit_id = a.kit_id
where a.patient_id = any(%(patients)s) and a.period @> %(now)s::timestamptz
order by a.patient_id, g.id

-- remind: Ask a home; once under one id, however often it is decided.
insert into instruction (id, gateway_id, kind, body, issued_at, expires_at)
values (%(id)s, %(gateway)s, 'message', %(body)s, %(now)s, %(expires_at)s)
on conflict (id) do nothing
