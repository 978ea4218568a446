-- Rule sets: data, versioned, never changed once stored. What a physician may still do is approve.

create table rule_set (
    id integer generated always as identity primary key,
    name text not null check (name <> ''),
    version integer not null check (version >= 1),
    fingerprint text not null unique check (fingerprint ~ '^[0-9a-f]{16,64}$'),
    definition jsonb not null,
    loaded_at timestamptz not null default now(),
    approved_by text references clinician,
    approved_at timestamptz,
    unique (name, version),
    constraint rule_set_approved_by_somebody_at_a_time check (
        (approved_by is null) = (approved_at is null))
);
create index rule_set_approved_by on rule_set (approved_by);
comment on table rule_set is
    'Rule sets as they were published. Never changed: another content is another version. One that '
    'no physician has approved is a template, and every finding made with it says so.';
comment on column rule_set.id is 'Number of the row.';
comment on column rule_set.name is 'Name of the set, as kol-standard.';
comment on column rule_set.version is 'Counts its versions.';
comment on column rule_set.fingerprint is
    'Hash of all that can change an answer, in hex: the same rules have the same, wherever they '
    'are.';
comment on column rule_set.definition is 'The whole set, as it was validated.';
comment on column rule_set.loaded_at is 'When it was published here.';
comment on column rule_set.approved_by is
    'The physician who approved it; null if nobody has yet: it is a template.';
comment on column rule_set.approved_at is 'When it was approved.';

create table rule_set_use (
    id integer generated always as identity primary key,
    rule_set_id integer not null references rule_set,
    programme_id text references programme,
    team_id text references team,
    valid_from timestamptz not null default now(),
    set_by text not null check (set_by <> ''),
    constraint used_by_a_programme_or_a_team check (programme_id is null or team_id is null),
    constraint one_rule_set_at_a_time unique nulls not distinct (programme_id, team_id, valid_from)
);
create index rule_set_use_of_set on rule_set_use (rule_set_id);
create index rule_set_use_of_programme on rule_set_use (programme_id);
create index rule_set_use_of_team on rule_set_use (team_id);
comment on table rule_set_use is
    'Which rule set is used from when: by a team''s patients, else by a programme''s, else by all. '
    'A new row replaces the old from valid_from; none is changed. The set that was in use when a '
    'reading was measured is the one that judges it.';
comment on column rule_set_use.id is 'Number of the row.';
comment on column rule_set_use.rule_set_id is 'Which set.';
comment on column rule_set_use.programme_id is 'For the patients of this programme.';
comment on column rule_set_use.team_id is
    'For the patients of this team; with no programme and no team it is for all.';
comment on column rule_set_use.valid_from is 'From when.';
comment on column rule_set_use.set_by is 'Who put it in use.';

create function keep_rule_set() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.approved_by is null and new.approved_by is not null
        and (new.id, new.name, new.version, new.fingerprint, new.definition, new.loaded_at)
            = (old.id, old.name, old.version, old.fingerprint, old.definition, old.loaded_at)
        and exists (select from clinician c
            where c.id = new.approved_by and c.role = 'physician') then
        return new;
    end if;
    raise exception '% is append-only: % refused', tg_table_name, tg_op
        using hint = 'Publish another version. approve_rule_set() approves, once, by a physician.';
end $$;
create trigger rule_set_is_immutable before update or delete on rule_set
    for each row execute function keep_rule_set();
create trigger rule_set_is_kept before truncate on rule_set
    for each statement execute function refuse_change();
create trigger rule_set_use_is_immutable before update or delete on rule_set_use
    for each row execute function refuse_change();
create trigger rule_set_use_is_kept before truncate on rule_set_use
    for each statement execute function refuse_change();

create function approve_rule_set(p_name text, p_version integer, p_by text) returns integer
language plpgsql as $$
-- Approve a version of a rule set; gives its number. Findings made before stay as they were found.
declare
    found rule_set;
begin
    select * into found from rule_set where name = p_name and version = p_version for update;
    if found.id is null then
        raise exception 'expected a published rule set % version %, found none', p_name, p_version
            using errcode = 'no_data_found', hint = 'telekol rules publish stores one.';
    end if;
    if found.approved_by is not null then
        raise exception 'rule set % version % was approved already, by %', p_name, p_version,
            found.approved_by using errcode = 'unique_violation';
    end if;
    if not exists (select from clinician c where c.id = p_by and c.role = 'physician') then
        raise exception 'expected a physician, found %', p_by
            using errcode = 'insufficient_privilege',
                hint = 'Limits are a physician''s task; nurses may propose.';
    end if;
    update rule_set set approved_by = p_by, approved_at = now() where id = found.id;
    return found.id;
end $$;
comment on function approve_rule_set is 'A physician approves a version of a rule set, once.';

-- The engine publishes what is shipped, so that an empty installation has its template.
grant select on rule_set, rule_set_use, programme, clinician, membership, team to telekol_alerts;
grant insert on rule_set, rule_set_use to telekol_alerts;
grant select on rule_set, rule_set_use to telekol_api;
grant insert on rule_set_use to telekol_api;
grant update (approved_by, approved_at) on rule_set to telekol_api;
