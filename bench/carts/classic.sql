-- The same marketplace without a ledger: what the loop writes, with the keys, checks and indexes
-- that such a schema usually has.
CREATE TABLE leads (
    id uuid PRIMARY KEY,
    seller_workspace_id uuid NOT NULL,
    title text NOT NULL,
    price bigint NOT NULL CHECK (price > 0),
    is_marketplace_listed boolean NOT NULL DEFAULT true,
    marketplace_status text NOT NULL DEFAULT 'available'
        CHECK (marketplace_status IN ('available', 'reserved', 'sold')),
    sold_count integer NOT NULL DEFAULT 0,
    max_sales integer NOT NULL DEFAULT 1,
    first_sold_at timestamptz,
    sold_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX ON leads (seller_workspace_id);
CREATE INDEX ON leads (created_at DESC)
    WHERE is_marketplace_listed AND marketplace_status = 'available';

CREATE TABLE workspace_credits (
    workspace_id uuid PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0),
    total_purchased bigint NOT NULL DEFAULT 0,
    total_earned bigint NOT NULL DEFAULT 0,
    total_used bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

CREATE TABLE marketplace_purchases (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    buyer_workspace_id uuid NOT NULL,
    status text NOT NULL,
    total_price bigint NOT NULL,
    payment_method text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz
);
CREATE INDEX ON marketplace_purchases (buyer_workspace_id, created_at);

CREATE TABLE marketplace_purchase_items (
    purchase_id uuid NOT NULL REFERENCES marketplace_purchases,
    lead_id uuid NOT NULL REFERENCES leads,
    price bigint NOT NULL,
    PRIMARY KEY (purchase_id, lead_id)
);
CREATE INDEX ON marketplace_purchase_items (lead_id);
