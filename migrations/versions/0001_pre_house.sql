-- The house: people and kits, readings, findings, cases. PostgreSQL 15 or newer.
-- Hypertables are made in 0001_pre_house.py, when the timescaledb extension is there.

-- Overlap of two assignments is impossible by constraint; that needs = on text in a GiST index.
create extension if not exists btree_gist;

------------------------------------------------------------------------ people and kits

create table team (
    id text primary key,
    name text not null,
    kind text not null check (kind in ('municipal', 'hospital'))
);

create table clinician (
    id text primary key,
    name text not null,
    team_id text not null references team,
    role text not null check (role in ('nurse', 'physician'))
);

create table patient (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    team_id text not null references team,
    registered_at timestamptz not null default now()
);

create table kit (
    id text primary key
);

create table gateway (
    id text primary key,
    kit_id text not null references kit,
    enrolled_at timestamptz not null default now()
);

create table kit_assignment (
    id bigint generated always as identity primary key,
    kit_id text not null references kit,
    patient_id uuid not null references patient,
    period tstzrange not null check (not isempty(period)),
    -- From a moment, and up to but not including another: a hand-over is one moment.
    constraint period_is_half_open check (
        (lower_inf(period) or lower_inc(period)) and not upper_inc(period)
    ),
    constraint kit_is_in_one_home_at_a_time exclude using gist (kit_id with =, period with &&)
);
comment on table kit_assignment is
    'Who had the kit when. A gateway knows no patient; the server attributes by kit and period.';

------------------------------------------------------------------------ readings

-- Four bytes each where text had up to eighteen, and the database refuses a word it does not
-- know. A new word is `alter type ... add value`, before the code that sends it.
create type quantity as enum (
    'spo2', 'pulse_rate', 'body_weight', 'systolic_bp', 'diastolic_bp', 'mean_bp',
    'body_temperature', 'fev1', 'fvc', 'fev6', 'fev1_fvc', 'pef', 'perfusion_index', 'battery'
);
create type time_confidence as enum (
    'clock-checked', 'clock-carried', 'clock-unchecked', 'arrival', 'gateway-clock-bounded',
    'gateway-clock-unknown', 'stated'
);
create type entry as enum ('automatic', 'typed', 'typed-by-nurse');

create table device (
    id integer generated always as identity primary key,
    address text not null,
    manufacturer text not null,
    model text not null,
    serial text not null,
    first_seen_at timestamptz not null default now(),
    unique (address, manufacturer, model, serial)
);

create table outbox (
    id integer generated always as identity primary key,
    gateway_id text not null references gateway,
    boot uuid not null,
    settled int8multirange not null default '{}',
    updated_at timestamptz not null default now(),
    unique (gateway_id, boot)
);
comment on table outbox is
    'One life of the file in which a gateway keeps its readings, and which of its numbers have '
    'come. Its row is locked while a batch of it is stored: that keeps the receipts of a gateway '
    'in order, however many workers there are.';
comment on column outbox.settled is
    'Sequence numbers stored or quarantined; what is missing below the highest is a gap.';

-- Columns from wide to narrow, so that nothing is lost to alignment.
create table observation (
    measured_at timestamptz not null,
    received_at timestamptz not null,
    stored_at timestamptz not null default now(),
    device_time timestamp,
    seq bigint not null,
    value double precision not null,
    reading_id uuid not null,
    patient_id uuid,
    device_id integer not null,
    outbox_id integer not null,
    quantity quantity not null,
    time_confidence time_confidence not null,
    entered entry not null,
    quality text[],
    user_index smallint
);
comment on table observation is
    'One reading is one row; observation_identity holds it to that. No foreign keys: every id '
    'is looked up in the transaction that inserts. The unit is the quantity''s own.';
comment on column observation.patient_id is 'Null: unattributed, and outside every baseline.';
comment on column observation.device_time is
    'What the device said: naive, uncorrected. Its correction is measured_at minus this, as UTC, '
    'unless the confidence is arrival.';
comment on column observation.seq is 'Its number in the gateway''s outbox.';
comment on column observation.user_index is
    'The device''s own number for who used it, as a scale''s user slot. It means nobody by itself.';
comment on column observation.quality is 'Names of the device''s quality flags; null for none.';

create index observation_window on observation (patient_id, quantity, measured_at desc);

-- A hypertable's unique key must contain the partition time, and a corrected time can differ
-- between two gateways; so identity is a plain table, written in the same transaction.
-- Time comes first in its key: what arrives now, or in one backlog, lies side by side, where a
-- key of random ids alone touches a page of its own for each reading (docs/decisions/0004).
create table observation_identity (
    stamp timestamp not null,
    id_head bigint not null,
    value double precision not null,
    primary key (stamp, id_head)
);
comment on column observation_identity.stamp is
    'The time that never changes however often the reading is sent, and by whichever gateway: the '
    'device''s own, or when it arrived (UTC) if the device gave none.';
comment on column observation_identity.id_head is
    'The first 64 of the 122 hashed bits of the reading''s id: two readings of one microsecond '
    'would have to agree in them by chance.';
comment on column observation_identity.value is
    'A reading that comes again must be the same; one with another value is quarantined.';

