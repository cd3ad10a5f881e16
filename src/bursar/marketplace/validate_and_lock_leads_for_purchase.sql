-- requires: ledger/carry.sql
-- requires: ledger/remember.sql
-- requires: ledger/lock_wallets.sql
-- requires: marketplace/read_carts.sql
-- requires: marketplace/weigh_carts.sql
-- requires: marketplace/own_reservations.sql
-- requires: marketplace/later_carts.sql
-- requires: marketplace/log_conflicts.sql
-- validate_and_lock_leads_for_purchase: reserves a cart of leads for a payment by card. A lock
-- would die with its transaction; a reservation holds until its time is over, the purchase is
-- completed or it is let go. Nothing is charged.
--
-- Fields: buyer_workspace_id, lead_ids, [expected_prices], [allow_partial], [reserve_seconds: 60 to
-- 172800], [mode: live | test], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, RATE_LIMITED, PURCHASE_CONFLICT,
-- PRICE_CHANGED, BUSY.
-- Locks: the buyers' wallets, so that one buyer's requests come one after the other; card purchases
-- of their own that reserve the same leads, which are given up; the leads, sorted.
CREATE OR REPLACE FUNCTION bursar.validate_and_lock_leads_for_purchase_batch(
    p_requests jsonb, p_wait boolean
) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'validate_and_lock_leads_for_purchase';
    v_in bursar.cart[] := bursar.read_carts(p_requests, v_verb);
    v_wallets bursar.wallet_state[];
    v_now timestamptz;
    v_config public.marketplace_config;
    v_missing jsonb;
    v_first bursar.cart[];
    v_own uuid[];
    v_items bursar.cart_item[];
    v_outcomes json[];
    v_claims bursar.idempotency[];
    v_done boolean[];
BEGIN
    v_wallets := bursar.lock_wallets_of('workspace_credit', ARRAY(
        SELECT q.buyer_workspace_id::text FROM unnest(v_in) AS q WHERE q.refusal IS NULL), p_wait);
    v_missing := (SELECT jsonb_agg(jsonb_build_object('asset', s.asset, 'owner_id', s.owner_id))
        FROM unnest(v_wallets) AS s WHERE s.status = 'missing');
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Wallets have to be opened first.'
            USING ERRCODE = 'UBX01', DETAIL = v_missing::text;
    END IF;
    v_own := bursar.lock_own_reservations(v_in);
    v_first := bursar.carts_for_now(v_in, v_own);
    IF cardinality(v_first) < cardinality(v_in) THEN
        PERFORM bursar.prepare_later_carts(v_in, v_own, v_wallets, p_wait);
        v_in := v_first;
        v_own := bursar.lock_own_reservations(v_in);
    END IF;
    v_items := bursar.judge_carts(v_in, v_own, p_wait);
    v_now := bursar.clock();
    SELECT * INTO v_config FROM public.marketplace_config;

    SELECT array_agg(o.outcome ORDER BY q.n), array_agg(k.claim IS NULL AND r.code IS NULL
            ORDER BY q.n),
        array_agg(ROW(q.claim, q.fingerprint, o.outcome, v_now)::bursar.idempotency)
            FILTER (WHERE q.claim IS NOT NULL AND k.claim IS NULL
                AND coalesce(r.remembered, true))
    INTO v_outcomes, v_done, v_claims
    FROM unnest(v_in) AS q
    JOIN bursar.weigh_carts(v_in, v_items, NULL) AS w ON w.n = q.n
    LEFT JOIN LATERAL (SELECT * FROM bursar.idempotency AS i
        WHERE i.claim = q.claim LIMIT 1) AS k ON true
    LEFT JOIN unnest(v_wallets) AS s ON s.owner_id = q.buyer_workspace_id::text
    LEFT JOIN bursar.refusal AS r ON r.code = CASE
        WHEN w.refusal IS NOT NULL THEN w.refusal
        WHEN s.status = 'busy' THEN 'BUSY'
        -- More than a card payment can be.
        WHEN w.total > 99999999 / v_config.card_unit_amount THEN 'MALFORMED' END
    CROSS JOIN LATERAL (SELECT CASE
        WHEN k.fingerprint = q.fingerprint THEN bursar.replayed(k.outcome)
        WHEN k.claim IS NOT NULL THEN bursar.refused(v_verb, 'IDEMPOTENCY_MISMATCH')
        WHEN r.code IS NOT NULL THEN bursar.refused(v_verb, r.code, CASE
            WHEN w.refusal IS NULL AND r.code = 'MALFORMED' THEN '{"field": "lead_ids"}'
            -- What some of the leads met is no reason to say that the wallet is busy.
            WHEN w.refusal IS NOT NULL THEN w.details END)
        ELSE json_build_object('status', 'done', 'verb', v_verb, 'purchase_id', q.purchase_id,
            'payment_id', q.purchase_id, 'owner_id', q.buyer_workspace_id, 'total_price', w.total,
            'amount', w.total * v_config.card_unit_amount, 'currency', v_config.card_currency,
            'reserved_until', v_now + make_interval(
                secs => coalesce(q.reserve_seconds, v_config.reserve_seconds)),
            'items', w.items, 'conflicts', w.conflicts, 'replayed', false)
        END AS outcome OFFSET 0) AS o;

    PERFORM bursar.record_reservations(v_in, v_items, v_outcomes, v_done, v_own);
    IF v_claims IS NOT NULL THEN
        PERFORM bursar.remember(v_claims);
    END IF;
    PERFORM bursar.log_conflicts(v_in, v_outcomes);
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.validate_and_lock_leads_for_purchase_batch(jsonb, boolean) IS
    'Handler of validate_and_lock_leads_for_purchase.';
