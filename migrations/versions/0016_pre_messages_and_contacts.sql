-- Messages between patient and team, and contacts.

create table message (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patient,
    thread_id uuid not null references message,
    in_reply_to uuid references message,
    kind text not null check (kind in ('message', 'notification', 'advice', 'note')),
    clinician_id text references clinician,
    team_id text references team,
    body text not null check (length(body) between 1 and 2000),
    sent_at timestamptz not null default now(),
    constraint a_reply_is_in_a_thread check (in_reply_to is null or thread_id <> id),
    constraint one_end_is_the_team check (clinician_id is null or team_id is not null)
);
create index message_of_patient on message (patient_id, sent_at desc);
create index message_in_thread on message (thread_id, sent_at);
create index message_in_reply_to on message (in_reply_to);
create index message_of_clinician on message (clinician_id);
create index message_of_team on message (team_id);
comment on table message is
    'What patient and team write to each other, and notes of the team about a patient. Not for '
    'anything urgent, and the patient is told so. Never changed.';
comment on column message.id is 'Random.';
comment on column message.patient_id is 'With or about whom.';
comment on column message.thread_id is 'The first message of its thread; its own id if it is that.';
comment on column message.in_reply_to is 'The message it answers.';
comment on column message.kind is 'A note is for the team alone; the others reach the patient.';
comment on column message.clinician_id is 'Who wrote it; null for the patient or a machine.';
comment on column message.team_id is 'The team it is from, or to.';
comment on column message.body is 'The text, 2000 characters at most.';
comment on column message.sent_at is 'When it was sent.';
create trigger message_is_immutable before update or delete on message
    for each row execute function refuse_change();
create trigger message_is_kept before truncate on message
    for each statement execute function refuse_change();

create table message_read (
    id bigint generated always as identity primary key,
    message_id uuid not null references message,
    clinician_id text references clinician,
    read_at timestamptz not null default now()
);
create unique index message_read_once on message_read (message_id, coalesce(clinician_id, ''));
create index message_read_by on message_read (clinician_id);
comment on table message_read is 'Who has read a message, and when first.';
comment on column message_read.id is 'Number of the row.';
comment on column message_read.message_id is 'Which message.';
comment on column message_read.clinician_id is 'Who; null for the patient.';
comment on column message_read.read_at is 'When it was first read.';

create table contact (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patient,
    clinician_id text not null references clinician,
    case_id uuid references triage_case,
    kind text not null check (kind in ('phone', 'visit', 'video', 'clinic')),
    planned_at timestamptz,
    period tstzrange,
    outcome text check (outcome in ('reached', 'not-reached', 'cancelled', 'did-not-appear')),
    note text check (length(note) <= 4000),
    registered_at timestamptz not null default now(),
    constraint planned_or_held check (planned_at is not null or period is not null),
    constraint held_has_an_outcome check (period is null or outcome is not null),
    constraint contact_period_is_half_open check (
        not isempty(period) and lower_inc(period) and not upper_inc(period) and not upper_inf(period))
);
create index contact_of_patient on contact (patient_id, registered_at desc);
create index contact_of_clinician on contact (clinician_id);
create index contact_of_case on contact (case_id);
comment on table contact is 'Calls, visits and video meetings between a team and a patient.';
comment on column contact.id is 'Random.';
comment on column contact.patient_id is 'With whom.';
comment on column contact.clinician_id is 'Who calls or visits.';
comment on column contact.case_id is 'The case it is about; null if none.';
comment on column contact.kind is 'By phone, at home, by video or in the clinic.';
comment on column contact.planned_at is 'When it is or was to be; null if it was not planned.';
comment on column contact.period is 'From when to when it was; null if it was not held.';
comment on column contact.outcome is 'What came of it; null while it lies ahead.';
comment on column contact.note is 'What was said, in the team''s words.';
comment on column contact.registered_at is 'When it was written down.';
