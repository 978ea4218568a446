-- Clock-driven jobs: up to when each has looked, and what finds their work without a walk.

create table clock_job (
    name text primary key,
    looked_to timestamptz not null,
    ended_at timestamptz not null,
    summary jsonb not null default '{}'
);
comment on table clock_job is
    'Up to when each of the jobs that the clock drives has looked. What they find follows from the '
    'rest of the database alone; this only says where to go on after a night or a week.';
comment on column clock_job.name is 'As in alerts.clock.clockwork.';
comment on column clock_job.looked_to is 'Everything up to this moment was looked at and told.';
comment on column clock_job.ended_at is 'When its last run ended.';
comment on column clock_job.summary is 'Counts of its last run, as how much had drifted.';

-- What a patient was last told to miss, or a home to suffer from: one step down a small index.
create index finding_of_jobs on finding (patient_id, rule, measured_at desc)
    where channel in ('missing', 'technical');

-- Whose deadline lies in a stretch of a day, and whose reminder.
create index plan_time_due on plan_time (weekday, due);
create index plan_time_reminder on plan_time (remind_before, weekday, due)
    where remind_before is not null;

-- What of a home has changed lately.
create index gateway_trouble_cleared on gateway_trouble (cleared_at);
create index validity_event_by_time on validity_event (at);

grant select on gateway, gateway_presence, gateway_gap, quarantine_open,
    unattributed_reading, instruction, outbox, kit, sequence_gap
    to telekol_alerts;
grant select, insert, update on clock_job to telekol_alerts;
grant insert on instruction to telekol_alerts;
