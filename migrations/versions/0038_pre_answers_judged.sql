-- Answers are judged like readings: a queue, filled by the table itself, whoever stores them.

create table answer_queue (
    id bigint generated always as identity primary key,
    answer_id uuid not null references questionnaire_answer,
    patient_id uuid not null references patient,
    enqueued_at timestamptz not null default now()
);
create index answer_queue_of_answer on answer_queue (answer_id);
create index answer_queue_of_patient on answer_queue (patient_id);
comment on table answer_queue is
    'Filled-in questionnaires that wait for alerts to judge them. A row goes in the transaction '
    'that stores the findings: answers are judged once, whoever dies in between.';
comment on column answer_queue.id is 'Number of the row.';
comment on column answer_queue.answer_id is 'What is to be judged.';
comment on column answer_queue.patient_id is 'Whose.';
comment on column answer_queue.enqueued_at is 'When it was stored.';

-- Whoever may store an answer has it judged, without any right on the queue.
create function queue_answer() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
    insert into answer_queue (answer_id, patient_id) values (new.id, new.patient_id);
    return null;
end $$;
create trigger answers_are_judged after insert on questionnaire_answer
    for each row execute function queue_answer();
create trigger answer_queued after insert on answer_queue
    for each statement execute function tell_judgement();

alter table finding add column answer_id uuid references questionnaire_answer;
create index finding_of_answer on finding (answer_id);
comment on column finding.answer_id is
    'The filled-in questionnaire it is about; null for a finding about readings.';

-- What was answered before this release was judged by nobody; it is judged as a backlog is.
insert into answer_queue (answer_id, patient_id)
select id, patient_id from questionnaire_answer order by answered_at;

grant select, delete on answer_queue to telekol_alerts;
-- Locking a row wants the right to change some column; an id that is referred to cannot be.
grant update (id) on answer_queue to telekol_alerts;
-- The engine publishes what is shipped, so that an empty installation has its questionnaires.
grant insert on questionnaire to telekol_alerts;
