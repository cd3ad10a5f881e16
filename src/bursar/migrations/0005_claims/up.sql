-- Claims of in-app purchases: what may be claimed, what was bought, what was claimed, and the
-- wallets of the asset `streak_shield`, which also carry the booster's end. Tables that a way down
-- left standing, because they held rows, are taken up again as they are.
CREATE TABLE IF NOT EXISTS public.skus (
    sku text CONSTRAINT skus_pkey PRIMARY KEY
        CONSTRAINT skus_sku_length CHECK (length(sku) BETWEEN 1 AND 200),
    title text NOT NULL DEFAULT '',
    kind text NOT NULL CONSTRAINT skus_kind CHECK (kind IN ('item', 'booster')),
    asset text,                -- of an item
    amount bigint NOT NULL DEFAULT 1
        CONSTRAINT skus_amount_range CHECK (amount BETWEEN 1 AND 1000000),
    duration_seconds bigint,   -- of a booster: an exact length of time, whatever the clocks do
    stacking text CONSTRAINT skus_stacking CHECK (stacking IN ('max', 'extend', 'reject')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT skus_item_or_booster CHECK (CASE kind
        WHEN 'item' THEN asset IS NOT NULL AND duration_seconds IS NULL AND stacking IS NULL
        ELSE asset IS NULL AND duration_seconds > 0 AND stacking IS NOT NULL END)
);

-- How often, or how much of it, may be claimed in a window [start, end). A calendar window is that
-- of the zone; `user` means the user's own, from user_time_zones.
CREATE TABLE IF NOT EXISTS public.sku_caps (
    sku text NOT NULL CONSTRAINT sku_caps_sku_fkey REFERENCES public.skus (sku),
    cap text NOT NULL,
    period text NOT NULL
        CONSTRAINT sku_caps_period CHECK (period IN ('day', 'week', 'month', 'rolling')),
    rolling_seconds bigint,
    measure text NOT NULL DEFAULT 'count'
        CONSTRAINT sku_caps_measure CHECK (measure IN ('count', 'amount')),
    allowed bigint NOT NULL CONSTRAINT sku_caps_allowed CHECK (allowed >= 0),
    zone text NOT NULL DEFAULT 'UTC',
    CONSTRAINT sku_caps_pkey PRIMARY KEY (sku, cap),
    CONSTRAINT sku_caps_rolling CHECK ((period = 'rolling') = coalesce(rolling_seconds > 0, false))
);

CREATE TABLE IF NOT EXISTS public.user_time_zones (
    user_id text CONSTRAINT user_time_zones_pkey PRIMARY KEY,
    zone text NOT NULL
);

-- The table is the wallet: shields, and until when the booster runs. The kernel's columns and
-- guards are added when the asset is registered. `booster_seq` moves with every change of the
-- booster that a verb makes; whoever leaves it alone is a raw writer.
CREATE TABLE IF NOT EXISTS public.user_wallet_balances (
    user_id text CONSTRAINT user_wallet_balances_pkey PRIMARY KEY,
    -- squawk-ignore prefer-bigint-over-int
    streakshield_count integer NOT NULL DEFAULT 0
        CONSTRAINT user_wallet_balances_streakshield_count_non_negative
        CHECK (streakshield_count >= 0),
    xp_booster_until timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    booster_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
-- By the name under which operators ask for it; the primary key answers the same question.
CREATE INDEX IF NOT EXISTS idx_user_wallet_balances_user_id
    ON public.user_wallet_balances (user_id);

-- Each change of a booster's end. Append-only.
CREATE TABLE IF NOT EXISTS public.booster_changes (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    until_before timestamptz,
    until_after timestamptz,
    cause text NOT NULL CONSTRAINT booster_changes_cause
        CHECK (cause IN ('claim', 'refund', 'refund_reversed', 'sql')),
    tx_id text,
    actor text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT booster_changes_pkey PRIMARY KEY (user_id, seq)
);

-- What the store says was bought. `tx_id` is the store's transaction id, with a prefix where
-- another store or the sandbox has given out the same.
CREATE TABLE IF NOT EXISTS public.audit_purchases (
    tx_id text CONSTRAINT audit_purchases_pkey PRIMARY KEY,
    user_id text NOT NULL,      -- to whom it belongs now
    sku text NOT NULL,
    purchased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status text NOT NULL,       -- the type of the store's last event about it
    store text NOT NULL DEFAULT 'APP_STORE',
    environment text NOT NULL DEFAULT 'PRODUCTION' CONSTRAINT audit_purchases_environment
        CHECK (environment IN ('PRODUCTION', 'SANDBOX')),
    transaction_id text,        -- as the store gave it out; NULL where it is tx_id
    bought_by text,             -- where that is somebody else than to whom it belongs
    owners text[] NOT NULL DEFAULT '{}',   -- every id of everybody to whom it ever belonged
    aliases text[] NOT NULL DEFAULT '{}',  -- other ids of whom it belongs to now
    is_refunded boolean NOT NULL DEFAULT false,
    is_provisional boolean NOT NULL DEFAULT false,
    raw jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX IF NOT EXISTS audit_purchases_transaction_key
    ON public.audit_purchases (coalesce(transaction_id, tx_id), store, environment);
CREATE INDEX IF NOT EXISTS audit_purchases_owners_idx
    ON public.audit_purchases USING gin (owners);
CREATE INDEX IF NOT EXISTS audit_purchases_user_id_idx
    ON public.audit_purchases (user_id, purchased_at);

-- Whose purchases became whose, as the store told it. Append-only.
CREATE TABLE IF NOT EXISTS public.purchase_transfers (
    event_id text NOT NULL,
    environment text,                         -- NULL: in each
    from_user_id text NOT NULL,
    to_user_id text NOT NULL,
    to_aliases text[] NOT NULL DEFAULT '{}',  -- other ids of the same user
    transferred_at timestamptz NOT NULL,
    CONSTRAINT purchase_transfers_pkey PRIMARY KEY (event_id, from_user_id)
);
CREATE INDEX IF NOT EXISTS purchase_transfers_from_user_id_idx
    ON public.purchase_transfers (from_user_id, transferred_at);

-- What was claimed. A row that plain SQL inserts records the claim alone: `recorded`.
CREATE TABLE IF NOT EXISTS public.purchase_claims (
    tx_id text CONSTRAINT purchase_claims_pkey PRIMARY KEY,
    user_id text NOT NULL,
    sku text NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status text NOT NULL DEFAULT 'recorded' CONSTRAINT purchase_claims_status
        CHECK (status IN ('granted', 'recorded', 'refunded')),
    amount bigint NOT NULL DEFAULT 1,
    is_override boolean NOT NULL DEFAULT false,  -- granted beyond its caps, and counted in none
    transaction_id bigint,
    actor text NOT NULL DEFAULT 'sql',
    reason text,
    outcome json
);
CREATE INDEX IF NOT EXISTS idx_purchase_claims_user_sku_time
    ON public.purchase_claims (user_id, sku, claimed_at);
CREATE INDEX IF NOT EXISTS purchase_claims_claimed_at_idx ON public.purchase_claims (claimed_at);

-- Purchases that were claimed beyond a cap: paid for, not granted yet, and claimable later.
CREATE TABLE IF NOT EXISTS public.claims_over_cap (
    tx_id text CONSTRAINT claims_over_cap_pkey PRIMARY KEY,
    user_id text NOT NULL,
    sku text NOT NULL,
    cap text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    frees_up_at timestamptz
);

-- Claims that were accepted and wait: for the queue to be opened, or for the store's event.
CREATE TABLE IF NOT EXISTS public.claim_queue (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT claim_queue_pkey PRIMARY KEY,
    user_id text NOT NULL,
    sku text NOT NULL,
    tx_id text NOT NULL,
    store text,                -- as the claim named them
    environment text,
    waits_for text NOT NULL
        CONSTRAINT claim_queue_waits_for CHECK (waits_for IN ('opening', 'purchase')),
    status text NOT NULL DEFAULT 'waiting'
        CONSTRAINT claim_queue_status CHECK (status IN ('waiting', 'done', 'set_aside')),
    attempts bigint NOT NULL DEFAULT 0,
    actor text NOT NULL,
    received_at timestamptz NOT NULL,
    handled_at timestamptz,
    outcome json,
    CONSTRAINT claim_queue_once UNIQUE NULLS NOT DISTINCT (user_id, tx_id, store, environment)
);
CREATE INDEX IF NOT EXISTS claim_queue_waiting_idx ON public.claim_queue (received_at, id)
    WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS claim_queue_tx_id_idx ON public.claim_queue (tx_id);

CREATE TABLE IF NOT EXISTS public.store_config (
    key text CONSTRAINT store_config_pkey PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who changed a switch, when, and why. Append-only.
CREATE TABLE IF NOT EXISTS public.store_config_changes (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT store_config_changes_pkey PRIMARY KEY,
    key text NOT NULL,
    old_value jsonb,
    new_value jsonb,
    actor text NOT NULL,
    reason text,
    changed_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS public.function_metrics (
    function_name text NOT NULL,
    "timestamp" timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- squawk-ignore prefer-bigint-over-int
    status_code integer NOT NULL,
    duration_ms numeric NOT NULL,
    error_code text
);
CREATE INDEX IF NOT EXISTS function_metrics_timestamp_idx
    ON public.function_metrics USING brin ("timestamp");

INSERT INTO public.skus (sku, title, kind, asset, amount, duration_seconds, stacking) VALUES
    ('consumable_streakshield_1', 'Streak shield', 'item', 'streak_shield', 1, NULL, NULL),
    ('consumable_xp_booster_7d', 'XP booster, 7 days', 'booster', NULL, 1, 604800, 'max')
ON CONFLICT DO NOTHING;
INSERT INTO public.sku_caps (sku, cap, period, allowed) VALUES
    ('consumable_streakshield_1', 'week', 'week', 1),
    ('consumable_streakshield_1', 'month', 'month', 3)
ON CONFLICT DO NOTHING;
INSERT INTO public.store_config (key, value) VALUES
    ('sku_enabled',
        '{"consumable_streakshield_1": true, "consumable_xp_booster_7d": true}'),
    ('claims_mode', '{"mode": "open", "percent": 100}'),
    ('status_message', '{"text": ""}'),
    ('sandbox_claims', 'false'),
    ('unknown_transaction', '"refuse"')
ON CONFLICT DO NOTHING;

ALTER TABLE public.skus ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.sku_caps ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_time_zones ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_wallet_balances ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.booster_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.audit_purchases ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.purchase_transfers ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.purchase_claims ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.claims_over_cap ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.claim_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.store_config ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.store_config_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.function_metrics ENABLE ROW LEVEL SECURITY;

-- Hosted databases grant everything on new tables and sequences of `public` to these roles by name.
REVOKE ALL ON public.skus, public.sku_caps, public.user_time_zones, public.user_wallet_balances,
    public.booster_changes, public.audit_purchases, public.purchase_transfers,
    public.purchase_claims, public.claims_over_cap, public.claim_queue, public.store_config,
    public.store_config_changes, public.function_metrics
    FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON SEQUENCE public.claim_queue_id_seq, public.store_config_changes_id_seq
    FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role, bursar_service, bursar_operator;
GRANT SELECT ON public.skus, public.sku_caps, public.store_config TO anon, authenticated;
GRANT SELECT ON public.user_wallet_balances, public.purchase_claims, public.claims_over_cap,
    public.booster_changes TO authenticated;
GRANT SELECT ON public.skus, public.sku_caps, public.user_time_zones, public.user_wallet_balances,
    public.booster_changes, public.audit_purchases, public.purchase_transfers,
    public.purchase_claims, public.claims_over_cap, public.claim_queue, public.store_config,
    public.store_config_changes, public.function_metrics TO service_role, bursar_operator;
GRANT INSERT, UPDATE, DELETE ON public.skus, public.sku_caps, public.user_time_zones,
    public.store_config TO service_role, bursar_operator;
GRANT INSERT, UPDATE ON public.audit_purchases TO service_role, bursar_operator;
GRANT INSERT (tx_id, user_id, sku, claimed_at) ON public.purchase_claims
    TO service_role, bursar_operator;
GRANT INSERT ON public.function_metrics TO service_role, bursar_operator;
GRANT DELETE ON public.user_wallet_balances TO service_role, bursar_operator;
GRANT INSERT (user_id, streakshield_count, xp_booster_until, updated_at),
    UPDATE (user_id, streakshield_count, xp_booster_until, updated_at)
    ON public.user_wallet_balances TO service_role, bursar_operator;

-- A claim, read and checked.
CREATE TYPE bursar.claim_request AS (
    n integer,                 -- place in the batch, from 1
    user_id text,
    sku text,
    tx_id text,                -- as the caller gave it
    store text,
    environment text,
    override_reason text,      -- an operator's: beyond its caps
    actor text,
    refusal text,
    details jsonb
);
-- What a claim comes to, found under its user's lock.
CREATE TYPE bursar.claim_verdict AS (
    n integer,
    judged_at timestamptz,     -- the clock after the lock: the time of the claim
    tx_id text,                -- ours
    kind text,
    asset text,
    amount bigint,
    until_before timestamptz,
    until_after timestamptz,
    booster_seq bigint,
    refusal text,
    details jsonb,
    known json                 -- the outcome of an earlier claim of the same by the same user
);
-- An event of the store, read and checked.
CREATE TYPE bursar.store_event AS (
    n integer,
    event_id text,
    account text,
    type text,
    occurred_at timestamptz,
    user_id text,
    aliases text[],
    sku text,
    store text,
    environment text,
    transaction_id text,
    purchased_at timestamptz,
    cancel_reason text,
    transferred_from text[],
    transferred_to text[],
    payload jsonb,
    refusal text,
    details jsonb
);
