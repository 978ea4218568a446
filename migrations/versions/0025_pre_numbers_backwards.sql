-- A range whose end lies before its beginning is an error, and one in the quarantine stopped the view
-- of everybody's gaps and troubles. The wire takes none now; what was taken before is passed over.

create or replace view gap_reason as
select q.gateway_id, q.boot, said.document ->> 'reason' as reason,
    case when (run ->> 0)::bigint <= (run ->> 1)::bigint
        then int8range((run ->> 0)::bigint, (run ->> 1)::bigint, '[]')
        else int8range 'empty' end as numbers
from quarantine q
cross join lateral (select convert_from(q.payload, 'UTF8')::jsonb as document) said
cross join lateral jsonb_array_elements(said.document -> 'runs') run
where q.code = 'given-up'
union all
select gateway_id, boot, reason, int8range(first, last, '[]') from gap_explanation;