create table quarantine (
    id bigint generated always as identity primary key,
    quarantined_at timestamptz not null default now(),
    topic text not null,
    payload bytea not null,
    code text not null,
    reason text not null,
    gateway_id text,
    boot uuid,
    seq bigint,
    fingerprint bytea not null unique
);
comment on column quarantine.fingerprint is
    'SHA-256 of topic, number and bytes: a message that is delivered again is kept once.';
comment on column quarantine.payload is
    'The bytes as they came: the whole message, or the one observation that seq names.';

-- Written by ingest in the transaction that stores the readings, emptied by alerts in the one
-- that stores the findings: a reading is judged once, whoever dies in between.
create table judgement_queue (
    id bigint generated always as identity primary key,
    patient_id uuid not null references patient,
    reading_ids uuid[] not null,
    measured_from timestamptz not null,
    measured_to timestamptz not null,
    enqueued_at timestamptz not null default now()
);
comment on column judgement_queue.measured_from is
    'With measured_to: where in time the readings lie, so that finding them touches few chunks.';

------------------------------------------------------------------------ rules and findings

create table patient_limit (
    id bigint generated always as identity primary key,
    patient_id uuid not null references patient,
    quantity quantity not null,
    red_low double precision,
    yellow_low double precision,
    yellow_high double precision,
    red_high double precision,
    valid_from timestamptz not null default now(),
    set_by text not null,
    unique (patient_id, quantity, valid_from),
    constraint limits_are_in_order check (
        coalesce(red_low <= yellow_low, true)
        and coalesce(yellow_low <= yellow_high, true)
        and coalesce(yellow_high <= red_high, true)
        and coalesce(red_low <= yellow_high, true)
        and coalesce(red_low <= red_high, true)
        and coalesce(yellow_low <= red_high, true)
    )
);
comment on table patient_limit is
    'Null is no limit; 0 is a limit. A new row replaces the old from valid_from; none is changed.';

create table finding (
    id uuid primary key,
    patient_id uuid not null references patient,
    channel text not null check (channel in ('clinical', 'missing', 'technical')),
    rule text not null,
    rule_version integer not null,
    result text not null check (result in ('judged', 'insufficient')),
    severity text not null check (severity in ('green', 'blue', 'yellow', 'red')),
    score double precision,
    quantity quantity,
    measured_at timestamptz not null,
    late boolean not null,
    reading_ids uuid[] not null,
    limits jsonb not null,
    evidence jsonb not null,
    reason_da text not null,
    reason_en text not null,
    found_at timestamptz not null default now()
);
create index finding_of_patient on finding (patient_id, quantity, measured_at desc);

create table triage_case (
    id uuid primary key,
    patient_id uuid not null references patient,
    channel text not null check (channel in ('clinical', 'missing', 'technical')),
    team_id text not null references team,
    state text not null check (state in ('new', 'seen', 'returned', 'closed')),
    severity text not null check (severity in ('green', 'blue', 'yellow', 'red')),
    reason_da text not null,
    reason_en text not null,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    version integer not null
);
comment on table triage_case is
    'Work for people. This row is the fold of case_event, kept so that the board can be read.';
create unique index one_open_case_per_patient_and_channel
    on triage_case (patient_id, channel) where state <> 'closed';

create table case_event (
    case_id uuid not null references triage_case,
    version integer not null,
    at timestamptz not null,
    kind text not null,
    about text,
    severity text,
    score double precision,
    finding_id uuid references finding,
    clinician_id text references clinician,
    primary key (case_id, version)
);

comment on column case_event.about is
    'The rule and quantity whose standing changed, e.g. absolute-limits/spo2.';

------------------------------------------------------------------------ what must not change

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op
        using hint = 'Store a new row that says what is right now.';
end $$;

create trigger finding_is_immutable before update or delete on finding
    for each row execute function refuse_change();
create trigger finding_is_kept before truncate on finding
    for each statement execute function refuse_change();
create trigger case_event_is_immutable before update or delete on case_event
    for each row execute function refuse_change();
create trigger case_event_is_kept before truncate on case_event
    for each statement execute function refuse_change();

------------------------------------------------------------------------ who is told

-- Listeners get ids only and read the rest under their own rights. A lost notification costs
-- delay, never data: alerts and the board also look by themselves from time to time.
-- A payload may be 8000 bytes and a longer one fails the whole transaction, so a finding names
-- at most 100 of its readings (4 kB); no listener needs them all to know what to read again.
create function tell_judgement() returns trigger language plpgsql as $$
begin
    perform pg_notify('telekol_judgement', '');
    return null;
end $$;
create trigger judgement_queued after insert on judgement_queue
    for each statement execute function tell_judgement();

create function tell_finding() returns trigger language plpgsql as $$
begin
    perform pg_notify('telekol_board', json_build_object(
        'kind', 'finding', 'patient', new.patient_id, 'finding', new.id, 'severity', new.severity,
        'readings', new.reading_ids[:100])::text);
    return null;
end $$;
create trigger finding_stored after insert on finding
    for each row execute function tell_finding();

create function tell_case() returns trigger language plpgsql as $$
begin
    perform pg_notify('telekol_board', json_build_object(
        'kind', 'case', 'patient', new.patient_id, 'case', new.id, 'severity', new.severity,
        'state', new.state)::text);
    return null;
end $$;
create trigger case_changed after insert or update on triage_case
    for each row execute function tell_case();
