-- requires: marketplace/read_lead_purchase.sql
-- Purchases of leads, newest first, before one of them: how their payment stands, and what is owed
-- back to a card. A status alone has no index: of a rare one the newest 5,000 purchases are looked
-- through, and `next` says where to go on.
CREATE OR REPLACE FUNCTION bursar.list_lead_purchases(
    p_workspace_id text DEFAULT NULL, p_status text DEFAULT NULL, p_before_at text DEFAULT NULL,
    p_before_id text DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_area CONSTANT integer := CASE WHEN p_status IS NULL THEN v_limit + 1 ELSE 5000 END;
    v_at CONSTANT timestamptz := coalesce(p_before_at, 'infinity')::timestamptz;
    v_id CONSTANT uuid := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid;
    v_workspace CONSTANT uuid := CASE WHEN bursar.is_uuid(p_workspace_id)
        THEN p_workspace_id::uuid END;
    v_places public.marketplace_purchases[];
    v_found record;
BEGIN
    -- Two statements, so that each has the plan of its own index.
    IF p_workspace_id IS NULL THEN
        SELECT array_agg(a.b) INTO v_places FROM (
            SELECT b FROM public.marketplace_purchases AS b
            WHERE b.created_at <= v_at AND (b.created_at, b.id) < (v_at, v_id)
            ORDER BY b.created_at DESC, b.id DESC LIMIT v_area) AS a;
    ELSE
        SELECT array_agg(a.b) INTO v_places FROM (
            SELECT b FROM public.marketplace_purchases AS b
            WHERE b.buyer_workspace_id = v_workspace AND b.created_at <= v_at
                AND (b.created_at, b.id) < (v_at, v_id)
            ORDER BY b.created_at DESC, b.id DESC LIMIT v_area) AS a;
    END IF;
    WITH found AS MATERIALIZED (
        SELECT b.* FROM unnest(v_places) AS b WHERE p_status IS NULL OR b.status = p_status
        ORDER BY b.created_at DESC, b.id DESC LIMIT v_limit + 1
    ), shown AS MATERIALIZED (
        SELECT * FROM found AS f ORDER BY f.created_at DESC, f.id DESC LIMIT v_limit
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('purchase_id', s.id,
                'workspace_id', s.buyer_workspace_id, 'status', s.status,
                'payment_method', s.payment_method, 'total_price', s.total_price,
                'created_at', s.created_at, 'transaction_id', s.transaction_id,
                'payment_status', p.status, 'currency', p.currency, 'owed', p.owed)
                ORDER BY s.created_at DESC, s.id DESC), '[]')
            FROM shown AS s
            LEFT JOIN LATERAL (SELECT c.status, c.currency, (SELECT r.amount
                    FROM public.card_refunds AS r
                    WHERE r.payment_id = c.id AND r.status = 'owed') AS owed
                FROM public.card_payments AS c WHERE c.purchase_id = s.id LIMIT 1) AS p ON true
        ) AS list,
        (SELECT jsonb_build_object('at', o.created_at, 'id', o.id)
            FROM (SELECT s.created_at, s.id FROM shown AS s
                WHERE (SELECT count(*) FROM found) > v_limit
                UNION ALL SELECT a.created_at, a.id FROM unnest(v_places) AS a
                WHERE (SELECT count(*) FROM found) <= v_limit AND cardinality(v_places) = v_area
            ) AS o ORDER BY o.created_at, o.id LIMIT 1) AS next
    INTO v_found;
    RETURN jsonb_build_object('purchases', v_found.list, 'next', v_found.next);
END
$$;

COMMENT ON FUNCTION bursar.list_lead_purchases(text, text, text, text, integer) IS
    'Purchases of leads newest first, a page of them.';
REVOKE ALL ON FUNCTION bursar.list_lead_purchases(text, text, text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_lead_purchases(text, text, text, text, integer)
    TO service_role, bursar_service, bursar_operator;

-- What somebody means by an id of the marketplace: a purchase, a payment, or the card company's
-- name of one. NULL where it is none of them.
CREATE OR REPLACE FUNCTION bursar.find_lead_purchase(p_text text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_id CONSTANT uuid := CASE WHEN bursar.is_uuid(p_text) THEN p_text::uuid END;
    v_found jsonb;
BEGIN
    SELECT jsonb_build_object('purchase_id', b.id, 'workspace_id', b.buyer_workspace_id)
    INTO v_found FROM public.marketplace_purchases AS b WHERE b.id = v_id;
    IF v_found IS NULL THEN
        SELECT jsonb_build_object('payment_id', p.id, 'purchase_id', p.purchase_id,
            'workspace_id', p.workspace_id) INTO v_found
        FROM public.card_payments AS p WHERE p.id = v_id;
    END IF;
    IF v_found IS NULL THEN
        SELECT jsonb_build_object('payment_id', p.id, 'purchase_id', p.purchase_id,
            'workspace_id', p.workspace_id) INTO v_found
        FROM public.card_payments AS p
        WHERE p.payment_intent = p_text OR p.session_id = p_text LIMIT 1;
    END IF;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.find_lead_purchase(text) IS
    'Whose purchase or payment an id of the marketplace means.';
REVOKE ALL ON FUNCTION bursar.find_lead_purchase(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.find_lead_purchase(text)
    TO service_role, bursar_service, bursar_operator;

-- What the receipt of a purchase leaves out: who was paid, and what is owed back to the card.
CREATE OR REPLACE FUNCTION bursar.read_lead_payment(p_purchase_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT jsonb_build_object('payment_id', p.id, 'payment_intent', p.payment_intent,
        'paid_at', p.paid_at, 'reversed', p.reversed,
        'refund', (SELECT to_jsonb(r) - 'payment_id' FROM public.card_refunds AS r
            WHERE r.payment_id = p.id),
        'payouts', (SELECT coalesce(jsonb_agg(to_jsonb(o) - 'payment_id' ORDER BY o.place), '[]')
            FROM public.card_payouts AS o WHERE o.payment_id = p.id))
    FROM public.card_payments AS p
    WHERE p.purchase_id = CASE WHEN bursar.is_uuid(p_purchase_id) THEN p_purchase_id::uuid END
$$;

COMMENT ON FUNCTION bursar.read_lead_payment(text) IS
    'The card payment of a purchase of leads: who was paid, what is owed back.';
REVOKE ALL ON FUNCTION bursar.read_lead_payment(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_lead_payment(text)
    TO service_role, bursar_service, bursar_operator;
