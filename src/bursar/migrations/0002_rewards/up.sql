-- The reward store: what is on sale, who collected what, and the wallets of the asset `credit`.
-- Tables that a way down left standing, because they held rows, are taken up again as they are.
CREATE TABLE IF NOT EXISTS public.rewards (
    id uuid CONSTRAINT rewards_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    creator_id uuid NOT NULL,
    name text NOT NULL CONSTRAINT rewards_name_length CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT ''
        CONSTRAINT rewards_description_length CHECK (length(description) <= 2000),
    cost bigint NOT NULL CONSTRAINT rewards_cost_range CHECK (cost BETWEEN 1 AND 1000000000000000),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS rewards_creator_id_idx ON public.rewards (creator_id);
CREATE INDEX IF NOT EXISTS rewards_active_created_at_idx ON public.rewards (created_at DESC)
    WHERE is_active;

-- Collecting twice is impossible for every writer: the key says so.
CREATE TABLE IF NOT EXISTS public.collected_rewards (
    reward_id uuid NOT NULL
        CONSTRAINT collected_rewards_reward_id_fkey REFERENCES public.rewards (id),
    collector_id uuid NOT NULL,
    price bigint NOT NULL,
    transaction_id bigint NOT NULL,
    collected_at timestamptz NOT NULL,
    CONSTRAINT collected_rewards_pkey PRIMARY KEY (collector_id, reward_id)
) WITH (autovacuum_vacuum_insert_threshold = 50000, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_freeze_min_age = 0);
CREATE INDEX IF NOT EXISTS collected_rewards_reward_id_idx ON public.collected_rewards (reward_id);
CREATE INDEX IF NOT EXISTS collected_rewards_collected_at_idx ON public.collected_rewards
    USING brin (collected_at);

-- The table is the wallet. The kernel's columns and guards are added when the asset is registered.
CREATE TABLE IF NOT EXISTS public.user_credits (
    user_id uuid CONSTRAINT user_credits_pkey PRIMARY KEY,
    balance bigint NOT NULL DEFAULT 0
        CONSTRAINT user_credits_balance_non_negative CHECK (balance >= 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

ALTER TABLE public.rewards ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.collected_rewards ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_credits ENABLE ROW LEVEL SECURITY;

-- Hosted databases grant everything on new tables of `public` to these roles by name.
REVOKE ALL ON public.rewards, public.collected_rewards, public.user_credits
    FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role, bursar_service, bursar_operator;

GRANT SELECT ON public.rewards TO anon, authenticated;
GRANT INSERT (creator_id, name, description, cost, is_active) ON public.rewards TO authenticated;
GRANT UPDATE (name, description, cost, is_active) ON public.rewards TO authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.rewards TO service_role, bursar_operator;
GRANT SELECT ON public.collected_rewards TO authenticated, service_role, bursar_operator;
-- The whole row, so that select('*') goes on working; the rows are one's own by policy.
GRANT SELECT ON public.user_credits TO authenticated;
GRANT SELECT, DELETE ON public.user_credits TO service_role, bursar_operator;
GRANT INSERT (user_id, balance, created_at) ON public.user_credits TO service_role, bursar_operator;
-- Stock clients' upserts set every column they name again; the guards keep the owner as it is.
GRANT UPDATE (user_id, balance, created_at) ON public.user_credits TO service_role, bursar_operator;

-- What a caller asked of purchase_reward, read and checked.
CREATE TYPE bursar.purchase AS (
    n integer,
    reward_id uuid,
    collector_id uuid,
    creator_id uuid,       -- the reward's, read before the lock: whose wallet to lock besides
    expected_price bigint,
    actor text,
    claim bytea,
    fingerprint bytea,
    refusal text,
    details jsonb
);
