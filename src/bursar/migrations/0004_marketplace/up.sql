-- The marketplace: leads that are sold a limited number of times, carts of them bought for credits
-- or by card, and the wallets of the asset `workspace_credit`. Tables that a way down left
-- standing, because they held rows, are taken up again as they are.
CREATE TABLE IF NOT EXISTS public.leads (
    id uuid CONSTRAINT leads_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    seller_workspace_id uuid NOT NULL,
    title text NOT NULL DEFAULT '' CONSTRAINT leads_title_length CHECK (length(title) <= 200),
    description text NOT NULL DEFAULT ''
        CONSTRAINT leads_description_length CHECK (length(description) <= 2000),
    price bigint NOT NULL CONSTRAINT leads_price_range CHECK (price BETWEEN 1 AND 1000000000000000),
    is_marketplace_listed boolean NOT NULL DEFAULT true,
    marketplace_status text NOT NULL DEFAULT 'available' CONSTRAINT leads_marketplace_status
        CHECK (marketplace_status IN ('available', 'reserved', 'sold')),
    sold_count bigint NOT NULL DEFAULT 0,
    max_sales bigint NOT NULL DEFAULT 1
        CONSTRAINT leads_max_sales_range CHECK (max_sales BETWEEN 1 AND 1000000),
    first_sold_at timestamptz,
    sold_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- No writer, whoever it is, sells an item more often than it may be sold.
    CONSTRAINT leads_sold_at_most_max_sales CHECK (sold_count BETWEEN 0 AND max_sales)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS leads_seller_workspace_id_idx ON public.leads (seller_workspace_id);
CREATE INDEX IF NOT EXISTS leads_listed_created_at_idx ON public.leads (created_at DESC)
    WHERE is_marketplace_listed AND marketplace_status = 'available';

-- The table is the wallet; its three totals always add up to the balance. The kernel's columns and
-- guards are added when the asset is registered.
CREATE TABLE IF NOT EXISTS public.workspace_credits (
    workspace_id uuid CONSTRAINT workspace_credits_pkey PRIMARY KEY,
    balance bigint NOT NULL DEFAULT 0
        CONSTRAINT workspace_credits_balance_non_negative CHECK (balance >= 0),
    total_purchased bigint NOT NULL DEFAULT 0,
    total_earned bigint NOT NULL DEFAULT 0,
    total_used bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT workspace_credits_totals_make_the_balance
        CHECK (balance = total_purchased + total_earned - total_used)
) WITH (fillfactor = 70);

CREATE TABLE IF NOT EXISTS public.marketplace_purchases (
    id uuid CONSTRAINT marketplace_purchases_pkey PRIMARY KEY,
    buyer_workspace_id uuid NOT NULL,
    status text NOT NULL CONSTRAINT marketplace_purchases_status
        CHECK (status IN ('pending', 'completed', 'failed', 'refunded', 'expired')),
    total_price bigint NOT NULL
        CONSTRAINT marketplace_purchases_total_price_positive CHECK (total_price > 0),
    fee bigint NOT NULL,
    payment_method text NOT NULL CONSTRAINT marketplace_purchases_payment_method
        CHECK (payment_method IN ('credits', 'stripe')),
    actor text NOT NULL,
    transaction_id bigint,      -- of a purchase for credits
    reserved_until timestamptz, -- of a purchase by card, while it is pending
    created_at timestamptz NOT NULL,   -- when it arrived
    completed_at timestamptz,          -- the clock when it was completed
    CONSTRAINT marketplace_purchases_fee_range CHECK (fee BETWEEN 0 AND total_price)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS marketplace_purchases_buyer_created_at_idx
    ON public.marketplace_purchases (buyer_workspace_id, created_at);
CREATE INDEX IF NOT EXISTS marketplace_purchases_created_at_idx
    ON public.marketplace_purchases (created_at);
-- A partial index whose condition is a status would be read whole by plans that were made while the
-- table had one row, wherever a statement asks for an id and that status.
CREATE INDEX IF NOT EXISTS marketplace_purchases_reserved_until_idx
    ON public.marketplace_purchases (reserved_until) WHERE reserved_until IS NOT NULL;

-- Prices and sellers as they were when the purchase was made. An item that was paid for by card and
-- could no longer be had is gone: its money is owed back.
CREATE TABLE IF NOT EXISTS public.marketplace_purchase_items (
    purchase_id uuid NOT NULL CONSTRAINT marketplace_purchase_items_purchase_id_fkey
        REFERENCES public.marketplace_purchases (id),
    lead_id uuid NOT NULL
        CONSTRAINT marketplace_purchase_items_lead_id_fkey REFERENCES public.leads (id),
    seller_workspace_id uuid NOT NULL,
    price bigint NOT NULL,
    fee bigint NOT NULL,
    status text NOT NULL CONSTRAINT marketplace_purchase_items_status
        CHECK (status IN ('reserved', 'sold', 'released', 'gone', 'refunded')),
    reserved_until timestamptz,
    transaction_id bigint,
    sold_at timestamptz,
    CONSTRAINT marketplace_purchase_items_pkey PRIMARY KEY (purchase_id, lead_id),
    CONSTRAINT marketplace_purchase_items_fee_range CHECK (fee BETWEEN 0 AND price)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS marketplace_purchase_items_lead_id_idx
    ON public.marketplace_purchase_items (lead_id);

-- Money that a card is to pay: for the leads of a purchase, or to top up a workspace's credits.
CREATE TABLE IF NOT EXISTS public.card_payments (
    id uuid CONSTRAINT card_payments_pkey PRIMARY KEY,
    workspace_id uuid NOT NULL,
    purchase_id uuid CONSTRAINT card_payments_purchase_id_key UNIQUE
        CONSTRAINT card_payments_purchase_id_fkey REFERENCES public.marketplace_purchases (id),
    credits bigint NOT NULL CONSTRAINT card_payments_credits_positive CHECK (credits > 0),
    amount bigint NOT NULL CONSTRAINT card_payments_amount_positive CHECK (amount > 0),
    currency text NOT NULL,
    mode text NOT NULL CONSTRAINT card_payments_mode CHECK (mode IN ('live', 'test')),
    session_id text CONSTRAINT card_payments_session_id_key UNIQUE,
    payment_intent text CONSTRAINT card_payments_payment_intent_key UNIQUE,
    status text NOT NULL DEFAULT 'pending' CONSTRAINT card_payments_status
        CHECK (status IN ('pending', 'paid', 'failed', 'expired', 'refunded')),
    refunded bigint NOT NULL DEFAULT 0,  -- money given back so far
    disputed bigint NOT NULL DEFAULT 0,  -- money withdrawn by disputes and not reinstated
    owed bigint NOT NULL DEFAULT 0,      -- money for items that were gone
    reversed bigint NOT NULL DEFAULT 0,  -- credits taken back from who was paid
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    paid_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS card_payments_workspace_id_idx
    ON public.card_payments (workspace_id, created_at DESC);

-- What each wallet got by a card payment: reversals and reinstatements are counted against it.
CREATE TABLE IF NOT EXISTS public.card_payouts (
    payment_id uuid NOT NULL
        CONSTRAINT card_payouts_payment_id_fkey REFERENCES public.card_payments (id),
    place bigint NOT NULL,              -- in the order in which reversals eat along them
    workspace_id uuid NOT NULL,
    credits bigint NOT NULL CONSTRAINT card_payouts_credits_positive CHECK (credits > 0),
    fee bigint NOT NULL,                 -- of it, what the platform kept
    transaction_id bigint NOT NULL,
    CONSTRAINT card_payouts_pkey PRIMARY KEY (payment_id, place),
    CONSTRAINT card_payouts_fee_range CHECK (fee BETWEEN 0 AND credits)
);

-- Money owed back to a card. The id is the idempotency key under which it is asked for.
CREATE TABLE IF NOT EXISTS public.card_refunds (
    id uuid CONSTRAINT card_refunds_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    payment_id uuid NOT NULL CONSTRAINT card_refunds_payment_id_key UNIQUE
        CONSTRAINT card_refunds_payment_id_fkey REFERENCES public.card_payments (id),
    amount bigint NOT NULL CONSTRAINT card_refunds_amount_positive CHECK (amount > 0),
    reason text NOT NULL,
    status text NOT NULL DEFAULT 'owed'
        CONSTRAINT card_refunds_status CHECK (status IN ('owed', 'issued')),
    refund_id text,
    attempts bigint NOT NULL DEFAULT 0,
    last_error text,
    next_attempt_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    issued_at timestamptz
);
CREATE INDEX IF NOT EXISTS card_refunds_owed_idx ON public.card_refunds (next_attempt_at)
    WHERE status = 'owed';

CREATE TABLE IF NOT EXISTS public.audit_logs (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_logs_pkey PRIMARY KEY,
    action text NOT NULL,
    actor text NOT NULL,
    workspace_id uuid,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS audit_logs_action_created_at_idx
    ON public.audit_logs (action, created_at DESC);
CREATE INDEX IF NOT EXISTS audit_logs_workspace_id_created_at_idx
    ON public.audit_logs (workspace_id, created_at);

CREATE TABLE IF NOT EXISTS public.marketplace_config (
    only_row boolean CONSTRAINT marketplace_config_pkey PRIMARY KEY DEFAULT true
        CONSTRAINT marketplace_config_only_row CHECK (only_row),
    fee_basis_points bigint NOT NULL DEFAULT 0 CONSTRAINT marketplace_config_fee_basis_points
        CHECK (fee_basis_points BETWEEN 0 AND 10000),
    -- What a credit costs by card, in minor units of the currency.
    card_unit_amount bigint NOT NULL DEFAULT 1 CONSTRAINT marketplace_config_card_unit_amount
        CHECK (card_unit_amount BETWEEN 1 AND 1000000),
    card_currency text NOT NULL DEFAULT 'usd'
        CONSTRAINT marketplace_config_card_currency CHECK (card_currency ~ '^[a-z]{3}$'),
    reserve_seconds bigint NOT NULL DEFAULT 2400 CONSTRAINT marketplace_config_reserve_seconds
        CHECK (reserve_seconds BETWEEN 60 AND 172800),
    -- How long after a checkout session's end its event may still be on its way.
    reserve_slack_seconds bigint NOT NULL DEFAULT 600
        CONSTRAINT marketplace_config_reserve_slack_seconds
        CHECK (reserve_slack_seconds BETWEEN 0 AND 86400),
    purchases_per_minute bigint NOT NULL DEFAULT 300
        CONSTRAINT marketplace_config_purchases_per_minute CHECK (purchases_per_minute >= 0)
);
INSERT INTO public.marketplace_config DEFAULT VALUES ON CONFLICT DO NOTHING;

ALTER TABLE public.leads ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.workspace_credits ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.marketplace_purchases ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.marketplace_purchase_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.card_payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.card_payouts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.card_refunds ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.marketplace_config ENABLE ROW LEVEL SECURITY;

-- Hosted databases grant everything on new tables of `public` to these roles by name.
REVOKE ALL ON public.leads, public.workspace_credits, public.marketplace_purchases,
    public.marketplace_purchase_items, public.card_payments, public.card_payouts,
    public.card_refunds, public.audit_logs, public.marketplace_config
    FROM PUBLIC, anon, authenticated, service_role;
-- And on new sequences. An identity column is written without a right to its sequence.
REVOKE ALL ON SEQUENCE public.audit_logs_id_seq FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role, bursar_service, bursar_operator;

GRANT SELECT ON public.leads TO anon, authenticated;
GRANT INSERT (seller_workspace_id, title, description, price, is_marketplace_listed, max_sales)
    ON public.leads TO authenticated;
GRANT UPDATE (title, description, price, is_marketplace_listed, max_sales)
    ON public.leads TO authenticated;
-- What was sold is written by purchases alone.
GRANT SELECT, INSERT, DELETE ON public.leads TO service_role, bursar_operator;
GRANT UPDATE (id, seller_workspace_id, title, description, price, is_marketplace_listed, max_sales,
    created_at) ON public.leads TO service_role, bursar_operator;
GRANT SELECT ON public.workspace_credits, public.marketplace_purchases,
    public.marketplace_purchase_items TO authenticated, service_role, bursar_operator;
GRANT SELECT ON public.card_payments, public.card_payouts, public.card_refunds, public.audit_logs,
    public.marketplace_config TO service_role, bursar_operator;
GRANT DELETE ON public.workspace_credits TO service_role, bursar_operator;
GRANT INSERT (workspace_id, balance, total_purchased, total_earned, total_used, created_at,
    updated_at), UPDATE (workspace_id, balance, total_purchased, total_earned, total_used,
    created_at, updated_at) ON public.workspace_credits TO service_role, bursar_operator;
GRANT UPDATE ON public.marketplace_config TO service_role, bursar_operator;
GRANT INSERT ON public.audit_logs TO service_role, bursar_operator;

-- What a caller asked for: a cart, read and checked.
CREATE TYPE bursar.cart AS (
    n integer,                 -- place in the batch, from 1
    purchase_id uuid,          -- new
    buyer_workspace_id uuid,
    lead_ids uuid[],
    expected_prices jsonb,     -- by lead
    allow_partial boolean,
    reserve_seconds integer,
    mode text,
    actor text,
    claim bytea,
    fingerprint bytea,
    refusal text,
    details jsonb
);
-- One lead of a cart, judged under its lock.
CREATE TYPE bursar.cart_item AS (
    n integer,                 -- of its cart
    lead_id uuid,
    seller_workspace_id uuid,
    price bigint,
    fee bigint,
    reason text                -- why it cannot be had; NULL where it can
);
-- An event of the card company, read and checked.
CREATE TYPE bursar.card_event AS (
    n integer,
    event_id text,
    account text,
    mode text,
    type text,
    occurred_at timestamptz,
    payment_id uuid,           -- of ours, as far as the event or what is known of it says so
    session_id text,
    payment_intent text,
    payload jsonb,
    refusal text,
    details jsonb
);
-- What the events of a card payment come to, whatever their order.
CREATE TYPE bursar.card_facts AS (
    paid boolean,
    failed boolean,
    expired boolean,
    awaited boolean,           -- completed by a method that pays later
    mismatched boolean,        -- another amount or currency than was asked for
    refunded bigint,
    disputed bigint,           -- withdrawn and not reinstated
    lost bigint                -- of it, by disputes that were decided against us
);
