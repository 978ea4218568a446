-- Most readings are green, and six rules that say so six times over would be the largest table of
-- the house. A reading has one short row that says what every rule said of it; only what is not
-- green, and what ends it, is a finding with its sentence (docs/decisions/0031).

create table rule_basis (
    id bigint generated always as identity primary key,
    patient_id uuid not null references patient,
    quantity quantity not null,
    fingerprint uuid not null,
    rule_set_id integer references rule_set,
    approved boolean not null,
    limits jsonb not null,
    reference jsonb not null,
    context jsonb not null,
    made_at timestamptz not null default now(),
    unique (patient_id, quantity, fingerprint)
);
create index rule_basis_of_set on rule_basis (rule_set_id);
comment on table rule_basis is
    'What was in force when readings of a patient and quantity were judged: stored once, when it '
    'changes, and named by every judgement made with it. Append-only.';
comment on column rule_basis.id is 'Number of the row.';
comment on column rule_basis.patient_id is 'Whose.';
comment on column rule_basis.quantity is 'Of what.';
comment on column rule_basis.fingerprint is 'Hash of all that follows; the same basis is one row.';
comment on column rule_basis.rule_set_id is 'Which rules; null if none was in use.';
comment on column rule_basis.approved is 'Whether a physician had approved the rule set then.';
comment on column rule_basis.limits is
    'The patient''s own absolute limits, with the number of their row; {} if there were none and '
    'the set''s own were used.';
comment on column rule_basis.reference is
    'The usual level: value, date, origin, whether it was approved; {} if there was none.';
comment on column rule_basis.context is 'Whatever else the rules were told.';
comment on column rule_basis.made_at is 'When it was first used.';

-- Columns from wide to narrow. One index: the key, which is also the walk to a patient's newest.
-- No foreign keys, as in observation: every id is looked up in the transaction that inserts.
create table judgement (
    measured_at timestamptz not null,
    judged_at timestamptz not null default now(),
    window_hash bigint not null,
    basis_id bigint not null,
    patient_id uuid not null,
    reading_id uuid not null,
    before_id uuid,
    beside_id uuid,
    quantity quantity not null,
    turn smallint not null,
    before_turn smallint,
    beside_turn smallint,
    late boolean not null,
    severity text check (severity in ('green', 'yellow', 'red')),
    outcomes text not null,
    cause text,
    reading_ids uuid[],
    primary key (patient_id, quantity, measured_at, reading_id, turn),
    constraint a_window_or_whose_window_it_continues check (
        (before_id is null) = (before_turn is null) and (before_id is null or reading_ids is null)),
    constraint beside_is_a_judgement check ((beside_id is null) = (beside_turn is null)),
    constraint a_later_turn_has_a_cause check ((turn = 0) or (cause is not null))
);
comment on table judgement is
    'What the rules said of one reading, in one short row, green as well. What is not green has a '
    'finding beside it, with the same patient, quantity, reading and turn. Append-only.';
comment on column judgement.measured_at is 'When the reading was measured.';
comment on column judgement.judged_at is 'When it was judged.';
comment on column judgement.window_hash is
    'Hash of the ids in its window, oldest first: tells whether a late reading changed it.';
comment on column judgement.basis_id is 'rule_basis: the rules, limits and reference in force.';
comment on column judgement.patient_id is 'Whose.';
comment on column judgement.reading_id is 'The reading judged.';
comment on column judgement.before_id is
    'The window is that of the reading before, with this one added: which reading that was. Null '
    'where reading_ids names them all, or where there was none before.';
comment on column judgement.beside_id is
    'The reading of another quantity that was judged together with this one, as a pulse beside a '
    'saturation; its own window was used.';
comment on column judgement.quantity is 'Of what.';
comment on column judgement.turn is '0 for the first time, then 1, 2: the highest counts.';
comment on column judgement.before_turn is 'Which judgement of the reading before.';
comment on column judgement.beside_turn is 'Which judgement of the reading beside.';
comment on column judgement.late is
    'Whether the reading came so long after it was measured that it is no news.';
comment on column judgement.severity is
    'The gravest that any rule said; null if every rule had too little: never green.';
comment on column judgement.outcomes is
    'A letter for each rule of the set that watches the quantity, in the set''s order: g, y, r, or '
    'i for insufficient. Empty if none watches it.';
comment on column judgement.cause is
    'Null for the first time. Else why it was judged again: "late/<reading>", or the event of a '
    'person, as "validity/17".';
comment on column judgement.reading_ids is
    'The whole window, oldest first, the reading itself last; null where before_id says it.';

create trigger judgement_is_immutable before update or delete on judgement
    for each row execute function refuse_change();
create trigger judgement_is_kept before truncate on judgement
    for each statement execute function refuse_change();
create trigger rule_basis_is_immutable before update or delete on rule_basis
    for each row execute function refuse_change();
create trigger rule_basis_is_kept before truncate on rule_basis
    for each statement execute function refuse_change();

-- One notification per patient of a statement, and only of what has no finding to tell of it.
create function tell_judged() returns trigger language plpgsql as $$
begin
    perform pg_notify('telekol_board', json_build_object(
        'kind', 'finding', 'patient', j.patient_id, 'finding', null,
        'severity', coalesce(j.severity, 'none'),
        'readings', (array_agg(j.reading_id))[:100])::text)
    from judged j where j.severity = 'green' or j.severity is null
    group by j.patient_id, j.severity;
    return null;
end $$;
create trigger judgement_stored after insert on judgement
    referencing new table as judged
    for each statement execute function tell_judged();

alter table finding
    add column rule_id text,
    add column rule_set_id integer,
    add column basis_id bigint,
    add column turn smallint,
    add column cause text;
comment on column finding.rule is
    'Which family of rules, as absolute-limits, with rule_version its version.';
comment on column finding.rule_id is
    'Which rule of the rule set; null for a finding of no set, and for those of version 1.';
comment on column finding.rule_set_id is 'Which rule set, in which version: rule_set.';
comment on column finding.basis_id is 'What was in force: rule_basis.';
comment on column finding.turn is 'Which judgement of its newest reading it belongs to.';
comment on column finding.cause is 'Why it was judged again; null for the first time.';
comment on column finding.reading_ids is
    'The readings the rule used, oldest first, the one judged last.';
comment on column finding.limits is
    'The rule''s parameters and the limits in force, as they were.';

grant select on rule_basis, judgement to telekol_alerts, telekol_api;
grant insert on rule_basis, judgement to telekol_alerts;
