-- Instructions: what the server asked of a home, how often it was sent, and how it ended.

create table instruction (
    id uuid primary key,
    gateway_id text not null references gateway,
    kind text not null check (
        kind in ('schedule', 'questionnaire', 'message', 'remeasure', 'send-again')
    ),
    body jsonb not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    times_sent integer not null default 0 check (times_sent >= 0),
    sent_at timestamptz,
    outcome text check (outcome in ('settled', 'not-there', 'refused', 'expired')),
    ended_at timestamptz,
    constraint instruction_lives check (expires_at > issued_at),
    constraint instruction_was_sent check ((times_sent = 0) = (sent_at is null)),
    constraint instruction_ended_with_an_outcome check ((outcome is null) = (ended_at is null))
);
create index instruction_of_gateway on instruction (gateway_id, issued_at desc);
create index instruction_open on instruction (gateway_id) where ended_at is null;

comment on table instruction is
    'What the server asked of a home. It is sent under one id, with back-off, until the home has '
    'answered; the home''s own answers are in instruction_acknowledgement.';
comment on column instruction.id is 'One for ever: the same id that comes again is the same one.';
comment on column instruction.gateway_id is 'Of whom it is asked.';
comment on column instruction.kind is 'As on the wire.';
comment on column instruction.body is 'The whole instruction as it is sent.';
comment on column instruction.issued_at is 'When it was decided.';
comment on column instruction.expires_at is 'From when a home must not carry it out any more.';
comment on column instruction.times_sent is 'How often it was handed to the broker.';
comment on column instruction.sent_at is 'When it was last handed to the broker.';
comment on column instruction.outcome is
    'settled: nothing of what it asked for is missing any more. not-there: the home did it, and '
    'the readings did not come, so it has them no longer. refused, expired: by the home, or unheard.';
comment on column instruction.ended_at is 'When that was seen; null while it is open.';
