-- What operators do with the quarantine. Each is headed by name and purpose.

-- summary: What there is, by cause, gateway and state; given-up only when it is asked for.
select code, gateway_id, state, count(*) as entries, min(quarantined_at) as oldest,
    max(quarantined_at) as newest
from quarantine
where (%(code)s::text is null and code <> 'given-up' or code = %(code)s)
    and (%(gateway)s::text is null or gateway_id = %(gateway)s)
    and (%(states)s::text[] is null or state = any(%(states)s))
    and quarantined_at <= now() - %(older_than)s::interval
group by code, gateway_id, state
order by min(quarantined_at)

-- newest: The newest entries of that, one by one.
select id, quarantined_at, code, gateway_id, seq, state, tries, reason
from quarantine
where (%(code)s::text is null and code <> 'given-up' or code = %(code)s)
    and (%(gateway)s::text is null or gateway_id = %(gateway)s)
    and (%(states)s::text[] is null or state = any(%(states)s))
    and quarantined_at <= now() - %(older_than)s::interval
order by id desc
limit %(most)s

-- entry: One entry.
select id, quarantined_at, topic, payload, code, reason, gateway_id, boot, seq, state, tries,
    resolved_at, resolved_by, outcome
from quarantine where id = %(id)s

-- history: What was done with one entry, oldest first.
select at, kind, by_whom, detail from quarantine_event where quarantine_id = %(id)s order by id

-- waiting: Entries that can be tried again, oldest first.
select id from quarantine
where state in ('open', 'still-refused') and code <> 'given-up'
    and (%(ids)s::int8[] is null or id = any(%(ids)s))
    and (%(code)s::text is null or code = %(code)s)
    and (%(gateway)s::text is null or gateway_id = %(gateway)s)
order by id

-- hold: Take one entry for a try; nothing if somebody else has it, or it is settled.
select id, quarantined_at, topic, payload, code, reason, gateway_id, boot, seq
from quarantine
where id = %(id)s and state in ('open', 'still-refused')
for update skip locked

-- tried: Note what came of a try.
update quarantine
set state = %(state)s, tries = tries + 1, tried_at = now(), outcome = %(detail)s,
    resolved_at = case when %(state)s = 'stored' then now() end,
    resolved_by = case when %(state)s = 'stored' then %(by)s end
where id = %(id)s

-- dismiss: Note that a person is done with an entry.
update quarantine
set state = 'dismissed', resolved_at = now(), resolved_by = %(by)s, outcome = %(detail)s
where id = %(id)s and state in ('open', 'still-refused')

-- event: Add to the history of an entry.
insert into quarantine_event (quarantine_id, kind, by_whom, detail)
values (%(id)s, %(state)s, %(by)s, %(detail)s)
