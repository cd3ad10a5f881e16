-- requires: claims/waiting_claims.sql
-- The queue of claims as operators see it, and one thing of it tried again. As with the inbox,
-- every answer looks at a bounded part: at the claims of one user or transaction, at those that
-- wait, or at a stretch of the newest.

-- Claims that had to wait, newest first. `p_state` is waiting, set_aside or done; `p_subject` is a
-- user or a transaction. The next page begins before the id that is answered as `before`.
CREATE OR REPLACE FUNCTION bursar.list_claim_queue(
    p_state text DEFAULT NULL, p_subject text DEFAULT NULL, p_before bigint DEFAULT NULL,
    p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_stretch CONSTANT bigint := 20000;
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_before CONSTANT bigint := coalesce(p_before,
        (SELECT max(id) + 1 FROM public.claim_queue), 0);
    v_from bigint := 0;
    v_source text;
    v_claims jsonb;
BEGIN
    IF p_subject IS NOT NULL THEN
        v_source := 'SELECT * FROM public.claim_queue WHERE tx_id = $5 OR user_id = $5 OFFSET 0';
    ELSIF p_state = 'waiting' THEN
        v_source := $q$SELECT * FROM public.claim_queue WHERE status = 'waiting' OFFSET 0$q$;
    ELSE
        v_source := 'SELECT * FROM public.claim_queue';
        v_from := v_before - v_stretch;
    END IF;
    EXECUTE format($q$
        SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.id DESC), '[]')
        FROM (SELECT * FROM (%s) AS k
            WHERE k.id < $1 AND k.id >= $2 AND ($3 IS NULL OR k.status = $3)
            ORDER BY k.id DESC LIMIT $4) AS c$q$, v_source)
    INTO v_claims USING v_before, v_from, p_state, v_limit + 1, p_subject;
    RETURN jsonb_build_object(
        'claims', CASE WHEN jsonb_array_length(v_claims) > v_limit
            THEN v_claims - v_limit ELSE v_claims END,
        'before', CASE WHEN jsonb_array_length(v_claims) > v_limit
                THEN v_claims -> (v_limit - 1) -> 'id'
            WHEN v_from > (SELECT min(id) FROM public.claim_queue) THEN to_jsonb(v_from) END);
END
$$;

COMMENT ON FUNCTION bursar.list_claim_queue(text, text, bigint, integer) IS
    'One page of the claims that had to wait, newest first.';
REVOKE ALL ON FUNCTION bursar.list_claim_queue(text, text, bigint, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_claim_queue(text, text, bigint, integer)
    TO service_role, bursar_service;

-- How many claims wait, of 100,000 at most; how many of the newest 100,000 were set aside; and the
-- oldest of each.
CREATE OR REPLACE FUNCTION bursar.count_claim_queue() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT (SELECT jsonb_build_object('waiting', count(*), 'waiting_since', min(w.received_at))
            FROM (SELECT received_at FROM public.claim_queue WHERE status = 'waiting'
                ORDER BY received_at, id LIMIT 100000) AS w)
        || (SELECT jsonb_build_object('set_aside', count(*), 'set_aside_since', min(a.received_at))
            FROM public.claim_queue AS a
            WHERE a.status = 'set_aside'
                AND a.id > (SELECT max(id) - 100000 FROM public.claim_queue))
$$;

COMMENT ON FUNCTION bursar.count_claim_queue() IS
    'How many claims wait or were set aside, and since when.';
REVOKE ALL ON FUNCTION bursar.count_claim_queue() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.count_claim_queue() TO service_role, bursar_service;

-- One claim of the queue; NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.read_queued_claim(p_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT to_jsonb(k) FROM public.claim_queue AS k WHERE k.id = p_id
$$;

COMMENT ON FUNCTION bursar.read_queued_claim(bigint) IS 'One claim of the queue.';
REVOKE ALL ON FUNCTION bursar.read_queued_claim(bigint) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_queued_claim(bigint) TO service_role, bursar_service;

-- What came of a purchase in a store: how it stands, and the claim that there may be of it.
CREATE OR REPLACE FUNCTION bursar.what_came_of_purchase(p_tx_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('tx_id', a.tx_id, 'user_id', a.user_id, 'sku', a.sku,
        'status', a.status, 'environment', a.environment, 'is_refunded', a.is_refunded,
        'claim', (SELECT jsonb_build_object('user_id', c.user_id, 'status', c.status,
                'transaction_id', c.transaction_id)
            FROM public.purchase_claims AS c WHERE c.tx_id = a.tx_id))
    FROM public.audit_purchases AS a WHERE a.tx_id = p_tx_id
$$;

COMMENT ON FUNCTION bursar.what_came_of_purchase(text) IS
    'How a purchase in a store stands, and its claim.';
REVOKE ALL ON FUNCTION bursar.what_came_of_purchase(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.what_came_of_purchase(text) TO service_role, bursar_service;

-- Lets one event or claim, by its id here, wait again that waits or was set aside, and answers it
-- as a request of its verb; NULL where there is none, or nothing is left to do for it.
CREATE OR REPLACE FUNCTION bursar.take_up_one(p_kind text, p_id bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_request jsonb;
BEGIN
    IF p_kind = 'event' THEN
        UPDATE bursar.inbox AS i SET status = 'waiting'
        WHERE i.id = p_id AND i.provider = 'revenuecat' AND i.status <> 'done'
        RETURNING jsonb_build_object('event', i.payload, 'queued', true) INTO v_request;
    ELSE
        -- A wallet that is locked now must not keep it from the next replay.
        UPDATE public.claim_queue AS k SET status = 'waiting',
            waits_for = CASE k.status WHEN 'set_aside' THEN 'opening' ELSE k.waits_for END
        WHERE k.id = p_id AND k.status <> 'done'
        RETURNING jsonb_build_object('user_id', k.user_id, 'sku', k.sku, 'tx_id', k.tx_id,
            'store', k.store, 'environment', k.environment,
            'caller', '{"role": "service_role"}'::jsonb, 'queued', true, 'actor', k.actor)
        INTO v_request;
    END IF;
    RETURN v_request;
END
$$;

COMMENT ON FUNCTION bursar.take_up_one(text, bigint) IS
    'Lets one event or claim wait again, and answers it as a request.';
REVOKE ALL ON FUNCTION bursar.take_up_one(text, bigint) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.take_up_one(text, bigint) TO service_role, bursar_service;
