-- The ledger's roles, tables and types. Functions and views live in src/bursar/ledger/*.sql and are
-- applied after this step; nothing here calls one of them.

-- Roles are shared by the whole server, so they are made only where they are missing (on Supabase
-- the first three exist) and are never dropped by the way down.
DO $$
BEGIN
    IF to_regrole('anon') IS NULL THEN CREATE ROLE anon NOLOGIN NOINHERIT; END IF;
    IF to_regrole('authenticated') IS NULL THEN CREATE ROLE authenticated NOLOGIN NOINHERIT; END IF;
    IF to_regrole('service_role') IS NULL THEN CREATE ROLE service_role NOLOGIN NOINHERIT; END IF;
    IF to_regrole('bursar_operator') IS NULL THEN CREATE ROLE bursar_operator NOLOGIN; END IF;
    IF to_regrole('bursar_service') IS NULL THEN CREATE ROLE bursar_service LOGIN NOINHERIT; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    -- Another database of this server was migrated at the same moment; the roles are there now.
    NULL;
END
$$;

GRANT anon, authenticated, service_role TO bursar_service;

-- On Supabase the schema auth and its functions exist and are left alone. Elsewhere they read the
-- same settings, so that policies are written once.
DO $$
BEGIN
    IF to_regnamespace('auth') IS NULL THEN
        CREATE SCHEMA auth;
        GRANT USAGE ON SCHEMA auth
            TO anon, authenticated, service_role, bursar_service, bursar_operator;
    END IF;
    IF to_regprocedure('auth.jwt()') IS NULL THEN
        CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
            SET search_path = pg_catalog, pg_temp
            AS $f$SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb$f$;
        REVOKE ALL ON FUNCTION auth.jwt() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION auth.jwt()
            TO anon, authenticated, service_role, bursar_service, bursar_operator;
    END IF;
    IF to_regprocedure('auth.uid()') IS NULL THEN
        CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
            SET search_path = pg_catalog, pg_temp
            AS $f$SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb
                ->> 'sub')::uuid$f$;
        REVOKE ALL ON FUNCTION auth.uid() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION auth.uid()
            TO anon, authenticated, service_role, bursar_service, bursar_operator;
    END IF;
    IF to_regprocedure('auth.role()') IS NULL THEN
        CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
            SET search_path = pg_catalog, pg_temp
            AS $f$SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb
                ->> 'role'$f$;
        REVOKE ALL ON FUNCTION auth.role() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION auth.role()
            TO anon, authenticated, service_role, bursar_service, bursar_operator;
    END IF;
END
$$;

CREATE SCHEMA bursar;
COMMENT ON SCHEMA bursar IS 'The ledger: assets, wallets, transactions, entries, holds.';
REVOKE ALL ON SCHEMA bursar FROM PUBLIC;
GRANT USAGE ON SCHEMA bursar TO anon, authenticated, service_role, bursar_service, bursar_operator;

-- A domain is planned once with the statement; a CHECK is read anew for every one that writes.
CREATE DOMAIN bursar.change AS bigint CONSTRAINT change_not_zero CHECK (VALUE <> 0);
CREATE DOMAIN bursar.place AS bigint CONSTRAINT place_positive CHECK (VALUE > 0);
CREATE DOMAIN bursar.posted_balance AS bigint
    CONSTRAINT posted_balance_non_negative CHECK (VALUE >= 0);
CREATE DOMAIN bursar.wallet_status AS text
    CONSTRAINT wallet_status_known CHECK (VALUE IN ('open', 'frozen', 'closed'));

-- The gate: every writer takes ROW EXCLUSIVE on it, whoever closes it takes SHARE.
CREATE TABLE bursar.gate (
    only_row boolean CONSTRAINT gate_pkey PRIMARY KEY DEFAULT true
        CONSTRAINT gate_only_row CHECK (only_row),
    degraded boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT '',
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz
);
INSERT INTO bursar.gate DEFAULT VALUES;

