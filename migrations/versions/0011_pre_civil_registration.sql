-- Civil registration numbers, sealed. The keys are not here (docs/decisions/0021).
-- A table of its own: a role that may read patients need not be able to read this.

create table civil_registration (
    patient_id uuid primary key references patient,
    key_id text not null check (key_id <> ''),
    sealed bytea not null,
    -- 12 bytes of nonce, 10 digits, 16 bytes of tag: anything else is not what was sealed.
    constraint sealed_is_whole check (octet_length(sealed) = 38),
    find_key_id text not null check (find_key_id <> ''),
    find_hash bytea not null check (octet_length(find_hash) = 32),
    sealed_at timestamptz not null default now(),
    constraint one_patient_per_number unique (find_hash)
);
create index civil_registration_by_key on civil_registration (key_id, patient_id);
create index civil_registration_by_find_key on civil_registration (find_key_id, patient_id);
comment on table civil_registration is
    'The civil registration number of each patient, readable only with keys that are not in the '
    'database.';
comment on column civil_registration.patient_id is
    'Whose. It is bound into the seal: a value moved to another row does not open.';
comment on column civil_registration.key_id is 'Which key sealed it; a rotation ends when none is old.';
comment on column civil_registration.sealed is 'AES-256-GCM: nonce, ciphertext and tag.';
comment on column civil_registration.find_key_id is 'Which key made find_hash.';
comment on column civil_registration.find_hash is
    'HMAC-SHA-256 of the ten digits under a key of its own, to find a patient by number.';
comment on column civil_registration.sealed_at is 'When it was sealed or sealed again.';
