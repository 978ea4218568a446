-- What waits for a second measurement. Each query is headed by its name and its purpose.

-- waiting: What waits of these patients, with the finding that would be raised.
select c.finding_id, c.reading_id, c.measured_at, o.value, o.quality, c.asked_at, c.until, c.doubt,
    c.gateway_id
from confirmation c
left join observation o on o.reading_id = c.reading_id and o.measured_at = c.measured_at
    and o.patient_id = c.patient_id and o.quantity = c.quantity
where c.outcome is null and c.patient_id = any(%(patients)s)

-- can_be_asked: The gateway of a reading, if it is connected and has said so lately.
select x.gateway_id
from observation o
join outbox x on x.id = o.outbox_id
join gateway_health h on h.gateway_id = x.gateway_id
where o.patient_id = %(patient)s and o.quantity = %(quantity)s
    and o.measured_at = %(measured_at)s and o.reading_id = %(reading)s
    and h.online and h.heard_at > now() - interval '1 hour'

-- ask: Put an instruction on record; ingest sends it until the home answers or its time is over.
insert into instruction (id, gateway_id, kind, body, issued_at, expires_at)
values (%(id)s, %(gateway)s, 'remeasure', %(body)s, %(now)s, %(expires_at)s)
on conflict (id) do nothing

-- wait: Keep that a red waits.
insert into confirmation (finding_id, patient_id, quantity, reading_id, measured_at, gateway_id,
    instruction_id, doubt, asked_at, until)
values (%(finding)s, %(patient)s, %(quantity)s, %(reading)s, %(measured_at)s, %(gateway)s,
    %(instruction)s, %(doubt)s, %(asked_at)s, %(until)s)

-- end: Keep how the waiting ended.
update confirmation
set outcome = %(outcome)s, second_reading_id = %(second)s, ended_at = %(now)s
where finding_id = %(finding)s and outcome is null

-- overdue: Whose waiting is over; the oldest first, other workers skip what one has taken. One that
-- waits for the next round of its patient (in the judgement queue) is left: the second may be in it.
select c.finding_id, c.patient_id
from confirmation c
where c.outcome is null and c.until <= now()
order by c.until
limit %(most)s
for update skip locked

-- withdrawn: Which of these readings no longer count.
select w.reading_id from withdrawn_reading w
where w.patient_id = any(%(patients)s) and w.reading_id = any(%(readings)s)

-- closed: What the newest closed clinical case of each series was about, if it was lately.
select t.patient_id, t.quantity, f.rule_id, f.severity, c.changed_at
from unnest(%(patients)s::uuid[], %(quantities)s::text[]) as t (patient_id, quantity)
cross join lateral (
    select id, changed_at
    from triage_case
    where patient_id = t.patient_id and channel = 'clinical' and state = 'closed'
    order by changed_at desc
    limit 1
) c
join case_event e on e.case_id = c.id and e.about = 'readings/' || t.quantity
join finding f on f.id = e.finding_id and f.rule_id is not null and f.severity <> 'green'
where c.changed_at > now() - interval '90 days'
