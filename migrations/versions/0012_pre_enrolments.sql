-- Programmes, enrolments and pauses.

create table programme (
    id text primary key,
    name_da text not null,
    name_en text not null,
    organisation_id text references organisation
);
create index programme_of_organisation on programme (organisation_id);
comment on table programme is 'What a patient can be enrolled in, as a region''s Tele-KOL.';
comment on column programme.id is 'Short name.';
comment on column programme.name_da is 'Name in Danish.';
comment on column programme.name_en is 'Name in English.';
comment on column programme.organisation_id is 'Who offers it; null for one that all offer.';

create table enrolment (
    id uuid primary key default gen_random_uuid(),
    patient_id uuid not null references patient,
    programme_id text not null references programme,
    period tstzrange not null,
    referred_by text references organisation,
    treated_by text references organisation,
    team_id text not null references team,
    consent_at timestamptz,
    consent_withdrawn_at timestamptz,
    ended_because text check (ended_because in
        ('completed', 'withdrawn', 'moved', 'not-suitable', 'died', 'entered-in-error')),
    registered_at timestamptz not null default now(),
    constraint enrolment_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period)),
    constraint an_end_has_a_reason check (upper_inf(period) = (ended_because is null)),
    constraint consent_comes_before_its_withdrawal check (
        consent_withdrawn_at is null or consent_at <= consent_withdrawn_at),
    constraint enrolled_once_at_a_time exclude using gist (
        patient_id with =, programme_id with =, period with &&)
);
create index enrolment_of_patient on enrolment (patient_id);
create index enrolment_in_programme on enrolment (programme_id);
create index enrolment_referred_by on enrolment (referred_by);
create index enrolment_treated_by on enrolment (treated_by);
create index enrolment_of_team on enrolment (team_id);
comment on table enrolment is
    'When a patient is in a programme, who referred, who treats and who watches the readings.';
comment on column enrolment.id is 'Random.';
comment on column enrolment.patient_id is 'Who.';
comment on column enrolment.programme_id is 'In what.';
comment on column enrolment.period is 'From a moment up to another; an end needs a reason.';
comment on column enrolment.referred_by is 'Who referred, as a practice or a lung clinic.';
comment on column enrolment.treated_by is 'Who is responsible for the treatment.';
comment on column enrolment.team_id is 'Who watches the readings.';
comment on column enrolment.consent_at is 'When the patient consented; null if not yet.';
comment on column enrolment.consent_withdrawn_at is 'When the consent was taken back.';
comment on column enrolment.ended_because is 'Why it ended; null while it lasts.';
comment on column enrolment.registered_at is 'When it was written down here.';

create table enrolment_pause (
    id bigint generated always as identity primary key,
    enrolment_id uuid not null references enrolment,
    period tstzrange not null,
    reason text not null check (reason in ('admitted', 'holiday', 'equipment', 'wish', 'other')),
    set_by text references clinician,
    constraint pause_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period)),
    constraint paused_once_at_a_time exclude using gist (enrolment_id with =, period with &&)
);
create index enrolment_pause_of_enrolment on enrolment_pause (enrolment_id);
create index enrolment_pause_set_by on enrolment_pause (set_by);
comment on table enrolment_pause is
    'Times in which nothing is asked of a patient, as during an admission. Readings that come all '
    'the same are stored and judged.';
comment on column enrolment_pause.id is 'Number of the row.';
comment on column enrolment_pause.enrolment_id is 'Which enrolment rests.';
comment on column enrolment_pause.period is 'From a moment up to another; no end is until further.';
comment on column enrolment_pause.reason is 'Why.';
comment on column enrolment_pause.set_by is 'Who paused it; null for a hospital''s notification.';