CREATE TABLE bursar.asset (
    asset text CONSTRAINT asset_pkey PRIMARY KEY
        CONSTRAINT asset_name CHECK (asset ~ '^[a-z][a-z0-9_]{0,39}(:owed)?$'),
    -- The store: the app's table and columns that hold the wallets, or NULL for bursar.wallet.
    store regclass CONSTRAINT asset_store_key UNIQUE,
    owner_column name,
    owner_type text NOT NULL DEFAULT 'text'
        CONSTRAINT asset_owner_type CHECK (owner_type IN ('text', 'uuid')),
    balance_column name,
    balance_max bigint NOT NULL DEFAULT 1000000000000000000,
    debt_policy text NOT NULL DEFAULT 'repay_first'
        CONSTRAINT asset_debt_policy CHECK (debt_policy IN ('repay_first', 'repay_by_hand')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE bursar.asset IS
    'One row per unit of value, with the table and column in which its balances live.';

-- The store of assets without a table of their own, and of every debt (asset "credit:owed").
CREATE TABLE bursar.wallet (
    asset text NOT NULL CONSTRAINT wallet_asset_fkey REFERENCES bursar.asset,
    owner_id text NOT NULL,
    balance bigint NOT NULL DEFAULT 0 CONSTRAINT wallet_balance_non_negative CHECK (balance >= 0),
    bursar_held bigint NOT NULL DEFAULT 0,
    bursar_seq bigint NOT NULL DEFAULT 0,
    bursar_status bursar.wallet_status NOT NULL DEFAULT 'open',
    CONSTRAINT wallet_pkey PRIMARY KEY (asset, owner_id),
    CONSTRAINT wallet_bursar_held CHECK (bursar_held BETWEEN 0 AND balance)
) WITH (fillfactor = 70);

-- One business event, all or nothing. Append-only; why it is frozen early: docs/growth.md.
CREATE TABLE bursar.transaction (
    id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT transaction_pkey PRIMARY KEY,
    verb text NOT NULL,
    asset text NOT NULL,
    owner_id text NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    corrects bigint,
    hold_id bigint,
    metadata jsonb,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_insert_threshold = 50000, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_freeze_min_age = 0);
CREATE INDEX transaction_corrects_idx ON bursar.transaction (corrects) WHERE corrects IS NOT NULL;

-- One wallet's signed amount in a transaction. Append-only. The entries of system wallets have
-- neither sequence nor balance: nothing about a system wallet is ever locked or stored. There are
-- no foreign keys: only the kernel writes here, and the audit checks what they would.
CREATE TABLE bursar.entry (
    transaction_id bigint NOT NULL,
    line smallint NOT NULL,
    asset text NOT NULL,
    owner_id text NOT NULL,
    amount bursar.change NOT NULL,
    seq bursar.place,
    balance_after bursar.posted_balance,
    bucket text NOT NULL,
    CONSTRAINT entry_pkey PRIMARY KEY (transaction_id, line)
) WITH (autovacuum_vacuum_insert_threshold = 50000, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_freeze_min_age = 0);
CREATE UNIQUE INDEX entry_wallet_seq_key ON bursar.entry (owner_id, asset, seq)
    WHERE seq IS NOT NULL;

-- An amount set aside. captured + released + expired = amount once it has ended.
CREATE TABLE bursar.hold (
    id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT hold_pkey PRIMARY KEY,
    transaction_id bigint NOT NULL,
    asset text NOT NULL,
    owner_id text NOT NULL,
    amount bigint NOT NULL CONSTRAINT hold_amount_positive CHECK (amount > 0),
    captured bigint NOT NULL DEFAULT 0 CONSTRAINT hold_captured_non_negative CHECK (captured >= 0),
    released bigint NOT NULL DEFAULT 0 CONSTRAINT hold_released_non_negative CHECK (released >= 0),
    expired bigint NOT NULL DEFAULT 0 CONSTRAINT hold_expired_non_negative CHECK (expired >= 0),
    status text NOT NULL DEFAULT 'open'
        CONSTRAINT hold_status CHECK (status IN ('open', 'captured', 'released', 'expired')),
    reason text NOT NULL,
    actor text NOT NULL,
    metadata jsonb,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT hold_sum CHECK (captured + released + expired <= amount
        AND (status = 'open') = (captured + released + expired < amount)),
    CONSTRAINT hold_ended CHECK ((status = 'open') = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX hold_open_wallet_idx ON bursar.hold (owner_id, asset) WHERE status = 'open';
CREATE INDEX hold_open_expires_at_idx ON bursar.hold (expires_at) WHERE status = 'open';

-- Remembered outcomes. `claim` is a digest of owner, principal class, verb and key; `fingerprint`
-- of the request's named fields. Prunable after 30 days.
CREATE TABLE bursar.idempotency (
    claim bytea CONSTRAINT idempotency_pkey PRIMARY KEY,
    fingerprint bytea NOT NULL,
    outcome json NOT NULL,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_insert_threshold = 50000, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_freeze_min_age = 0);

-- Ids that others gave out (a store transaction, a card event): each has an effect once, for ever.
CREATE TABLE bursar.external_reference (
    provider text NOT NULL,
    account text NOT NULL,
    mode text NOT NULL CONSTRAINT external_reference_mode CHECK (mode IN ('live', 'test')),
    external_id text NOT NULL,
    owner_id text NOT NULL,
    transaction_id bigint NOT NULL,
    fingerprint bytea NOT NULL,
    outcome json NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT external_reference_pkey PRIMARY KEY (provider, account, mode, external_id)
);

-- What the service counted, per minute, process, verb and outcome.
CREATE TABLE bursar.metric_minute (
    minute timestamptz NOT NULL,
    process text NOT NULL,
    verb text NOT NULL,
    outcome text NOT NULL,
    requests bigint NOT NULL DEFAULT 0,
    duration_ms_sum double precision NOT NULL DEFAULT 0,
    duration_ms_max double precision NOT NULL DEFAULT 0,
    buckets jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT metric_minute_pkey PRIMARY KEY (minute, process, verb, outcome)
);

-- What the kernel's stages hand to each other.

-- What a caller asked of a ledger verb, read and checked.
CREATE TYPE bursar.instruction AS (
    n integer,                 -- place in the batch, from 1
    verb text,
    owner_id text,
    asset text,
    amount bigint,
    reason text,
    actor text,
    metadata jsonb,
    claim bytea,               -- digest of owner, principal class, verb and key
    fingerprint bytea,         -- digest of the named fields that make the effect
    to_owner_id text,
    bucket text,
    hold_id bigint,
    expires_in_seconds integer,
    over_run text,
    final boolean,
    transaction_id bigint,
    shortfall text,
    wallet_status text,
    external jsonb,
    refusal text,
    details jsonb,
    hold_left bigint,          -- of the hold, read under its lock
    refunded bigint,           -- of the parent transaction, read under its lock
    parent_verb text,
    parent_amount bigint
);
-- One request as the kernel sees it: whose wallet, what to write down, what was decided so far.
CREATE TYPE bursar.request AS (
    n integer,
    legs integer,              -- how many of the legs are its own
    verb text,
    asset text,
    owner_id text,             -- whose wallet the outcome speaks of
    amount bigint,
    reason text,
    actor text,
    corrects bigint,
    hold_id bigint,
    metadata jsonb,
    claim bytea,
    fingerprint bytea,
    shortfall text,            -- refuse, or debt: what a debit beyond the available amount does
    new_status text,           -- the wallet's status from now on
    refusal text,              -- decided before the kernel looks at funds
    details jsonb,             -- of that refusal
    extra json                 -- what the outcome says besides, once done: an object or NULL
);
-- One wallet's part in a request.
CREATE TYPE bursar.leg AS (
    n integer,                 -- of its request
    asset text,
    owner_id text,
    amount bigint,             -- signed; 0 where only the held amount changes
    held bigint,               -- signed change of what is held
    bucket text
);
-- A wallet under its lock. While deciding, its status may also be missing or busy.
CREATE TYPE bursar.wallet_state AS (
    asset text,
    owner_id text,
    balance bigint,
    held bigint,
    seq bigint,
    status text
);
-- Everything a batch will write, decided before the first row is written.
CREATE TYPE bursar.plan AS (
    outcomes json[],
    transaction_ids bigint[],  -- by place of the request; NULL where nothing is new
    transactions bursar.transaction[],
    entries bursar.entry[],
    wallets bursar.wallet_state[],
    debts bursar.wallet_state[],
    claims bursar.idempotency[]
);
-- What became of a batch.
CREATE TYPE bursar.posted AS (outcomes json[], transaction_ids bigint[]);

ALTER TABLE bursar.gate ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.asset ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.wallet ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.transaction ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.external_reference ENABLE ROW LEVEL SECURITY;
ALTER TABLE bursar.metric_minute ENABLE ROW LEVEL SECURITY;
