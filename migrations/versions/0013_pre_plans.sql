-- Plans: what is asked of a patient, on which days and when.

create table plan (
    id uuid primary key default gen_random_uuid(),
    enrolment_id uuid not null references enrolment,
    period tstzrange not null,
    intensive_days smallint not null default 0 check (intensive_days between 0 and 56),
    set_by text not null references clinician,
    set_at timestamptz not null default now(),
    constraint plan_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period)),
    constraint one_plan_at_a_time exclude using gist (enrolment_id with =, period with &&)
);
create index plan_of_enrolment on plan (enrolment_id);
create index plan_set_by on plan (set_by);
comment on table plan is 'What is asked of a patient from one moment to another. A change is a new plan.';
comment on column plan.id is 'Random.';
comment on column plan.enrolment_id is 'Whose: the enrolment it belongs to.';
comment on column plan.period is 'From a moment up to another.';
comment on column plan.intensive_days is
    'Length of the intensive first period in local days, from the day the plan begins.';
comment on column plan.set_by is 'Who made it.';
comment on column plan.set_at is 'When it was made.';

create table plan_item (
    id bigint generated always as identity primary key,
    plan_id uuid not null references plan,
    quantity quantity,
    questionnaire_id text,
    required boolean not null default true,
    constraint a_quantity_or_a_questionnaire check (
        (quantity is null) <> (questionnaire_id is null)),
    constraint asked_once_in_a_plan unique nulls not distinct
        (plan_id, quantity, questionnaire_id)
);
create index plan_item_questionnaire on plan_item (questionnaire_id);
comment on table plan_item is 'One thing a plan asks for: a quantity, or a questionnaire.';
comment on column plan_item.id is 'Number of the row.';
comment on column plan_item.plan_id is 'Which plan.';
comment on column plan_item.quantity is 'What is to be measured; null for a questionnaire.';
comment on column plan_item.questionnaire_id is
    'What is to be answered, in its newest version; null for a quantity.';
comment on column plan_item.required is 'Whether it is missed when it does not come.';

create table plan_time (
    id bigint generated always as identity primary key,
    plan_item_id bigint not null references plan_item,
    phase text not null check (phase in ('intensive', 'steady')),
    weekday smallint not null check (weekday between 1 and 7),
    due time not null,
    counts_from interval not null check (counts_from between '30 minutes' and '7 days'),
    remind_before interval check (remind_before > '0' and remind_before <= counts_from),
    unique (plan_item_id, phase, weekday, due)
);
comment on table plan_time is 'When an item is due: one weekday and time of day. One row a slot.';
comment on column plan_time.id is 'Number of the row.';
comment on column plan_time.plan_item_id is 'Which item.';
comment on column plan_time.phase is 'In the intensive first period, or after it.';
comment on column plan_time.weekday is 'ISO weekday: 1 is Monday, 7 is Sunday.';
comment on column plan_time.due is 'Deadline, by the clock on the patient''s wall (Europe/Copenhagen).';
comment on column plan_time.counts_from is
    'How long before the deadline a reading counts for it; ten hours is usual on fixed weekdays.';
comment on column plan_time.remind_before is
    'How long before the deadline the patient is reminded; null for never.';
