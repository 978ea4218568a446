-- Doubtful reds that wait for a second measurement, and how that ended.

create table confirmation (
    finding_id uuid primary key references finding,
    patient_id uuid not null references patient,
    quantity quantity not null,
    reading_id uuid not null,
    measured_at timestamptz not null,
    gateway_id text not null references gateway,
    instruction_id uuid not null references instruction,
    doubt text not null check (doubt in ('quality', 'sudden')),
    asked_at timestamptz not null,
    until timestamptz not null,
    outcome text check (outcome in ('normal', 'confirmed', 'silence', 'taken-back')),
    second_reading_id uuid,
    ended_at timestamptz,
    constraint it_waits_some_time check (until > asked_at),
    constraint it_ends_with_an_outcome check ((outcome is null) = (ended_at is null)),
    constraint a_second_reading_ends_it check (second_reading_id is null or outcome is not null)
);
create unique index confirmation_waits on confirmation (patient_id, quantity) where outcome is null;
create index confirmation_until on confirmation (until) where outcome is null;
create index confirmation_of_patient on confirmation (patient_id, measured_at desc);
create index confirmation_of_gateway on confirmation (gateway_id);
create index confirmation_of_instruction on confirmation (instruction_id);

comment on table confirmation is
    'A red reading that its quality or its suddenness makes doubtful, for which the home was asked '
    'to measure again. Until its time is over no case is opened for it; then it is.';
comment on column confirmation.finding_id is 'What is raised unless the second one is normal.';
comment on column confirmation.patient_id is 'Whose.';
comment on column confirmation.quantity is 'Of what. One waits at a time for each.';
comment on column confirmation.reading_id is 'The first reading.';
comment on column confirmation.measured_at is 'When the first was measured.';
comment on column confirmation.gateway_id is 'Which home was asked.';
comment on column confirmation.instruction_id is 'With which instruction.';
comment on column confirmation.doubt is
    'quality: the device''s own flags. sudden: the reading before was normal.';
comment on column confirmation.asked_at is 'When it was judged and the home was asked.';
comment on column confirmation.until is 'It waits no longer: the shortest time of its red rules.';
comment on column confirmation.outcome is
    'normal: the second was green, no case. confirmed: it was not, the case was opened. silence: '
    'nothing came in time, the case was opened. taken-back: the first was withdrawn, or judged '
    'again and no red any more. Null while it waits.';
comment on column confirmation.second_reading_id is 'What ended it; null if no reading did.';
comment on column confirmation.ended_at is 'When it ended.';

grant select, insert, update on confirmation to telekol_alerts;
grant select on confirmation to telekol_api;
