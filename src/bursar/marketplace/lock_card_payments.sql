-- requires: ledger/lock_wallets.sql
-- requires: ledger/value_shape.sql
-- requires: marketplace/own_reservations.sql
-- Payment intents are locked before everything else, sorted: an event that names nothing but an
-- intent, and the event that tells whose intent it is, see each other when they come at once.
CREATE OR REPLACE FUNCTION bursar.lock_payment_intents(p_intents text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(t.lock)
    FROM (SELECT DISTINCT hashtextextended('payment intent ' || i.intent, 0) AS lock
        FROM unnest(p_intents) AS i (intent) WHERE i.intent IS NOT NULL ORDER BY 1) AS t;
END
$$;

COMMENT ON FUNCTION bursar.lock_payment_intents(text[]) IS 'Locks payment intents, sorted.';
REVOKE ALL ON FUNCTION bursar.lock_payment_intents(text[]) FROM PUBLIC, anon, authenticated;

-- Locks all that card payments may touch, in the one lock order: the wallets of those who are paid,
-- then the purchases, the payments, and the leads. A purchase that is not paid yet has its buyer's
-- wallet locked too, so that no reservation of theirs is added meanwhile, and those that are there
-- and would be given up for it, with their leads. Answers the payments that cannot be settled now,
-- as {payment: code}: something of theirs is busy, or the wallet of who is paid is closed. Without
-- waiting, what somebody else holds is busy.
CREATE OR REPLACE FUNCTION bursar.lock_card_payments(p_ids uuid[], p_wait boolean) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_owners jsonb;
    v_wallets bursar.wallet_state[];
    v_own uuid[];
    -- Without OFFSET the planner may read an index whole, because it is in order.
    v_purchase_ids CONSTANT uuid[] := ARRAY(SELECT t.purchase_id
        FROM (SELECT p.purchase_id FROM public.card_payments AS p
            WHERE p.id = ANY (p_ids) OFFSET 0) AS t
        WHERE t.purchase_id IS NOT NULL ORDER BY 1);
    v_both uuid[]; v_lead_ids uuid[];
    v_purchases uuid[]; v_payments uuid[]; v_leads uuid[];
    v_busy boolean;
BEGIN
    -- Who is paid is written down when the payment is made, and never changes.
    v_owners := (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(p.id, w.id, w.paid)), '[]')
        FROM public.card_payments AS p
        CROSS JOIN LATERAL (
            SELECT p.workspace_id AS id, p.purchase_id IS NULL AS paid
            WHERE p.purchase_id IS NULL OR p.paid_at IS NULL
            UNION ALL SELECT i.seller_workspace_id, true
            FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = p.purchase_id) AS w
        WHERE p.id = ANY (p_ids));
    v_wallets := bursar.lock_wallets_of('workspace_credit', ARRAY(
        SELECT DISTINCT t.o ->> 1 FROM jsonb_array_elements(v_owners) AS t (o)), p_wait);
    v_own := ARRAY(SELECT DISTINCT o.id
        FROM (SELECT c.workspace_id, c.purchase_id, c.paid_at FROM public.card_payments AS c
            WHERE c.id = ANY (p_ids) OFFSET 0) AS p
        CROSS JOIN LATERAL unnest(bursar.own_reservations(p.workspace_id, ARRAY(
            SELECT i.lead_id FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = p.purchase_id), p.purchase_id)) AS o (id)
        WHERE p.purchase_id IS NOT NULL AND p.paid_at IS NULL);
    v_both := v_purchase_ids || v_own;
    v_lead_ids := ARRAY(SELECT DISTINCT t.lead_id
        FROM (SELECT i.lead_id FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = ANY (v_both) OFFSET 0) AS t ORDER BY 1);
    IF p_wait THEN
        PERFORM FROM public.marketplace_purchases WHERE id = ANY (v_both) ORDER BY id
        FOR NO KEY UPDATE;
        PERFORM FROM public.card_payments WHERE id = ANY (p_ids) ORDER BY id FOR NO KEY UPDATE;
        PERFORM FROM public.leads WHERE id = ANY (v_lead_ids) ORDER BY id FOR NO KEY UPDATE;
    ELSE
        v_purchases := ARRAY(SELECT id FROM public.marketplace_purchases
            WHERE id = ANY (v_both) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
        v_payments := ARRAY(SELECT id FROM public.card_payments
            WHERE id = ANY (p_ids) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
        v_leads := ARRAY(SELECT id FROM public.leads
            WHERE id = ANY (v_lead_ids) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
        -- What is given up is let go of with all of its leads, or not now.
        v_busy := EXISTS (SELECT FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = ANY (v_own)
                AND (i.purchase_id <> ALL (v_purchases) OR i.lead_id <> ALL (v_leads)));
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(b.id, b.code), '{}')
        FROM (SELECT t.o ->> 0 AS id, bool_or(s.status = 'busy') AS busy,
                max(CASE s.status WHEN 'closed' THEN 'WALLET_CLOSED' END)
                    FILTER (WHERE (t.o -> 2)::boolean) AS closed
            FROM jsonb_array_elements(v_owners) AS t (o)
            JOIN unnest(v_wallets) AS s ON s.owner_id = t.o ->> 1
            GROUP BY 1) AS w
        CROSS JOIN LATERAL (SELECT w.id, CASE WHEN w.busy OR v_busy OR NOT p_wait AND EXISTS (
                SELECT FROM public.card_payments AS p
                LEFT JOIN public.marketplace_purchase_items AS i ON i.purchase_id = p.purchase_id
                WHERE p.id = w.id::uuid AND (p.id <> ALL (v_payments)
                    OR p.purchase_id <> ALL (v_purchases) OR i.lead_id <> ALL (v_leads)))
            THEN 'BUSY' ELSE w.closed END AS code) AS b
        WHERE b.code IS NOT NULL);
END
$$;

COMMENT ON FUNCTION bursar.lock_card_payments(uuid[], boolean) IS
    'Locks all that card payments may touch; answers those that cannot be settled now.';
REVOKE ALL ON FUNCTION bursar.lock_card_payments(uuid[], boolean) FROM PUBLIC, anon, authenticated;

-- The card payments of the purchases that requests name, as far as they can be read.
CREATE OR REPLACE FUNCTION bursar.payments_named(p_requests jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT p.id FROM jsonb_array_elements(p_requests) AS q
        CROSS JOIN LATERAL (SELECT c.id FROM public.card_payments AS c
            WHERE c.purchase_id = CASE WHEN bursar.is_uuid(q ->> 'purchase_id')
                THEN (q ->> 'purchase_id')::uuid END LIMIT 1) AS p);
END
$$;

COMMENT ON FUNCTION bursar.payments_named(jsonb) IS
    'The card payments of the purchases that requests name.';
REVOKE ALL ON FUNCTION bursar.payments_named(jsonb) FROM PUBLIC, anon, authenticated;
