-- What operators see of gaps. Each is headed by name and purpose.

-- gaps: Runs of numbers that are not here, since when, why if it is known, and whether the home was
-- asked for them.
select p.kit_id, p.gateway_id, p.boot, p.first, p.last, p.count, p.waiting, p.since, p.reason,
    coalesce(a.times_sent, 0) as times_asked, a.sent_at as asked_at, a.outcome as answer
from gateway_gap p
left join lateral (
    select i.times_sent, i.sent_at, coalesce(i.outcome, k.state) as outcome
    from instruction i
    left join instruction_acknowledgement k
        on k.gateway_id = i.gateway_id and k.instruction = i.id
    where i.kind = 'send-again' and i.gateway_id = p.gateway_id
        and i.body ->> 'boot' = p.boot::text
        and int8range((i.body ->> 'first')::bigint, (i.body ->> 'last')::bigint, '[]')
            && int8range(p.first, p.last, '[]')
    -- Its newest letter, and the home's furthest word of it.
    order by i.issued_at desc, k.state = 'received', k.heard_at desc
    limit 1
) a on true
where (%(gateway)s::text is null or p.gateway_id = %(gateway)s)
    and p.since <= now() - %(older_than)s::interval
    and (%(everything)s or p.reason is null and not p.waiting)
order by p.gateway_id, p.boot, p.first

-- missing: Whether some of these numbers are missing now.
select exists (select from gateway_gap
    where gateway_id = %(gateway)s and boot = %(boot)s
        and int8range(first, last, '[]') && int8range(%(first)s, %(last)s, '[]'))

-- explain: Keep what a person found out of numbers that will not come.
insert into gap_explanation (gateway_id, boot, first, last, reason, by_whom)
values (%(gateway)s, %(boot)s, %(first)s, %(last)s, %(reason)s, %(by)s)