REVOKE ALL ON FUNCTION bursar.validate_and_lock_leads_for_purchase_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

-- Records what was reserved: purchases, items, the card payment that is to come, and what became of
-- the leads.
CREATE OR REPLACE FUNCTION bursar.record_reservations(
    p_carts bursar.cart[], p_items bursar.cart_item[], p_outcomes json[], p_done boolean[],
    p_own uuid[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_leads uuid[];
    v_written boolean;
BEGIN
    -- One's own reservation of a lead is given up for the new one, with all that it held.
    v_leads := bursar.release_reservations(
        bursar.reservations_given_up(p_carts, p_items, p_done, p_own), 'expired');
    INSERT INTO public.marketplace_purchases (id, buyer_workspace_id, status, total_price, fee,
        payment_method, actor, reserved_until, created_at)
    SELECT q.purchase_id, q.buyer_workspace_id, 'pending', sum(i.price), sum(i.fee), 'stripe',
        q.actor, (p_outcomes[q.n] ->> 'reserved_until')::timestamptz,
        v_now - (clock_timestamp() - statement_timestamp())
    FROM unnest(p_carts) AS q
    JOIN unnest(p_items) AS i ON i.n = q.n AND i.reason IS NULL
    WHERE p_done[q.n]
    GROUP BY q.n, q.purchase_id, q.buyer_workspace_id, q.actor;
    INSERT INTO public.marketplace_purchase_items (purchase_id, lead_id, seller_workspace_id, price,
        fee, status, reserved_until)
    SELECT p_carts[i.n].purchase_id, i.lead_id, i.seller_workspace_id, i.price, i.fee, 'reserved',
        (p_outcomes[i.n] ->> 'reserved_until')::timestamptz
    FROM unnest(p_items) AS i
    WHERE i.reason IS NULL AND p_done[i.n];
    INSERT INTO public.card_payments (id, workspace_id, purchase_id, credits, amount, currency,
        mode, created_at)
    SELECT q.purchase_id, q.buyer_workspace_id, q.purchase_id,
        (p_outcomes[q.n] ->> 'total_price')::bigint, (p_outcomes[q.n] ->> 'amount')::bigint,
        p_outcomes[q.n] ->> 'currency', q.mode, v_now
    FROM unnest(p_carts) AS q
    WHERE p_done[q.n];
    v_leads := ARRAY(SELECT unnest(v_leads) UNION SELECT i.lead_id FROM unnest(p_items) AS i
        WHERE i.reason IS NULL AND p_done[i.n]);
    v_written := bursar.count_sales(v_leads, 0);
END
$$;

COMMENT ON FUNCTION bursar.record_reservations(
    bursar.cart[], bursar.cart_item[], json[], boolean[], uuid[]
) IS 'Records carts that were reserved.';
REVOKE ALL ON FUNCTION bursar.record_reservations(
    bursar.cart[], bursar.cart_item[], json[], boolean[], uuid[]
) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.validate_and_lock_leads_for_purchase(p_requests jsonb)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('validate_and_lock_leads_for_purchase', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.validate_and_lock_leads_for_purchase(jsonb) IS
    'Reserves carts of leads for a payment by card; a batch.';
REVOKE ALL ON FUNCTION bursar.validate_and_lock_leads_for_purchase(jsonb)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.validate_and_lock_leads_for_purchase(jsonb)
    TO service_role, bursar_service;

-- For direct SQL callers: one cart. It answers a refusal and does not raise it, so that what stood
-- in the way stays in the audit log.
CREATE OR REPLACE FUNCTION public.validate_and_lock_leads_for_purchase(
    p_buyer_workspace_id uuid, p_lead_ids uuid[], p_expected_prices jsonb DEFAULT NULL,
    p_allow_partial boolean DEFAULT false, p_reserve_seconds integer DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.carry('validate_and_lock_leads_for_purchase', jsonb_build_array(
        jsonb_build_object(
            'buyer_workspace_id', p_buyer_workspace_id,
            'lead_ids', to_jsonb(p_lead_ids),
            'expected_prices', p_expected_prices,
            'allow_partial', p_allow_partial,
            'reserve_seconds', p_reserve_seconds,
            'actor', 'sql:' || bursar.caller_role())))::jsonb -> 0
$$;

COMMENT ON FUNCTION public.validate_and_lock_leads_for_purchase(
    uuid, uuid[], jsonb, boolean, integer
) IS 'Reserves a cart of leads; answers the outcome.';
REVOKE ALL ON FUNCTION public.validate_and_lock_leads_for_purchase(
    uuid, uuid[], jsonb, boolean, integer
) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.validate_and_lock_leads_for_purchase(
    uuid, uuid[], jsonb, boolean, integer
) TO service_role, bursar_service;
