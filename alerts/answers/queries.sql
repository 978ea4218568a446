-- Questionnaires and their answers. Each query is headed by its name and its purpose.

-- take: The oldest filled-in questionnaires that nobody has judged; other workers skip them.
select q.id, a.id, a.patient_id, a.questionnaire_id, a.questionnaire_version, a.answered_at,
    a.stored_at, a.answers
from answer_queue q join questionnaire_answer a on a.id = q.answer_id
order by q.id
limit %(most)s
for update of q skip locked

-- drop: Forget what is judged, in the transaction that stored its findings.
delete from answer_queue where id = any(%(ids)s)

-- lock_patients: One worker at a time per patient; key share locks of inserts are not blocked.
select id from patient where id = any(%(patients)s) order by id for no key update

-- definition: One version of a questionnaire.
select definition from questionnaire where id = %(id)s and version = %(version)s

-- before: Answers of the same patient and questionnaire before one, newest first.
select a.id, a.patient_id, a.questionnaire_id, a.questionnaire_version, a.answered_at,
    a.stored_at, a.answers
from questionnaire_answer a
where a.patient_id = %(patient_id)s and a.questionnaire_id = %(questionnaire_id)s
    and (a.answered_at, a.id) < (%(answered_at)s, %(id)s)
order by a.answered_at desc, a.id desc
limit %(most)s

-- judged_after: The first answer after one that was judged already, of the same questionnaire.
select a.id, a.patient_id, a.questionnaire_id, a.questionnaire_version, a.answered_at,
    a.stored_at, a.answers
from questionnaire_answer a
where a.patient_id = %(patient_id)s and a.questionnaire_id = %(questionnaire_id)s
    and (a.answered_at, a.id) > (%(answered_at)s, %(id)s)
    and exists (select from finding f where f.answer_id = a.id)
order by a.answered_at, a.id
limit 1

-- newest_findings: What was found last of the newest judged answer, per rule, of one questionnaire.
-- A time in the future can only be a clock that is wrong; taken as the newest it would mute.
select distinct on (f.channel, f.rule) f.channel, f.rule, f.id, f.severity, f.score
from questionnaire_answer a join finding f on f.answer_id = a.id
where a.id = (
    select n.id from questionnaire_answer n
    where n.patient_id = %(patient_id)s and n.questionnaire_id = %(questionnaire_id)s
        and n.id <> %(id)s and n.answered_at > %(answered_at)s
        and n.answered_at <= now() + interval '5 minutes'
        and exists (select from finding g where g.answer_id = n.id)
    order by n.answered_at desc, n.id desc
    limit 1)
order by f.channel, f.rule, f.found_at desc, f.id

-- insert_finding: Store a finding about answers; its id says of what, so twice is once.
insert into finding (id, patient_id, answer_id, channel, rule, rule_version, rule_id, rule_set_id,
    result, severity, score, measured_at, late, reading_ids, limits, evidence, cause, reason_da,
    reason_en)
values (%(id)s, %(patient_id)s, %(answer_id)s, %(channel)s, %(rule)s, %(rule_version)s,
    %(rule_id)s, %(rule_set_id)s, %(result)s, %(severity)s, %(score)s, %(measured_at)s, %(late)s,
    '{}', %(limits)s, %(evidence)s, %(cause)s, %(reason_da)s, %(reason_en)s)
on conflict (id) do nothing

-- stored_findings: What was found of a patient's answers, with the answer each is about.
select f.id, f.rule, f.severity, f.result, f.score, f.late, f.limits, f.evidence, f.reason_da,
    f.reason_en, f.measured_at, f.found_at,
    a.id, a.patient_id, a.questionnaire_id, a.questionnaire_version, a.answered_at, a.stored_at,
    a.answers
from finding f join questionnaire_answer a on a.id = f.answer_id
where f.patient_id = %(patient)s
    and (%(since)s::timestamptz is null or f.found_at >= %(since)s::timestamptz)
order by f.found_at, f.id

-- answer: One filled-in questionnaire.
select a.id, a.patient_id, a.questionnaire_id, a.questionnaire_version, a.answered_at,
    a.stored_at, a.answers
from questionnaire_answer a where a.id = %(id)s

-- publish: Store a version of a questionnaire, if it is not there.
insert into questionnaire (id, version, title_da, title_en, definition)
values (%(id)s, %(version)s, %(title_da)s, %(title_en)s, %(definition)s)
on conflict do nothing

-- versions: The versions of a questionnaire that were published.
select version from questionnaire where id = %(id)s order by version

-- every: All that was published, with how often it was answered.
select q.id, q.version, q.title_da, q.title_en, q.published_at,
    (select count(*) from questionnaire_answer a
     where a.questionnaire_id = q.id and a.questionnaire_version = q.version) as answered
from questionnaire q order by q.id, q.version

-- insert_answer: Store a filled-in questionnaire; sent twice it is one.
insert into questionnaire_answer (id, patient_id, questionnaire_id, questionnaire_version,
    answered_at, received_at, due_at, timing, entered, answers)
values (%(id)s, %(patient_id)s, %(questionnaire_id)s, %(version)s, %(answered_at)s,
    %(received_at)s, %(due_at)s, %(timing)s, %(entered)s, %(answers)s)
on conflict (id) do nothing

-- patient: Whether there is such a patient.
select 1 from patient where id = %(id)s

-- told: What was found of one filled-in questionnaire, the newest of each rule.
select distinct on (f.channel, f.rule) f.channel, f.rule, f.severity, f.result, f.reason_da,
    f.reason_en
from finding f where f.answer_id = %(id)s order by f.channel, f.rule, f.found_at desc
