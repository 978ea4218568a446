-- Organisations, care teams and memberships.

create table organisation (
    id text primary key,
    kind text not null check (kind in
        ('region', 'cluster', 'municipality', 'hospital-department', 'gp-practice')),
    name text not null,
    part_of text references organisation check (part_of <> id),
    sor_code text unique check (sor_code ~ '^[0-9]{15,18}$'),
    provider_number text unique check (provider_number ~ '^[0-9]{6}$'),
    period tstzrange not null default tstzrange(now(), null),
    constraint a_practice_has_a_provider_number check (
        kind = 'gp-practice' or provider_number is null),
    constraint organisation_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period))
);
create index organisation_part_of on organisation (part_of);
comment on table organisation is
    'A party of the care: a region, its cluster of municipalities (klynge), a municipality, a '
    'hospital department or a general practice.';
comment on column organisation.id is 'Our own short name of it.';
comment on column organisation.kind is 'Which of the five kinds of party it is.';
comment on column organisation.name is 'As people call it.';
comment on column organisation.part_of is 'The organisation above it; null at the top.';
comment on column organisation.sor_code is
    'Its number in SOR, the national register of health care organisations; null if it has none.';
comment on column organisation.provider_number is
    'A practice''s provider number (ydernummer), six digits.';
comment on column organisation.period is 'When it exists, from a moment up to another.';

alter table team
    add column organisation_id text references organisation,
    add column sor_code text check (sor_code ~ '^[0-9]{15,18}$');
create index team_of_organisation on team (organisation_id);
comment on column team.organisation_id is
    'Who runs the team; null for a team that was put in before organisations were kept.';
comment on column team.sor_code is 'The team''s own number in SOR, where it has one.';

create table membership (
    id bigint generated always as identity primary key,
    clinician_id text not null references clinician,
    team_id text not null references team,
    role text not null check (role in
        ('nurse', 'physician', 'assistant', 'administrator', 'logistics', 'viewer')),
    period tstzrange not null,
    granted_by text references clinician,
    constraint membership_period_is_half_open check (
        not isempty(period) and (lower_inf(period) or lower_inc(period)) and not upper_inc(period)),
    -- Leads with the clinician: it serves as the index of that foreign key too.
    constraint one_role_once_at_a_time exclude using gist (
        clinician_id with =, team_id with =, role with =, period with &&)
);
create index membership_of_clinician on membership (clinician_id);
create index membership_of_team on membership (team_id);
create index membership_granted_by on membership (granted_by);
comment on table membership is
    'Who works in which team, as what and when. Rights follow from the rows that hold now.';
comment on column membership.id is 'Number of the row.';
comment on column membership.clinician_id is 'Who.';
comment on column membership.team_id is 'In which team.';
comment on column membership.role is 'As what; a person may have several roles.';
comment on column membership.period is 'From a moment up to another; no end is until further.';
comment on column membership.granted_by is 'Who gave it; null for the team one was put in with.';

-- The code of the release before this, and seeding, put a clinician in with a team and a role. That
-- is a membership too, whoever writes it.
create function join_home_team() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        -- Of this very moment, it has not begun to hold: nothing of it is left to keep.
        delete from membership
        where clinician_id = old.id and team_id = old.team_id and role = old.role
            and granted_by is null and lower(period) >= now();
        update membership set period = tstzrange(lower(period), now())
        where clinician_id = old.id and team_id = old.team_id and role = old.role
            and granted_by is null and upper_inf(period);
    end if;
    insert into membership (clinician_id, team_id, role, period)
    values (new.id, new.team_id, new.role, tstzrange(now(), null))
    on conflict do nothing;
    return null;
end $$;
create trigger clinician_joins_the_home_team
    after insert or update of team_id, role on clinician
    for each row execute function join_home_team();
insert into membership (clinician_id, team_id, role, period)
select id, team_id, role, tstzrange(now(), null) from clinician;
create index if not exists clinician_of_team on clinician (team_id);
create index if not exists patient_of_team on patient (team_id);
