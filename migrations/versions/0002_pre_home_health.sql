-- Home health: how each gateway is, when it was online, what was wrong, what it acknowledged.
-- No foreign keys to gateway: a gateway that nobody has registered yet is seen here first.

create table gateway_health (
    gateway_id text primary key,
    life uuid not null,
    connection bigint not null,
    report bigint not null,
    online boolean not null,
    online_changed_at timestamptz not null,
    heard_at timestamptz not null,
    message jsonb
);
comment on table gateway_health is
    'The newest word of each gateway. life, connection and report order its messages, whatever its '
    'clock says; a Last Will that is late or retained never overrules newer health.';
comment on column gateway_health.message is
    'The last message it sent while online; null if only its Last Will was ever heard.';

create table gateway_presence (
    id bigint generated always as identity primary key,
    gateway_id text not null,
    online boolean not null,
    changed_at timestamptz not null
);
create index gateway_presence_of_gateway on gateway_presence (gateway_id, changed_at desc);
comment on table gateway_presence is
    'When a gateway came and went, by the server''s clock. The broker says that one is gone some '
    'minutes after it fell silent, so that a blink of the line is no entry.';

create table gateway_trouble (
    id bigint generated always as identity primary key,
    gateway_id text not null,
    code text not null,
    device text,
    since timestamptz not null,
    raised_at timestamptz not null,
    cleared_at timestamptz,
    detail text not null
);
create unique index one_open_trouble_per_gateway_device_and_code
    on gateway_trouble (gateway_id, code, coalesce(device, '')) where cleared_at is null;
create index gateway_trouble_of_gateway on gateway_trouble (gateway_id, raised_at desc);
comment on column gateway_trouble.since is 'By the gateway''s clock, which can be wrong.';
comment on column gateway_trouble.raised_at is 'When the server first heard of it.';
comment on column gateway_trouble.device is 'Address of the device; null for the gateway itself.';

create table instruction_acknowledgement (
    gateway_id text not null,
    instruction uuid not null,
    state text not null check (state in ('received', 'done', 'refused', 'expired')),
    at timestamptz not null,
    reason text not null,
    heard_at timestamptz not null,
    primary key (gateway_id, instruction, state)
);

-- What is wrong now, for people: words for each code are in telekol.troubles. A time that a wrong
-- clock made up is replaced by when the server heard of it.
create view technical_trouble as
select g.kit_id, t.gateway_id, t.code, t.device,
    case when t.since between '2015-01-01' and t.raised_at then t.since else t.raised_at end
        as since,
    t.detail
from gateway_trouble t
left join gateway g on g.id = t.gateway_id
where t.cleared_at is null
union all
select g.kit_id, h.gateway_id, 'gateway-offline', null, h.online_changed_at, ''
from gateway_health h
left join gateway g on g.id = h.gateway_id
where not h.online;
