-- requires: ledger/carry.sql
-- requires: ledger/post.sql
-- requires: marketplace/read_carts.sql
-- requires: marketplace/weigh_carts.sql
-- requires: marketplace/own_reservations.sql
-- requires: marketplace/later_carts.sql
-- requires: marketplace/log_conflicts.sql
-- complete_credit_lead_purchase: a workspace buys a cart of leads for credits. One transaction:
-- validate, lock, charge, pay the sellers and the fee, mark the leads as sold, record, log.
--
-- Fields: buyer_workspace_id, lead_ids, [expected_prices], [allow_partial], [key], [principal],
-- [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, RATE_LIMITED, PURCHASE_CONFLICT,
-- PRICE_CHANGED, BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS, BALANCE_LIMIT.
-- Locks: the wallets of buyers and sellers together, sorted; card purchases of their own that
-- reserve the same leads; the leads, sorted.
CREATE OR REPLACE FUNCTION bursar.complete_credit_lead_purchase_batch(
    p_requests jsonb, p_wait boolean
) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_in bursar.cart[] := bursar.read_carts(p_requests, 'complete_credit_lead_purchase');
    v_wallets bursar.wallet_state[];
    v_first bursar.cart[];
    v_own uuid[];
    v_items bursar.cart_item[];
    v_requests bursar.request[];
    v_legs bursar.leg[];
    v_posted bursar.posted;
    v_refused boolean;
BEGIN
    v_wallets := bursar.lock_wallets_of('workspace_credit', bursar.workspaces_of(v_in), p_wait);
    v_own := bursar.lock_own_reservations(v_in);
    v_first := bursar.carts_for_now(v_in, v_own);
    IF cardinality(v_first) < cardinality(v_in) THEN
        PERFORM bursar.prepare_later_carts(v_in, v_own, v_wallets, p_wait);
        v_in := v_first;
        v_own := bursar.lock_own_reservations(v_in);
    END IF;
    v_items := bursar.judge_carts(v_in, v_own, p_wait);

    SELECT array_agg(ROW(q.n, CASE WHEN w.refusal IS NULL THEN l.legs ELSE 0 END,
            'complete_credit_lead_purchase', 'workspace_credit', q.buyer_workspace_id::text,
            w.total, 'leads of purchase ' || q.purchase_id, q.actor, NULL, NULL, NULL, q.claim,
            q.fingerprint, 'refuse', NULL, w.refusal, w.details,
            json_build_object('purchase_id', q.purchase_id, 'items', w.items,
                'conflicts', w.conflicts))::bursar.request ORDER BY q.n),
        bool_or(w.refusal IS NOT NULL OR w.conflicts <> '[]')
    INTO v_requests, v_refused
    FROM unnest(v_in) AS q
    JOIN bursar.weigh_carts(v_in, v_items, v_wallets) AS w ON w.n = q.n
    CROSS JOIN LATERAL (
        SELECT 1 + count(DISTINCT i.seller_workspace_id) FILTER (WHERE i.price > i.fee)
            + count(DISTINCT 1) FILTER (WHERE i.fee > 0) AS legs
        FROM unnest(v_items) AS i WHERE i.n = q.n AND i.reason IS NULL) AS l;

    SELECT array_agg(ROW(t.n, 'workspace_credit', t.owner_id, t.amount, 0, t.bucket)::bursar.leg
        ORDER BY t.n, t.place, t.owner_id COLLATE "C")
    INTO v_legs
    FROM (
        SELECT r.n, 1 AS place, r.owner_id, -r.amount AS amount, 'used' AS bucket
        FROM unnest(v_requests) AS r WHERE r.refusal IS NULL
        UNION ALL
        SELECT i.n, 2, i.seller_workspace_id::text, sum(i.price - i.fee)::bigint, 'earned'
        FROM unnest(v_items) AS i WHERE i.reason IS NULL GROUP BY 1, 3
        UNION ALL
        SELECT i.n, 3, 'system:fees', sum(i.fee)::bigint, 'fee'
        FROM unnest(v_items) AS i WHERE i.reason IS NULL GROUP BY 1
    ) AS t
    WHERE t.amount <> 0 AND v_requests[t.n].refusal IS NULL;

    v_posted := bursar.post(v_wallets, v_requests, v_legs,
        '{"INSUFFICIENT_FUNDS": "Insufficient credits to purchase these leads."}');
    IF v_posted.transaction_ids IS NOT NULL THEN
        PERFORM bursar.record_lead_purchases(v_in, v_items, v_posted.transaction_ids, v_own);
    END IF;
    IF v_refused THEN
        PERFORM bursar.log_conflicts(v_in, v_posted.outcomes);
    END IF;
    RETURN v_posted.outcomes;
END
$$;

COMMENT ON FUNCTION bursar.complete_credit_lead_purchase_batch(jsonb, boolean) IS
    'Handler of complete_credit_lead_purchase.';
REVOKE ALL ON FUNCTION bursar.complete_credit_lead_purchase_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

-- Records what was bought: purchases, items, what became of the leads, and of reservations that the
-- buyers had on them.
CREATE OR REPLACE FUNCTION bursar.record_lead_purchases(
    p_carts bursar.cart[], p_items bursar.cart_item[], p_transaction_ids bigint[], p_own uuid[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_released uuid[] := '{}';
    v_written boolean;
BEGIN
    INSERT INTO public.marketplace_purchases (id, buyer_workspace_id, status, total_price, fee,
        payment_method, actor, transaction_id, created_at, completed_at)
    SELECT q.purchase_id, q.buyer_workspace_id, 'completed', sum(i.price), sum(i.fee), 'credits',
        q.actor, p_transaction_ids[q.n],
        -- When it arrived, by the ledger's clock.
        v_now - (clock_timestamp() - statement_timestamp()), v_now
    FROM unnest(p_carts) AS q
    JOIN unnest(p_items) AS i ON i.n = q.n AND i.reason IS NULL
    WHERE p_transaction_ids[q.n] IS NOT NULL
    GROUP BY q.n, q.purchase_id, q.buyer_workspace_id, q.actor;
    INSERT INTO public.marketplace_purchase_items (purchase_id, lead_id, seller_workspace_id, price,
        fee, status, transaction_id, sold_at)
    SELECT p_carts[i.n].purchase_id, i.lead_id, i.seller_workspace_id, i.price, i.fee, 'sold',
        p_transaction_ids[i.n], v_now
    FROM unnest(p_items) AS i
    WHERE i.reason IS NULL AND p_transaction_ids[i.n] IS NOT NULL;
    IF cardinality(p_own) > 0 THEN
        v_released := bursar.release_reservations(bursar.reservations_given_up(p_carts, p_items,
            ARRAY(SELECT t.id IS NOT NULL FROM unnest(p_transaction_ids)
                WITH ORDINALITY AS t (id, n) ORDER BY t.n), p_own), 'expired');
    END IF;
    v_written := bursar.count_sales(ARRAY(SELECT i.lead_id FROM unnest(p_items) AS i
        WHERE i.reason IS NULL AND p_transaction_ids[i.n] IS NOT NULL), 1);
    IF cardinality(v_released) > 0 THEN
        v_written := bursar.count_sales(v_released, 0);
    END IF;
END
$$;

COMMENT ON FUNCTION bursar.record_lead_purchases(
    bursar.cart[], bursar.cart_item[], bigint[], uuid[]
) IS 'Records carts that were bought for credits.';
REVOKE ALL ON FUNCTION bursar.record_lead_purchases(
    bursar.cart[], bursar.cart_item[], bigint[], uuid[]
) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.complete_credit_lead_purchase(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('complete_credit_lead_purchase', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.complete_credit_lead_purchase(jsonb) IS
    'Buys carts of leads for credits; a batch.';
REVOKE ALL ON FUNCTION bursar.complete_credit_lead_purchase(jsonb)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.complete_credit_lead_purchase(jsonb)
    TO service_role, bursar_service;

-- For direct SQL callers: one purchase. It answers a refusal and does not raise it, so that what
-- stood in the way stays in the audit log.
CREATE OR REPLACE FUNCTION public.complete_credit_lead_purchase(
    p_buyer_workspace_id uuid, p_lead_ids uuid[], p_expected_prices jsonb DEFAULT NULL,
    p_allow_partial boolean DEFAULT false
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.carry('complete_credit_lead_purchase', jsonb_build_array(jsonb_build_object(
        'buyer_workspace_id', p_buyer_workspace_id,
        'lead_ids', to_jsonb(p_lead_ids),
        'expected_prices', p_expected_prices,
        'allow_partial', p_allow_partial,
        'actor', 'sql:' || bursar.caller_role())))::jsonb -> 0
$$;

COMMENT ON FUNCTION public.complete_credit_lead_purchase(uuid, uuid[], jsonb, boolean) IS
    'Buys a cart of leads for credits; answers the outcome.';
REVOKE ALL ON FUNCTION public.complete_credit_lead_purchase(uuid, uuid[], jsonb, boolean)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.complete_credit_lead_purchase(uuid, uuid[], jsonb, boolean)
    TO service_role, bursar_service;
