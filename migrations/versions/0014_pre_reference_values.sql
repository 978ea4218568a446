-- Approval of limits, templates of limits, reference values.

alter table patient_limit
    add column approved_by text references clinician,
    add column approved_at timestamptz,
    add constraint approved_by_somebody_at_a_time check (
        (approved_by is null) = (approved_at is null));
create index patient_limit_approved_by on patient_limit (approved_by);
comment on column patient_limit.approved_by is
    'The physician who approved these limits; null if nobody has yet.';
comment on column patient_limit.approved_at is 'When they were approved.';

create table limit_template (
    id bigint generated always as identity primary key,
    programme_id text not null references programme,
    quantity quantity not null,
    red_low double precision,
    yellow_low double precision,
    yellow_high double precision,
    red_high double precision,
    period tstzrange not null,
    approved_by text references clinician,
    approved_at timestamptz,
    constraint template_limits_are_in_order check (
        coalesce(red_low <= yellow_low, true)
        and coalesce(yellow_low <= yellow_high, true)
        and coalesce(yellow_high <= red_high, true)
        and coalesce(red_low <= yellow_high, true)
        and coalesce(red_low <= red_high, true)
        and coalesce(yellow_low <= red_high, true)),
    constraint template_approved_by_somebody_at_a_time check (
        (approved_by is null) = (approved_at is null)),
    constraint template_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period)),
    constraint one_template_at_a_time exclude using gist (
        programme_id with =, quantity with =, period with &&)
);
create index limit_template_of_programme on limit_template (programme_id);
create index limit_template_approved_by on limit_template (approved_by);
comment on table limit_template is
    'Limits a programme proposes for a new patient. They judge nothing: copied to patient_limit '
    'and approved there, they do.';
comment on column limit_template.id is 'Number of the row.';
comment on column limit_template.programme_id is 'Whose proposal.';
comment on column limit_template.quantity is 'Of what; the unit is the quantity''s own.';
comment on column limit_template.red_low is 'Below is red; null is no limit, 0 is one.';
comment on column limit_template.yellow_low is 'Below is yellow; null is no limit, 0 is one.';
comment on column limit_template.yellow_high is 'Above is yellow; null is no limit, 0 is one.';
comment on column limit_template.red_high is 'Above is red; null is no limit, 0 is one.';
comment on column limit_template.period is 'When it is proposed, from a moment up to another.';
comment on column limit_template.approved_by is 'Who approved it; null: needs clinical approval.';
comment on column limit_template.approved_at is 'When it was approved.';

create table reference_value (
    id bigint generated always as identity primary key,
    patient_id uuid not null references patient,
    quantity quantity not null,
    value double precision not null
        check (value > '-infinity'::float8 and value < 'infinity'::float8),
    period tstzrange not null,
    origin text not null check (origin in ('measured-stable', 'clinic', 'predicted', 'stated')),
    set_by text not null references clinician,
    approved_by text references clinician,
    approved_at timestamptz,
    constraint reference_approved_by_somebody_at_a_time check (
        (approved_by is null) = (approved_at is null)),
    constraint reference_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period)),
    constraint one_reference_at_a_time exclude using gist (
        patient_id with =, quantity with =, period with &&)
);
create index reference_value_of_patient on reference_value (patient_id, quantity);
create index reference_value_set_by on reference_value (set_by);
create index reference_value_approved_by on reference_value (approved_by);
comment on table reference_value is
    'What is usual for a patient, dated: relative limits are measured from it.';
comment on column reference_value.id is 'Number of the row.';
comment on column reference_value.patient_id is 'Whose.';
comment on column reference_value.quantity is 'Of what.';
comment on column reference_value.value is 'In the quantity''s own unit.';
comment on column reference_value.period is 'When it holds, from a moment up to another.';
comment on column reference_value.origin is
    'Where it is from: readings of a stable time, a clinic''s measurement, an equation, or the '
    'patient''s own word.';
comment on column reference_value.set_by is 'Who wrote it.';
comment on column reference_value.approved_by is 'Who approved it; null if nobody has yet.';
comment on column reference_value.approved_at is 'When it was approved.';
