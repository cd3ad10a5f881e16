-- requires: ledger/read_transaction.sql
-- Purchases of rewards, newest first, each with what was given back of it. Those of everybody are
-- found among the newest transactions, those of one user in the user's own entries; of either at
-- most 5,000 are looked at, and `next` says where to go on.
CREATE OR REPLACE FUNCTION bursar.list_reward_purchases(
    p_user_id text DEFAULT NULL, p_before bigint DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_before CONSTANT bigint := coalesce(p_before, 9223372036854775807);
    v_area bigint[];   -- places, newest first
    v_ids bigint[];    -- the transactions in these places
    v_found record;
BEGIN
    IF p_user_id IS NULL THEN
        SELECT array_agg(a.id ORDER BY a.id DESC) INTO v_area
        FROM (SELECT t.id FROM bursar.transaction AS t WHERE t.id < v_before
            ORDER BY t.id DESC LIMIT 5000) AS a;
        v_ids := v_area;
    ELSE
        SELECT array_agg(a.seq ORDER BY a.seq DESC),
            array_agg(a.transaction_id ORDER BY a.seq DESC) INTO v_area, v_ids
        FROM (SELECT e.seq::bigint, e.transaction_id FROM bursar.entry AS e
            WHERE e.owner_id = lower(p_user_id) AND e.asset = 'credit' AND e.seq < v_before
            ORDER BY e.seq DESC LIMIT 5000) AS a;
    END IF;
    WITH found AS MATERIALIZED (
        SELECT a.place, t.*
        FROM unnest(v_area, v_ids) AS a (place, id)
        CROSS JOIN LATERAL (SELECT * FROM bursar.transaction AS o WHERE o.id = a.id LIMIT 1) AS t
        WHERE t.verb = 'purchase_reward' AND (p_user_id IS NULL OR t.owner_id = lower(p_user_id))
        ORDER BY a.place DESC LIMIT v_limit + 1
    ), shown AS MATERIALIZED (
        SELECT * FROM found AS f ORDER BY f.place DESC LIMIT v_limit
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('transaction_id', s.id,
                'user_id', s.owner_id, 'price', s.amount, 'created_at', s.created_at,
                'reward', r.name, 'reward_id', r.id, 'refunded', (
                    SELECT coalesce(sum(c.amount), 0) FROM bursar.transaction AS c
                    WHERE c.corrects = s.id AND c.verb = 'refund')) ORDER BY s.place DESC), '[]')
            FROM shown AS s
            LEFT JOIN LATERAL (SELECT o.id, o.name FROM public.rewards AS o
                WHERE o.id = CASE WHEN bursar.is_uuid(substr(s.reason, 8))
                    THEN substr(s.reason, 8)::uuid END LIMIT 1) AS r ON true) AS list,
        CASE WHEN (SELECT count(*) FROM found) > v_limit THEN (SELECT min(s.place) FROM shown AS s)
            WHEN cardinality(v_area) = 5000 THEN v_area[5000] END AS next
    INTO v_found;
    RETURN jsonb_build_object('purchases', v_found.list, 'next', v_found.next);
END
$$;

COMMENT ON FUNCTION bursar.list_reward_purchases(text, bigint, integer) IS
    'Purchases of rewards newest first, a page of them.';
REVOKE ALL ON FUNCTION bursar.list_reward_purchases(text, bigint, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_reward_purchases(text, bigint, integer)
    TO service_role, bursar_service, bursar_operator;
