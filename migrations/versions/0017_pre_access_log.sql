-- Who saw or changed what about whom, and why. Append-only, also against an owner who slips.
-- No foreign keys: what is logged stands whatever becomes of the rows it names.

create table access_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    system text not null,
    correlation uuid not null default gen_random_uuid(),
    clinician_id text,
    on_behalf_of text,
    role text,
    organisation_id text,
    patient_id uuid,
    activity text not null check (activity <> ''),
    object text,
    reason text not null check (reason <> ''),
    emergency boolean not null default false,
    allowed boolean not null
);
create index access_log_of_patient on access_log (patient_id, at desc);
create index access_log_of_clinician on access_log (clinician_id, at desc);
comment on table access_log is
    'Who looked at or changed what about whom, when and why. It carries no measured value and no '
    'name; its columns are those that MinLog2 wants, so that a patient can be shown it.';
comment on column access_log.id is 'Number of the row; a missing number is a transaction rolled back.';
comment on column access_log.at is 'When.';
comment on column access_log.system is 'Which part of ours was asked, as api.';
comment on column access_log.correlation is 'The same for all rows of one request.';
comment on column access_log.clinician_id is 'Who; null if nobody was signed in.';
comment on column access_log.on_behalf_of is 'For whom, if for somebody else.';
comment on column access_log.role is 'In which role.';
comment on column access_log.organisation_id is 'For which organisation.';
comment on column access_log.patient_id is 'About whom; null if about no one patient.';
comment on column access_log.activity is 'What was done, as patient.read or limit.set.';
comment on column access_log.object is 'The row it was done to, where one is meant.';
comment on column access_log.reason is 'Why: the work it was for, or what the person wrote.';
comment on column access_log.emergency is
    'Whether the person went past the usual rights for a patient in need (vaerdispring).';
comment on column access_log.allowed is 'Whether it was allowed; refusals are logged too.';
create trigger access_log_is_immutable before update or delete on access_log
    for each row execute function refuse_change();
create trigger access_log_is_kept before truncate on access_log
    for each statement execute function refuse_change();
