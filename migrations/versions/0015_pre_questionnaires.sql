-- Questionnaires and their answers.

create table questionnaire (
    id text not null,
    version integer not null check (version >= 1),
    title_da text not null,
    title_en text not null,
    definition jsonb not null check (jsonb_typeof(definition) = 'object'),
    published_at timestamptz not null default now(),
    primary key (id, version)
);
comment on table questionnaire is
    'A questionnaire as it was asked. A version is never changed: an answer means what was asked.';
comment on column questionnaire.id is 'Short name, the same for all versions.';
comment on column questionnaire.version is 'Counts from 1.';
comment on column questionnaire.title_da is 'Title in Danish.';
comment on column questionnaire.title_en is 'Title in English.';
comment on column questionnaire.definition is 'Its questions, choices and order, as data.';
comment on column questionnaire.published_at is 'When it could first be asked.';
create trigger questionnaire_is_immutable before update on questionnaire
    for each row execute function refuse_change();

create table questionnaire_answer (
    id uuid primary key,
    patient_id uuid not null references patient,
    questionnaire_id text not null,
    questionnaire_version integer not null,
    answered_at timestamptz not null,
    received_at timestamptz not null,
    stored_at timestamptz not null default now(),
    due_at timestamptz,
    timing text not null check (timing in ('on-time', 'late', 'ad-hoc')),
    entered entry not null,
    answers jsonb not null check (jsonb_typeof(answers) = 'object'),
    constraint due_unless_ad_hoc check ((timing = 'ad-hoc') = (due_at is null)),
    constraint late_is_after_it_was_due check (
        timing = 'ad-hoc' or (timing = 'late') = (answered_at > due_at)),
    foreign key (questionnaire_id, questionnaire_version) references questionnaire (id, version)
);
create index questionnaire_answer_of_patient on questionnaire_answer (patient_id, answered_at desc);
create index questionnaire_answer_to on questionnaire_answer
    (questionnaire_id, questionnaire_version);
comment on table questionnaire_answer is 'One filled-in questionnaire. Never changed.';
comment on column questionnaire_answer.id is 'Made where it was answered: sent twice it is one.';
comment on column questionnaire_answer.patient_id is 'Who answered.';
comment on column questionnaire_answer.questionnaire_id is 'What was asked.';
comment on column questionnaire_answer.questionnaire_version is 'In which version.';
comment on column questionnaire_answer.answered_at is 'When it was answered.';
comment on column questionnaire_answer.received_at is 'When it was handed in, at home.';
comment on column questionnaire_answer.stored_at is 'When it was stored here.';
comment on column questionnaire_answer.due_at is 'The deadline it was for; null if it was not asked.';
comment on column questionnaire_answer.timing is
    'By its deadline, after it, or of one''s own accord. When it reached us does not matter.';
comment on column questionnaire_answer.entered is 'Who typed it.';
comment on column questionnaire_answer.answers is 'By question: the choice, number or text.';
create trigger questionnaire_answer_is_immutable before update or delete on questionnaire_answer
    for each row execute function refuse_change();
create trigger questionnaire_answer_is_kept before truncate on questionnaire_answer
    for each statement execute function refuse_change();

-- A plan asks for a questionnaire whatever its version; version 1 says that there is such a one.
alter table plan_item
    add column questionnaire_first integer generated always as
        (case when questionnaire_id is null then null else 1 end) stored,
    add constraint plan_item_questionnaire_fkey
        foreign key (questionnaire_id, questionnaire_first) references questionnaire (id, version);
comment on column plan_item.questionnaire_first is
    'Always version 1: it holds questionnaire_id to a questionnaire that exists.';
