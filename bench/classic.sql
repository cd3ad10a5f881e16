-- What a careful developer writes first: one function that locks the buyer's wallet, checks and
-- writes. It has no idempotency key, no double entry, and a log line for the buyer only.
CREATE TABLE wallet (
    user_id uuid CONSTRAINT wallet_pkey PRIMARY KEY,
    balance bigint NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE reward (
    id uuid CONSTRAINT reward_pkey PRIMARY KEY,
    seller_id uuid NOT NULL,
    price bigint NOT NULL
);
CREATE TABLE purchase (
    buyer_id uuid NOT NULL,
    reward_id uuid NOT NULL,
    seller_id uuid NOT NULL,
    price bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT purchase_pkey PRIMARY KEY (buyer_id, reward_id)
);
CREATE TABLE wallet_log (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT wallet_log_pkey PRIMARY KEY,
    user_id uuid NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION purchase_reward(p_reward_id uuid, p_buyer_id uuid) RETURNS bigint
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    v_seller_id uuid;
    v_price bigint;
    v_balance bigint;
BEGIN
    SELECT r.seller_id, r.price INTO STRICT v_seller_id, v_price
    FROM reward AS r WHERE r.id = p_reward_id;
    SELECT w.balance INTO STRICT v_balance
    FROM wallet AS w WHERE w.user_id = p_buyer_id FOR UPDATE;
    IF v_balance < v_price THEN
        RAISE EXCEPTION 'insufficient funds' USING ERRCODE = 'P0001';
    END IF;
    INSERT INTO purchase (buyer_id, reward_id, seller_id, price)
    VALUES (p_buyer_id, p_reward_id, v_seller_id, v_price);
    UPDATE wallet SET balance = balance - v_price WHERE user_id = p_buyer_id;
    UPDATE wallet SET balance = balance + v_price WHERE user_id = v_seller_id;
    INSERT INTO wallet_log (user_id, amount, balance_after)
    VALUES (p_buyer_id, -v_price, v_balance - v_price);
    RETURN v_balance - v_price;
END
$$;
