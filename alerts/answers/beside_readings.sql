-- What was answered near readings. Each query is headed by its name and its purpose.

-- near: Answers of the day before each reading and of its session; one walk down an index each.
select t.row_number, a.questionnaire_id, a.questionnaire_version, a.answered_at, a.answers
from unnest(%(patients)s::uuid[], %(times)s::timestamptz[])
    with ordinality as t (patient_id, measured_at, row_number)
cross join lateral (
    select a.id, a.questionnaire_id, a.questionnaire_version, a.answered_at, a.answers
    from questionnaire_answer a
    where a.patient_id = t.patient_id
        and a.answered_at between t.measured_at - interval '1 day'
            and t.measured_at + interval '1 hour'
    offset 0
) a
order by t.row_number, a.answered_at, a.id
