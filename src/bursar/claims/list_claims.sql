-- requires: claims/purchase_facts.sql
-- Claims of the shop, newest first, before one of them. A status alone has no index: of a rare one
-- the newest 5,000 claims are looked through, and `next` says where to go on.
CREATE OR REPLACE FUNCTION bursar.list_claims(
    p_user_id text DEFAULT NULL, p_status text DEFAULT NULL, p_before_at text DEFAULT NULL,
    p_before_tx_id text DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_area CONSTANT integer := CASE WHEN p_status IS NULL AND p_user_id IS NULL THEN v_limit + 1
        ELSE 5000 END;
    v_at CONSTANT timestamptz := coalesce(p_before_at, 'infinity')::timestamptz;
    v_places public.purchase_claims[];
    v_found record;
BEGIN
    -- Two statements, so that each has the plan of its own index.
    IF p_user_id IS NULL THEN
        SELECT array_agg(a.c) INTO v_places FROM (
            SELECT c FROM public.purchase_claims AS c
            WHERE c.claimed_at <= v_at AND (p_before_tx_id IS NULL
                OR (c.claimed_at, c.tx_id) < (v_at, p_before_tx_id))
            ORDER BY c.claimed_at DESC, c.tx_id DESC LIMIT v_area) AS a;
    ELSE
        SELECT array_agg(a.c) INTO v_places FROM (
            SELECT c FROM public.purchase_claims AS c
            WHERE c.user_id = p_user_id AND c.claimed_at <= v_at AND (p_before_tx_id IS NULL
                OR (c.claimed_at, c.tx_id) < (v_at, p_before_tx_id))
            ORDER BY c.claimed_at DESC, c.tx_id DESC LIMIT v_area) AS a;
    END IF;
    WITH found AS MATERIALIZED (
        SELECT c.* FROM unnest(v_places) AS c WHERE p_status IS NULL OR c.status = p_status
        ORDER BY c.claimed_at DESC, c.tx_id DESC LIMIT v_limit + 1
    ), shown AS MATERIALIZED (
        SELECT * FROM found AS f ORDER BY f.claimed_at DESC, f.tx_id DESC LIMIT v_limit
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('tx_id', s.tx_id, 'user_id', s.user_id,
                'sku', s.sku, 'status', s.status, 'amount', s.amount,
                'is_override', s.is_override, 'claimed_at', s.claimed_at,
                'transaction_id', s.transaction_id)
                ORDER BY s.claimed_at DESC, s.tx_id DESC), '[]') FROM shown AS s) AS list,
        (SELECT jsonb_build_object('at', o.claimed_at, 'tx_id', o.tx_id)
            FROM (SELECT s.claimed_at, s.tx_id FROM shown AS s
                WHERE (SELECT count(*) FROM found) > v_limit
                UNION ALL SELECT a.claimed_at, a.tx_id FROM unnest(v_places) AS a
                WHERE (SELECT count(*) FROM found) <= v_limit AND cardinality(v_places) = v_area
            ) AS o ORDER BY o.claimed_at, o.tx_id LIMIT 1) AS next
    INTO v_found;
    RETURN jsonb_build_object('claims', v_found.list, 'next', v_found.next);
END
$$;

COMMENT ON FUNCTION bursar.list_claims(text, text, text, text, integer) IS
    'Claims of the shop newest first, a page of them.';
REVOKE ALL ON FUNCTION bursar.list_claims(text, text, text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_claims(text, text, text, text, integer)
    TO service_role, bursar_service, bursar_operator;

-- Everything known under one transaction id of the store: what was bought, what was claimed, the
-- cap that was in the way, and claims that wait. NULL where there is nothing.
CREATE OR REPLACE FUNCTION bursar.read_claim(p_tx_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    WITH known AS MATERIALIZED (
        SELECT (SELECT to_jsonb(p) - 'raw' FROM public.audit_purchases AS p
                WHERE p.tx_id = p_tx_id) AS purchase,
            (SELECT to_jsonb(c) - 'outcome' FROM public.purchase_claims AS c
                WHERE c.tx_id = p_tx_id) AS claim,
            (SELECT to_jsonb(o) FROM public.claims_over_cap AS o
                WHERE o.tx_id = p_tx_id) AS over_cap,
            (SELECT jsonb_agg(to_jsonb(q) - 'outcome' ORDER BY q.id) FROM (
                SELECT * FROM public.claim_queue AS w WHERE w.tx_id = p_tx_id
                ORDER BY w.id LIMIT 50) AS q) AS queue
    )
    SELECT jsonb_build_object('tx_id', p_tx_id,
        'user_id', coalesce(k.claim, k.purchase, k.over_cap, k.queue -> 0) ->> 'user_id',
        'purchase', k.purchase, 'claim', k.claim, 'over_cap', k.over_cap,
        'queue', coalesce(k.queue, '[]'))
    FROM known AS k WHERE coalesce(k.claim, k.purchase, k.over_cap, k.queue) IS NOT NULL
$$;

COMMENT ON FUNCTION bursar.read_claim(text) IS
    'What is known under one transaction id of the store.';
REVOKE ALL ON FUNCTION bursar.read_claim(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_claim(text) TO service_role, bursar_service, bursar_operator;
